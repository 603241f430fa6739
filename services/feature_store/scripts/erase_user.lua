-- Forgets a user and notes it in the list of erased users, by time. KEYS: the user, the list.
-- ARGV: what stands for the user in the list; seconds that the list remembers.
-- Answers 1 when something was stored, else 0. A user of whom nothing was stored is noted too:
-- an import may be under way.

local now, kept = tonumber(redis.call('TIME')[1]), tonumber(ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - kept)
redis.call('EXPIRE', KEYS[2], kept)
return redis.call('DEL', KEYS[1])
