-- One admission: counted in all buckets, or in none. memory.py says the same in Python.
-- KEYS, five a bucket: rates (see rates.lua), leases (zset: id by end), reserved (hash: id to
--   micro-units), spent (hash: total, day, month, on, and the month as month_on), calls (set: ids of leases that are calls).
-- ARGV: id, tokens, cost, day (days since 1970), month (months since year 0), lease in ms, 1 if it
--   counts as a request, clock in ms ("" for Redis' own), then six a bucket: rpm, tpm, concurrency,
--   total, day, month ("-1": no bound).
-- Answers: {"in", slot, then four a bucket: requests used, ms until empty, tokens used, ms}
--   or {"no", bucket, what, limit, ms until another try}, or {"unknown", bucket}.
local id, tokens, cost = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local day, month, lease_ms, counts = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'
local now_ms = clock_ms(ARGV[8])
local slot = math.floor(now_ms / 1000)
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

local function room_ms(key, kind, from, excess)
  local _, amounts = amounts_of(key, kind, from, slot)
  for place, amount in ipairs(amounts) do
    excess = excess - tonumber(amount or 0)
    if excess <= 0 then return (from + place + WINDOW) * 1000 - now_ms end
  end
  return WINDOW * 1000
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
  local found = rates_of(rate, now_ms)
  rates[b] = found
  if rpm >= 0 and counts and found.r >= rpm then
    return {'no', b, 'rpm', rpm, room_ms(rate, 'r', found.from, found.r + 1 - rpm)}
  end
  local used = found.t
  if tpm >= 0 and used > 0 and used + tokens > tpm then
    return {'no', b, 'tpm', tpm, room_ms(rate, 't', found.from, math.min(used, used + tokens - tpm))}
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
    found.r, found.rn = found.r + 1, slot
  end
  redis.call('HINCRBY', rate, 't:' .. slot, tokens)
  found.t, found.tn = found.t + tokens, slot
  redis.call('HSET', rate, 'r', found.r, 't', found.t, 'rn', found.rn, 'tn', found.tn, 'from', found.from)
  redis.call('EXPIRE', rate, 2 * WINDOW)
  redis.call('ZADD', leases, now_ms + lease_ms, id)
  redis.call('HSET', reserved, id, string.format('%.0f', cost))
  if counts then
    redis.call('SADD', KEYS[b * 5 + 5], id)
    redis.call('PEXPIRE', KEYS[b * 5 + 5], 2 * lease_ms)
  end
  redis.call('PEXPIRE', leases, 2 * lease_ms)
  redis.call('PEXPIRE', reserved, 2 * lease_ms)
  answer[#answer + 1] = found.r
  answer[#answer + 1] = empty_ms(found.rn, now_ms)
  answer[#answer + 1] = found.t
  answer[#answer + 1] = empty_ms(found.tn, now_ms)
end
return answer
