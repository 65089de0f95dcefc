-- What follows an admission. KEYS as in admit.lua. ARGV: verb, id, clock in ms ("": Redis' own), and
--   settle: slot, tokens less those reserved, cost, day, month, then 1 a bucket that has a budget;
--   renew: lease in ms, cost, 1 if it is a call;
--   seed: total, day, month, on, month_on: at least this was spent (one bucket);
--   look: nothing; answers {requests, ms, tokens, ms, under way, reserved, total, day, month, on, month_on}.
local KEPT = 60 * 60 * 24 * 3
local verb, id = ARGV[1], ARGV[2]
local now_ms = clock_ms(ARGV[3])
local buckets = #KEYS / 5

local function spent_of(key)
  local was = redis.call('HMGET', key, 'total', 'day', 'month', 'on', 'month_on')
  if not was[1] then return nil end
  return {total = tonumber(was[1]), day = tonumber(was[2]), month = tonumber(was[3]),
          on = tonumber(was[4]), month_on = tonumber(was[5])}
end

local function turn(own, day, month)
  if day > own.on then own.day, own.on = 0, day end
  if month > own.month_on then own.month, own.month_on = 0, month end
end

local function keep(key, own)
  local function text(n) return string.format('%.0f', n) end
  redis.call('HSET', key, 'total', text(own.total), 'day', text(own.day), 'month', text(own.month),
             'on', own.on, 'month_on', own.month_on)
  redis.call('EXPIRE', key, KEPT)
end

for b = 0, buckets - 1 do
  local rate, leases, reserved, spent = KEYS[b * 5 + 1], KEYS[b * 5 + 2], KEYS[b * 5 + 3], KEYS[b * 5 + 4]
  if verb == 'settle' then
    local slot, tokens, cost = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
    redis.call('ZREM', leases, id)
    redis.call('HDEL', reserved, id)
    redis.call('SREM', KEYS[b * 5 + 5], id)
    if tokens ~= 0 and slot >= first_of(now_ms) and redis.call('HEXISTS', rate, 't:' .. slot) == 1 then
      redis.call('HINCRBY', rate, 't:' .. slot, tokens)
      redis.call('HINCRBY', rate, 't', tokens)
    end
    local own = ARGV[9 + b] == '1' and spent_of(spent)
    if own then
      local day, month = tonumber(ARGV[7]), tonumber(ARGV[8])
      turn(own, day, month)
      own.total = own.total + cost
      if day == own.on then own.day = own.day + cost end
      if month == own.month_on then own.month = own.month + cost end
      keep(spent, own)
    end
  elseif verb == 'renew' then
    redis.call('ZADD', leases, now_ms + tonumber(ARGV[4]), id)
    redis.call('HSET', reserved, id, ARGV[5])
    if ARGV[6] == '1' then
      redis.call('SADD', KEYS[b * 5 + 5], id)
      redis.call('PEXPIRE', KEYS[b * 5 + 5], 2 * tonumber(ARGV[4]))
    end
    redis.call('PEXPIRE', leases, 2 * tonumber(ARGV[4]))
    redis.call('PEXPIRE', reserved, 2 * tonumber(ARGV[4]))
  elseif verb == 'seed' then
    local new = {total = tonumber(ARGV[4]), day = tonumber(ARGV[5]), month = tonumber(ARGV[6]),
                 on = tonumber(ARGV[7]), month_on = tonumber(ARGV[8])}
    local own = spent_of(spent)
    if own then
      turn(own, new.on, new.month_on)
      own.total = math.max(own.total, new.total)
      if new.on == own.on then own.day = math.max(own.day, new.day) end
      if new.month_on == own.month_on then own.month = math.max(own.month, new.month) end
    else
      own = new
    end
    keep(spent, own)
  elseif verb == 'look' then
    local found = rates_of(rate, now_ms)
    local held, under_way = 0, 0
    for _, alive in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. now_ms, '+inf')) do
      under_way = under_way + redis.call('SISMEMBER', KEYS[b * 5 + 5], alive)
      held = held + tonumber(redis.call('HGET', reserved, alive) or '0')
    end
    local own = spent_of(spent)
    local answer = {found.r, empty_ms(found.rn, now_ms), found.t, empty_ms(found.tn, now_ms), under_way, string.format('%.0f', held)}
    if own then
      for _, name in ipairs({'total', 'day', 'month', 'on', 'month_on'}) do
        answer[#answer + 1] = string.format('%.0f', own[name])
      end
    end
    return answer
  end
end
return {}
