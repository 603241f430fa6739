-- Stores a whole user unless it exists. KEYS: the user. ARGV: expiry in seconds, then field, value.
-- Answers 1 when stored, 0 when the user exists.

if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
