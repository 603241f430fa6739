-- What a reader did, and how far it is, in one step; renews the lease.
-- KEYS: lease, state, a hash of records, the stream. ARGV: epoch; who has the lease; milliseconds;
-- position, empty for a mere renewal; count, empty when the position is only to be checked; then field
-- and record, an empty record deletes.
-- A Redis that was away may have lost entries that were read: their events come again under other ids.
-- Entries that were trimmed are gone too, but with all before them.
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return redis.error_reply('FENCED another process has taken over')
end
if ARGV[4] ~= '' and ARGV[4] ~= (redis.call('HGET', KEYS[2], 'position') or '0-0')
  and #redis.call('XRANGE', KEYS[4], ARGV[4], ARGV[4]) == 0
  and #redis.call('XRANGE', KEYS[4], '-', ARGV[4], 'COUNT', 1) == 1 then
  return redis.error_reply('LOST the entry is not in the stream any more')
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], 'position', ARGV[4], 'count', ARGV[5]) end
for i = 6, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[3], ARGV[i])
  else
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  end
end
return 1
