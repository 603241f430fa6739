-- Events go into the history, newest first by their time, or, for impressions, into the exact list
-- of shown items; all go into the Bloom filter. An event id that is known already only becomes the
-- newest id: those of the last call are all known, whatever was known before. Each accepted event is
-- also an entry of the stream, if there is one: here, so that it is in both or in neither.
-- KEYS: the user, two scratch keys; the stream, and the number of its entries ever added. ARGV:
-- expiry in seconds; hashes, log2 of bits, number of generations; lengths of the exact list, the
-- history and the list of event ids; length of the stream; number of events; the events, each the
-- payload of its entry, which has the hash of its id at byte 2 and its history entry at byte 10;
-- then masks, one a group of keys.
-- Answers {accepted, duplicates}.

local ID_AT, EVENT_AT = 2, 10
local ID_BYTES, EVENT_BYTES = 8, 17
local TIME_AT, TYPE_AT = 9, 13
local IMPRESSION = 1

-- The history with the event before all that are as old or older.
local function inserted(history, event)
  local time, at = struct.unpack('<I4', event, TIME_AT), 1
  while at <= #history and struct.unpack('<I4', history, at + TIME_AT - 1) > time do
    at = at + EVENT_BYTES
  end
  return history:sub(1, at - 1) .. event .. history:sub(at)
end

local user, stream, added = KEYS[1], KEYS[4], KEYS[5]
local shape = {
  hashes = tonumber(ARGV[2]), log2_bits = tonumber(ARGV[3]), generations = tonumber(ARGV[4]),
}
local recent_limit, history_limit, ids_limit =
  tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local stream_limit, last = ARGV[8], 9 + tonumber(ARGV[9])
local stored = redis.call('HMGET', user, 'recent', 'history', 'event_ids', 'bloom.0')
local recent = entries('recent', stored[1], 8)
local history = entries('history', stored[2], EVENT_BYTES)
local ids = entries('event_ids', stored[3], 8)
local bloom = open_bloom(stored[4], shape)

local accepted, duplicates = {}, 0
for i = 10, last do
  local id = ARGV[i]:sub(ID_AT, ID_AT + ID_BYTES - 1)
  local event = ARGV[i]:sub(EVENT_AT, EVENT_AT + EVENT_BYTES - 1)
  local at = position(ids, id)
  if at then
    duplicates = duplicates + 1
    ids = id .. ids:sub(1, at - 1) .. ids:sub(at + ID_BYTES)
  else
    accepted[#accepted + 1] = ARGV[i]
    ids = id .. ids
    if event:byte(TYPE_AT) == IMPRESSION then
      recent = to_front(recent, event:sub(1, 8), recent_limit)
    else
      history = inserted(history, event):sub(1, history_limit * EVENT_BYTES)
    end
  end
end

if stream and #accepted > 0 then
  for i = 1, #accepted do
    redis.call('XADD', stream, 'MAXLEN', '~', stream_limit, '*', 'e', accepted[i])
  end
  redis.call('INCRBY', added, #accepted)
end
if #accepted > 0 then
  redis.call('HSET', user, 'recent', VERSION .. recent, 'history', VERSION .. history,
    'event_ids', VERSION .. ids:sub(1, ids_limit * ID_BYTES))
  for i = last + 1, #ARGV do add_keys(bloom, ARGV[i]) end
  save_bloom(user, bloom)
end
redis.call('EXPIRE', user, ARGV[1])
return { #accepted, duplicates }
