-- What a reader did, and how far it is, in one step; renews the lease.
-- KEYS: lease, state, a hash of records. ARGV: epoch; who has the lease; milliseconds; position and
-- count, two empty texts for a mere renewal; then field and record, an empty record deletes.
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return redis.error_reply('FENCED another process has taken over')
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'position', ARGV[4], 'count', ARGV[5]) end
for i = 6, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[3], ARGV[i])
  else
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  end
end
return 1
