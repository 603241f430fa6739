-- What the leader decided, all of it or nothing: nothing when another leads, or when record or
-- policy are not what it decided on.
-- KEYS: leader, record, policy, lease of the policy, log, looks. ARGV: own value; record and policy
-- that were read; record and policy to write ('' keeps them); version of the policy that has users
-- under a lease ('': none), its milliseconds; most entries of the log and of the looks; the entry,
-- and whether it goes to the 'log' or the 'looks' ('': there is none).
-- Returns: DONE, FENCED or CHANGED.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
for i = 2, 3 do
  if (redis.call('GET', KEYS[i]) or '') ~= ARGV[i] then return 'CHANGED' end
end
-- The log first: it alone can fail, by what its key holds, and then nothing else is written.
if ARGV[11] == 'log' then
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[8], '*', 'e', ARGV[10])
elseif ARGV[11] == 'looks' then
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[9], '*', 'e', ARGV[10])
end
for i = 2, 3 do
  if ARGV[i + 2] ~= '' then redis.call('SET', KEYS[i], ARGV[i + 2]) end
end
if ARGV[6] ~= '' then
  redis.call('SET', KEYS[4], ARGV[6], 'PX', ARGV[7])
else
  redis.call('DEL', KEYS[4])
end
return 'DONE'
