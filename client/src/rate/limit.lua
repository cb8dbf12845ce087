-- The sliding window of larder-client, in one atomic step. KEYS[1]: the state, parts of 12 bytes each, part
-- number (8) and calls (4), big-endian, ascending. ARGV: calls, period in ms, cost, "COUNT", "CHECK" or "FORCE".
-- Answers [allowed, remaining, retry-after-ms].
local calls, period, cost, mode = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local length = math.ceil(period / 32)
local here = math.floor(now / length)
local function leaves(part) return (part + 1) * length + period end
local state = redis.call('GET', KEYS[1]) or ''
local parts, used = {}, 0
for place = 1, #state - 11, 12 do
  local part, count = struct.unpack('>I8I4', state, place)
  if leaves(part) > now and part <= here + 32 then
    parts[#parts + 1] = {part, count}
    used = used + count
  end
end
local allowed = used + cost <= calls
if cost > 0 and (mode == 'FORCE' or (mode == 'COUNT' and allowed)) then
  local last = parts[#parts]
  if last and last[1] >= here then
    local sum = math.min(last[2] + cost, 4294967295)
    used = used + sum - last[2]
    last[2] = sum
  else
    parts[#parts + 1] = {here, cost}
    used = used + cost
  end
  local packed = {}
  for place, part in ipairs(parts) do packed[place] = struct.pack('>I8I4', part[1], part[2]) end
  local life = leaves(parts[#parts][1]) - now
  redis.call('SET', KEYS[1], table.concat(packed), 'PX', string.format('%.0f', life))
end
local retry = 0
if not allowed then
  retry = period
  local left = used
  for _, part in ipairs(parts) do
    left = left - part[2]
    if left + cost <= calls then
      retry = leaves(part[1]) - now
      break
    end
  end
end
return {allowed and 1 or 0, math.max(calls - used, 0), retry}
