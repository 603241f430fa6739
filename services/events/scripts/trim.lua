-- Drops what every reader of a stream has. KEYS: stream, number of entries ever added. ARGV: the
-- first id to keep. Answers {entries left, entries ever added or -1, id of the oldest or ''}.
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return { redis.call('XLEN', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or -1), first and first[1] or '' }
