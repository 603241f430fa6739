-- Items were shown: to the front of the exact list and into the newest Bloom generation.
-- KEYS: the user, two scratch keys. ARGV: expiry in seconds; hashes, log2 of bits, number of
-- generations; length of the exact list; distinct keys (u64 each); then masks, one a group of keys.

local user = KEYS[1]
local shape = {
  hashes = tonumber(ARGV[2]), log2_bits = tonumber(ARGV[3]), generations = tonumber(ARGV[4]),
}
local stored = redis.call('HMGET', user, 'recent', 'bloom.0')
local recent = to_front(entries('recent', stored[1], 8), ARGV[6], tonumber(ARGV[5]))
local bloom = open_bloom(stored[2], shape)
for i = 7, #ARGV do add_keys(bloom, ARGV[i]) end

redis.call('HSET', user, 'recent', VERSION .. recent)
save_bloom(user, bloom)
redis.call('EXPIRE', user, ARGV[1])
return 1
