-- Renews the lease of the leader, or takes it when nobody has it, and reads what it leads.
-- KEYS: leader, record, policy. ARGV: own value ('' without), a fresh one, milliseconds.
-- Returns: who leads, record, policy.
local leader = redis.call('GET', KEYS[1])
if not leader then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  leader = ARGV[2]
elseif leader == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {leader, redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])}
