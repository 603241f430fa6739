-- Replaces one field of a user. KEYS: the user. ARGV: expiry in seconds, field, record.

redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
