-- The policy and its lease at one moment.
-- KEYS: policy, lease. Returns: policy, lease, milliseconds until the lease expires.
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('PTTL', KEYS[2])}
