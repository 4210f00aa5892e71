// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What Redis does in one step. Numbers are formatted without exponent: terms are microseconds since
// 1970, exact up to 2^53, in the year 2255.
#pragma once

namespace pulse::cluster {

/// In front of each. KEYS: sessions, owners, meta. ARGV: run, lease (ms), prefix of the sets of
/// keys, channel, session, number of the connection; what a script has of its own comes behind.
inline constexpr const char* kLeasePrelude = R"lua(
local sessions, owners, meta = KEYS[1], KEYS[2], KEYS[3]
local run, lease, sets, channel, mine, connection = unpack(ARGV, 1, 6)
lease, connection = tonumber(lease), tonumber(connection)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local known = redis.call('HMGET', meta, 'r', 'f', 't')
local frozen = tonumber(known[2] or '0')
if known[1] ~= run then
  frozen = now + lease
  redis.call('HSET', meta, 'r', run, 'f', text(frozen))
end
local wait = math.max(frozen - now, 0)
local function is_alive(session)
  local ends = redis.call('ZSCORE', sessions, session)
  return ends and tonumber(ends) > now
end
local function is_current()
  return is_alive(mine) and tonumber(redis.call('HGET', meta, 'c:' .. mine) or '-1') == connection
end
local function read(owner)
  if not owner then return nil, 0 end
  local session, term = string.match(owner, '^(%S+) (%d+)$')
  return session, tonumber(term)
end
local said = {}
local function say(session, term, key)
  said[#said + 1] = session .. ' ' .. text(term) .. ' ' .. #key .. ':' .. key
end
local function tell()
  if #said > 0 then redis.call('PUBLISH', channel, 'C' .. table.concat(said)) end
end
)lua";

/// Own: 1 for a new session. Returns 1 when the session is alive now, and how long nobody new gets
/// a key.
inline constexpr const char* kRenewScript = R"lua(
if tonumber(redis.call('HGET', meta, 'c:' .. mine) or '0') > connection then return {0, wait} end
if ARGV[7] ~= '1' and not is_alive(mine) then return {0, wait} end
redis.call('ZADD', sessions, text(now + lease), mine)
redis.call('HSET', meta, 'c:' .. mine, text(connection))
return {1, wait}
)lua";

/// Own: key, held term and so on. Returns 1 unless the session is over, how long nobody new gets a
/// key, then session and term of each.
inline constexpr const char* kClaimScript = R"lua(
if not is_current() then return {0, wait} end
local node = string.match(mine, '^(.*/)')
local last = tonumber(known[3] or '0')
local out = {1, wait}
local alive = {[mine] = true}
for i = 7, #ARGV, 2 do
  local key, held = ARGV[i], tonumber(ARGV[i + 1])
  local who, term = read(redis.call('HGET', owners, key))
  local taken
  if who == mine then
    taken = nil
  elseif wait > 0 then
    local is_own = who and term == held and string.sub(who, 1, #node) == node
    if held > 0 and (not who or term < held or is_own) then taken = held end
  else
    if who and alive[who] == nil then alive[who] = is_alive(who) and true or false end
    if not who or not alive[who] then
      last = math.max(last, term) + 1
      taken = math.max(last, time[1] * 1000000 + time[2])
    end
  end
  if taken then
    if who then redis.call('SREM', sets .. who, key) end
    redis.call('HSET', owners, key, mine .. ' ' .. text(taken))
    redis.call('SADD', sets .. mine, key)
    who, term = mine, taken
    last = math.max(last, taken)
    say(mine, taken, key)
  end
  out[#out + 1] = who or ''
  out[#out + 1] = text(term)
end
redis.call('HSET', meta, 't', text(last))
tell()
return out
)lua";

/// Own: keys. Returns 1 unless the session is over.
inline constexpr const char* kReleaseScript = R"lua(
if not is_current() then return 0 end
for i = 7, #ARGV do
  local key = ARGV[i]
  local who, term = read(redis.call('HGET', owners, key))
  if who == mine then
    redis.call('HDEL', owners, key)
    redis.call('SREM', sets .. mine, key)
    say('-', term, key)
  end
end
tell()
return 1
)lua";

/// Own: keys at most. Returns 1 when there is more, and how long to wait otherwise.
inline constexpr const char* kSweepScript = R"lua(
if wait > 0 then return {0, wait} end
local dead = redis.call('ZRANGEBYSCORE', sessions, '-inf', text(now), 'LIMIT', 0, 1)[1]
if not dead then
  local first = redis.call('ZRANGE', sessions, 0, 0, 'WITHSCORES')[2]
  return {0, first and math.max(tonumber(first) - now, 0) + 1 or lease}
end
for _, key in ipairs(redis.call('SPOP', sets .. dead, ARGV[7])) do
  local who, term = read(redis.call('HGET', owners, key))
  if who == dead then
    redis.call('HDEL', owners, key)
    say('-', term, key)
  end
end
if redis.call('EXISTS', sets .. dead) == 0 then
  redis.call('ZREM', sessions, dead)
  redis.call('HDEL', meta, 'c:' .. dead)
end
tell()
return {1, 0}
)lua";

}  // namespace pulse::cluster
