-- The sliding window of larder_proto::window, which has the rules and the layout, in one atomic step. KEYS[1]: the
-- window. ARGV: calls, period in ms, cost, "COUNT", "CHECK" or "FORCE". Answers [allowed, remaining, retry-after-ms].
local calls, period, cost, mode = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mark, count_max = '\245LW\1', 4294967295
local part = math.ceil(period / 32)
local function left_at(number) return (number + 1) * part - 1 + period end

-- What is counted so far, by the age of its part, brought to this moment and to this period.
local counts, present, is_set_back = {}, now, false
local state = redis.call('GET', KEYS[1])
if state then
  local wrong = redis.error_reply('WRONGTYPE Operation against a key holding the wrong kind of value')
  local parts = (#state - 20) / 4
  if string.sub(state, 1, 4) ~= mark or parts < 1 or parts > 33 or parts % 1 ~= 0 then return wrong end
  local old_period, old_newest = struct.unpack('<I8I8', state, 5)
  local old_part = math.ceil(old_period / 32)
  if old_period < 1 or old_period > 31622400000 or old_newest * old_part > 2 ^ 52 or old_newest < parts - 1 then
    return wrong
  end
  is_set_back = old_newest * old_part > now + math.max(old_period, 10000)
  if not is_set_back then present = math.max(old_newest * old_part, now) end
  for age = 0, parts - 1 do
    local count = struct.unpack('<I4', state, 21 + 4 * age)
    local at = present
    if not is_set_back then at = math.min((old_newest - age + 1) * old_part - 1, present) end
    local number = math.floor(at / part)
    if count > 0 and left_at(number) > present then
      local new_age = math.floor(present / part) - number
      counts[new_age] = math.min((counts[new_age] or 0) + count, count_max)
    end
  end
end
local newest, used = math.floor(present / part), 0
for _, count in pairs(counts) do used = used + count end

local allowed = used + cost <= calls
local is_counted = cost > 0 and (mode == 'FORCE' or (mode == 'COUNT' and allowed))
if is_counted then
  local before = counts[0] or 0
  counts[0] = math.min(before + cost, count_max)
  used = used + counts[0] - before
end
if is_counted or is_set_back then
  local last = 0
  for age in pairs(counts) do last = math.max(last, age) end
  local packed = {mark, struct.pack('<I8I8', period, newest)}
  for age = 0, last do packed[#packed + 1] = struct.pack('<I4', counts[age] or 0) end
  redis.call('SET', KEYS[1], table.concat(packed), 'PX', string.format('%.0f', left_at(newest) - now))
end

local retry = 0
if not allowed then
  local room_at, left = left_at(newest), used
  for age = 32, 0, -1 do
    left = left - (counts[age] or 0)
    if counts[age] and left + cost <= calls then
      room_at = left_at(newest - age)
      break
    end
  end
  retry = room_at - now
end
return {allowed and 1 or 0, math.max(calls - used, 0), retry}
