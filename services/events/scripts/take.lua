-- Takes a lease. KEYS: lease, state. ARGV: who takes it; milliseconds.
-- Answers {epoch, position, count}, or nothing when somebody else has it. Each taking has an epoch of
-- its own: what was sent under an earlier one is refused.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
local epoch = redis.call('HINCRBY', KEYS[2], 'epoch', 1)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local state = redis.call('HMGET', KEYS[2], 'position', 'count')
return { epoch, state[1] or '0-0', state[2] or '0' }
