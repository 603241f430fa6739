-- Records of a user's hash. Their layout is described in services/feature_store/records.py.
-- A script reads and checks every record it changes before it writes the first.

local VERSION = '\1'

-- The entries of a record without its version; empty when there is no record.
local function entries(field, record, width)
  if not record then return '' end
  if record:sub(1, 1) ~= VERSION or (#record - 1) % width ~= 0 then
    error('CORRUPT ' .. field, 0)
  end
  return record:sub(2)
end

-- Where an entry stands among the entries of 8 bytes, or nil.
local function position(list, entry)
  local at = list:find(entry, 1, true)
  while at and (at - 1) % 8 ~= 0 do
    at = list:find(entry, at + 1, true)
  end
  return at
end

-- The keys before the others, each once, cut to `limit` entries.
local function to_front(list, keys, limit)
  for i = 1, #keys, 8 do
    local at = position(list, keys:sub(i, i + 7))
    if at then list = list:sub(1, at - 1) .. list:sub(at + 8) end
  end
  return (keys .. list):sub(1, limit * 8)
end
