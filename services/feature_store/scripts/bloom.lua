-- Bloom generations: field bloom.0 is the newest and takes the keys; when half its bits are set it
-- is full, a new one begins, and the oldest is dropped.

local HEADER = '<BBBBI4I4'
local HEADER_BYTES = 12

-- shape: hashes, log2_bits, generations.
local function fresh(shape, number)
  return {
    hashes = shape.hashes, log2_bits = shape.log2_bits, set = 0, number = number,
    data = string.rep('\0', 2 ^ shape.log2_bits / 8),
  }
end

local function decode_generation(record)
  if #record < HEADER_BYTES then error('CORRUPT bloom.0', 0) end
  local version, hashes, log2_bits, _, set, number = struct.unpack(HEADER, record)
  if version ~= VERSION:byte() or #record ~= HEADER_BYTES + 2 ^ log2_bits / 8 then
    error('CORRUPT bloom.0', 0)
  end
  local data = record:sub(HEADER_BYTES + 1)
  return { hashes = hashes, log2_bits = log2_bits, set = set, number = number, data = data }
end

local function encode_generation(g)
  local header = struct.pack(HEADER, VERSION:byte(), g.hashes, g.log2_bits, 0, g.set, g.number)
  return header .. g.data
end

local function rotate(bloom)
  table.insert(bloom.finished, 1, encode_generation(bloom.current))
  bloom.current = fresh(bloom.shape, bloom.current.number + 1)
end

local function open_bloom(record, shape)
  local bloom = { shape = shape, finished = {}, changed = false }
  bloom.current = record and decode_generation(record) or fresh(shape, 1)
  if bloom.current.hashes ~= shape.hashes or bloom.current.log2_bits ~= shape.log2_bits then
    rotate(bloom)
  end
  return bloom
end

-- The data with the bits of the mask set, and how many bits are set then. Two scratch keys, gone
-- when the script ends and unknown to replicas, let Redis do what in Lua takes ten times as long.
local function with_bits(data, mask)
  local bits, scratch = KEYS[2], KEYS[3]
  redis.set_repl(redis.REPL_NONE)
  redis.call('MSET', bits, data, scratch, mask)
  redis.call('BITOP', 'OR', bits, bits, scratch)
  local set = redis.call('BITCOUNT', bits)
  local result = redis.call('GET', bits)
  redis.call('DEL', bits, scratch)
  redis.set_repl(redis.REPL_ALL)
  return result, set
end

-- `mask`: the bits of a group of keys, small enough not to fill an empty generation.
local function add_keys(bloom, mask)
  local data, set = with_bits(bloom.current.data, mask)
  if bloom.current.set > 0 and set > 2 ^ bloom.shape.log2_bits / 2 then
    rotate(bloom)
    data, set = with_bits(bloom.current.data, mask)
  end
  bloom.changed = bloom.changed or set > bloom.current.set
  bloom.current.data, bloom.current.set = data, set
end

local function save_bloom(key, bloom)
  if not bloom.changed then return end
  local older = bloom.finished
  if #older > 0 then
    for i = 1, bloom.shape.generations - 2 do
      older[#older + 1] = redis.call('HGET', key, 'bloom.' .. i) or nil
    end
    for i = 1, math.min(#older, bloom.shape.generations - 1) do
      redis.call('HSET', key, 'bloom.' .. i, older[i])
    end
  end
  redis.call('HSET', key, 'bloom.0', encode_generation(bloom.current))
end
