-- Stores a whole user unless it exists or was erased. KEYS: the user, the list of erased users.
-- ARGV: expiry in seconds; what stands for the user in the list; then field, value.
-- Answers 1 when stored, else 0.

if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('ZSCORE', KEYS[2], ARGV[2]) then return 0 end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
