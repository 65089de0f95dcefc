-- One admission: counted in all buckets, or in none. memory.py says the same in Python.
-- KEYS, five a bucket: rates (hash: r:slot, t:slot), leases (zset: id by end), reserved (hash: id to
--   micro-units), spent (hash: total, day, month, on, and the month as month_on), calls (set: ids of leases that are calls).
-- ARGV: id, tokens, cost, day (days since 1970), month (months since year 0), lease in ms, 1 if it
--   counts as a request, clock in ms ("" for Redis' own), then six a bucket: rpm, tpm, concurrency,
--   total, day, month ("-1": no bound).
-- Answers: {"in", slot, then four a bucket: requests used, ms until empty, tokens used, ms}
--   or {"no", bucket, what, limit, ms until another try}, or {"unknown", bucket}.
local WINDOW = 60
local id, tokens, cost = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local day, month, lease_ms, counts = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'
local now_ms = tonumber(ARGV[8])
if not now_ms then
  local t = redis.call('TIME')
  now_ms = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local now = now_ms / 1000
local slot = math.floor(now)
local buckets = #KEYS / 5

local function drop_dead(leases, reserved, calls)
  local dead = redis.call('ZRANGEBYSCORE', leases, '-inf', now_ms, 'LIMIT', 0, 1000)
  while #dead > 0 do
    redis.call('ZREM', leases, unpack(dead))
    redis.call('HDEL', reserved, unpack(dead))
    redis.call('SREM', calls, unpack(dead))
    dead = redis.call('ZRANGEBYSCORE', leases, '-inf', now_ms, 'LIMIT', 0, 1000)
  end
end

-- Sums of requests and tokens, the newest slot of each, and all slots by kind; what is over goes.
local function rates_of(key)
  local found = {r = {sum = 0, newest = nil, slots = {}}, t = {sum = 0, newest = nil, slots = {}}}
  local all, over = redis.call('HGETALL', key), {}
  for i = 1, #all, 2 do
    local kind, at, amount = all[i]:sub(1, 1), tonumber(all[i]:sub(3)), tonumber(all[i + 1])
    if at + 1 + WINDOW <= now then
      over[#over + 1] = all[i]
    else
      local of = found[kind]
      of.sum = of.sum + amount
      if not of.newest or at > of.newest then of.newest = at end
      of.slots[#of.slots + 1] = {at, amount}
    end
  end
  if #over > 0 then redis.call('HDEL', key, unpack(over)) end
  return found
end

local function room_ms(of, excess)
  table.sort(of.slots, function(a, b) return a[1] < b[1] end)
  for _, one in ipairs(of.slots) do
    excess = excess - one[2]
    if excess <= 0 then return (one[1] + 1 + WINDOW) * 1000 - now_ms end
  end
  return WINDOW * 1000
end

local function empty_ms(of)
  return of.newest and (of.newest + 1 + WINDOW) * 1000 - now_ms or 0
end

local rates = {}
for b = 0, buckets - 1 do
  local rate, leases, reserved, spent = KEYS[b * 5 + 1], KEYS[b * 5 + 2], KEYS[b * 5 + 3], KEYS[b * 5 + 4]
  local a = 8 + b * 6
  local rpm, tpm, concurrency = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local budgets = {total = tonumber(ARGV[a + 4]), day = tonumber(ARGV[a + 5]), month = tonumber(ARGV[a + 6])}
  local calls = KEYS[b * 5 + 5]
  drop_dead(leases, reserved, calls)
  if concurrency >= 0 and counts and redis.call('SCARD', calls) >= concurrency then
    return {'no', b, 'concurrency', concurrency, 1000}
  end
  local found = rates_of(rate)
  rates[b] = found
  if rpm >= 0 and counts and found.r.sum >= rpm then
    return {'no', b, 'rpm', rpm, room_ms(found.r, found.r.sum + 1 - rpm)}
  end
  local used = found.t.sum
  if tpm >= 0 and used > 0 and used + tokens > tpm then
    return {'no', b, 'tpm', tpm, room_ms(found.t, math.min(used, used + tokens - tpm))}
  end
  if budgets.total >= 0 or budgets.day >= 0 or budgets.month >= 0 then
    local was = redis.call('HMGET', spent, 'total', 'day', 'month', 'on', 'month_on')
    if not was[1] then return {'unknown', b} end
    local by = {total = tonumber(was[1]), day = tonumber(was[2]), month = tonumber(was[3])}
    if day > tonumber(was[4]) then by.day = 0 end
    if month > tonumber(was[5]) then by.month = 0 end
    local held = 0
    for _, amount in ipairs(redis.call('HVALS', reserved)) do held = held + tonumber(amount) end
    local waits = nil
    for _, window in ipairs({'total', 'day', 'month'}) do
      local amount = budgets[window]
      if amount >= 0 then
        if by[window] >= amount then return {'no', b, window, string.format('%.0f', amount), -1} end
        if held > 0 and by[window] + held + cost > amount then waits = amount end
      end
    end
    if waits then return {'no', b, 'reserved', string.format('%.0f', waits), 1000} end
  end
end

local answer = {'in', slot}
for b = 0, buckets - 1 do
  local rate, leases, reserved = KEYS[b * 5 + 1], KEYS[b * 5 + 2], KEYS[b * 5 + 3]
  local found = rates[b]
  if counts then
    redis.call('HINCRBY', rate, 'r:' .. slot, 1)
    found.r.sum, found.r.newest = found.r.sum + 1, slot
  end
  redis.call('HINCRBY', rate, 't:' .. slot, tokens)
  found.t.sum, found.t.newest = found.t.sum + tokens, slot
  redis.call('EXPIRE', rate, 2 * WINDOW)
  redis.call('ZADD', leases, now_ms + lease_ms, id)
  redis.call('HSET', reserved, id, string.format('%.0f', cost))
  if counts then
    redis.call('SADD', KEYS[b * 5 + 5], id)
    redis.call('PEXPIRE', KEYS[b * 5 + 5], 2 * lease_ms)
  end
  redis.call('PEXPIRE', leases, 2 * lease_ms)
  redis.call('PEXPIRE', reserved, 2 * lease_ms)
  answer[#answer + 1] = found.r.sum
  answer[#answer + 1] = empty_ms(found.r)
  answer[#answer + 1] = found.t.sum
  answer[#answer + 1] = empty_ms(found.t)
end
return answer
