-- Gives the lease up, if it is still ours. KEYS: lease. ARGV: who.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
