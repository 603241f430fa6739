-- Changes items, and tells those who follow the table. Records are described in record.py.
-- KEYS: table, stream, version. ARGV: what to do; now, unix seconds; a random number; most entries
-- of the stream; then the items, each its key, id, time of expiry and content.
-- An entry of the stream is one change. Its id is <version>-<random number>, so that a reader can
-- tell that it does not know this stream: Redis lost what it had, and other changes took the number.
-- Answers what refused each item: '' for none.

local HEADER, HEADER_BYTES = '<BBi8i8i8I2', 28
local FORMAT, HIDDEN, DELETED = 1, 1, 2
local EPOCH = 2 ^ 20 -- changes a second that a clock in seconds leaves room for

local now = tonumber(ARGV[2])

local function decode(data)
  if #data < HEADER_BYTES or data:byte() ~= FORMAT then return nil end
  local _, flags, born, put_at, expires_at, length = struct.unpack(HEADER, data)
  local content_at = HEADER_BYTES + length + 1
  return {
    hidden = flags % 2 == HIDDEN, deleted = flags >= DELETED,
    born = born, put_at = put_at, expires_at = expires_at,
    id = data:sub(HEADER_BYTES + 1, content_at - 1), content = data:sub(content_at),
  }
end

local function encode(item)
  local flags = (item.hidden and HIDDEN or 0) + (item.deleted and DELETED or 0)
  return struct.pack(HEADER, FORMAT, flags, item.born, item.put_at, item.expires_at, #item.id)
    .. item.id .. item.content
end

local function unknown(id)
  return { hidden = false, deleted = false, born = 0, put_at = 0, expires_at = 0, id = id, content = '' }
end

-- Each takes the record there is, or nil, and what was sent; answers the record there is to be, or
-- nil and why not.
local operations = {}

function operations.put(item, id, expires_at, content)
  item = item or unknown(id)
  if item.born == 0 then item.born = now end
  item.deleted, item.put_at, item.expires_at, item.content = false, now, expires_at, content
  return item
end

function operations.hide(item, id)
  item = item or unknown(id)
  item.hidden = true
  return item
end

function operations.show(item)
  if not item then return nil, 'unknown' end
  if item.deleted then return nil, 'deleted' end
  if not item.hidden then return nil, 'shown' end
  item.hidden = false
  return item
end

function operations.expire(item, id, expires_at)
  item = item or unknown(id)
  if item.deleted then return nil, 'deleted' end
  item.expires_at = expires_at
  return item
end

function operations.delete(item, id)
  if item and item.deleted then return item end
  local tombstone = unknown(id)
  tombstone.hidden, tombstone.deleted, tombstone.expires_at = item and item.hidden, true, now
  return tombstone
end

-- expires_at: what was deleted or expired by then is forgotten, but not that it was hidden.
function operations.forget(item, id, expires_at)
  if not item or item.expires_at == 0 or item.expires_at > expires_at then return nil, 'kept' end
  local rest = unknown(id)
  rest.hidden = item.hidden
  return rest
end

local function says_nothing(item)
  return item.put_at == 0 and item.expires_at == 0 and not item.hidden and not item.deleted
end

local operation = operations[ARGV[1]]
local version = tonumber(redis.call('GET', KEYS[3]) or now * EPOCH)

local function save(key, record)
  version = version + 1
  redis.call('SET', KEYS[3], string.format('%.0f', version))
  if record == '' then
    redis.call('HDEL', KEYS[1], key)
  else
    redis.call('HSET', KEYS[1], key, record)
  end
  local entry = string.format('%.0f-%s', version, ARGV[3])
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], entry, 'key', key, 'record', record)
end

-- Does what was asked to one item; answers why not, or ''.
local function change(key, id, expires_at, content)
  local stored = redis.call('HGET', KEYS[1], key) or ''
  local item = decode(stored)
  if stored ~= '' and not item then return 'unreadable' end
  if item and item.id ~= id then return 'collision' end
  local changed, refusal = operation(item, id, expires_at, content)
  if not changed then return refusal end
  local record = says_nothing(changed) and '' or encode(changed)
  if record ~= stored then save(key, record) end
  return ''
end

local answers = {}
for i = 5, #ARGV, 4 do
  answers[#answers + 1] = change(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3])
end
return answers
