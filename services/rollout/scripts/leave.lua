-- Ends the lease of a leader that stops, if it still leads. KEYS: leader. ARGV: its value.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
