-- Stores a gateway's report, and the gateway among those that live.
-- KEYS: report, gateways. ARGV: report, gateway, milliseconds until it counts as gone.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. string.format('%d', now - ARGV[3]))
redis.call('PEXPIRE', KEYS[2], ARGV[3])
