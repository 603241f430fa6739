-- Publishes a value while the lease is ours. KEYS: lease, state, where it goes. ARGV: epoch; who has
-- the lease; milliseconds; the value; its expiry in seconds.
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return redis.error_reply('FENCED another process has taken over')
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('SET', KEYS[3], ARGV[4], 'EX', ARGV[5])
return 1
