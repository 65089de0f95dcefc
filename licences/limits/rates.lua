-- A bucket's rates; stands before admit.lua and settle.lua.
-- A hash: what was counted in each second (r:second requests, t:second tokens), the sums of those
--   that count (r, t), the second in which each was counted last (rn, tn) and the oldest that the sums
--   may hold (from).
-- So a call looks at the seconds that are over since the one before it, not at sixty.
local WINDOW = 60

local function clock_ms(given)
  if tonumber(given) then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function first_of(now_ms) return math.floor(now_ms / 1000) - WINDOW end

local function amounts_of(key, kind, from, to)
  local names = {}
  for at = from, to do names[#names + 1] = kind .. ':' .. at end
  return names, redis.call('HMGET', key, unpack(names))
end

-- The hash without its seconds; those that are over go, and come off the sums.
local function rates_of(key, now_ms)
  local was, first = redis.call('HMGET', key, 'r', 't', 'rn', 'tn', 'from'), first_of(now_ms)
  local found = {r = tonumber(was[1] or 0), t = tonumber(was[2] or 0), rn = tonumber(was[3] or 0),
                 tn = tonumber(was[4] or 0), from = tonumber(was[5] or first)}
  -- None after now: the clock of a Redis that has taken over may be behind.
  for _, name in ipairs({'rn', 'tn', 'from'}) do
    found[name] = math.min(found[name], math.floor(now_ms / 1000))
  end
  if found.from >= first then return found end
  if math.max(found.rn, found.tn) < first then
    redis.call('DEL', key)
    found.r, found.t = 0, 0
  else
    for _, kind in ipairs({'r', 't'}) do
      local names, amounts = amounts_of(key, kind, found.from, first - 1)
      for _, amount in ipairs(amounts) do found[kind] = found[kind] - tonumber(amount or 0) end
      redis.call('HDEL', key, unpack(names))
    end
    redis.call('HSET', key, 'r', found.r, 't', found.t, 'from', first)
  end
  found.from = first
  return found
end

local function empty_ms(newest, now_ms)
  return newest >= first_of(now_ms) and (newest + 1 + WINDOW) * 1000 - now_ms or 0
end
