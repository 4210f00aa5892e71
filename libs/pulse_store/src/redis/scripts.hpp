// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What Redis does in one step, and how documents lie there. With P for "{prefix}:", whose braces
// put all of it on one shard of a cluster:
//
//   P d   hash      each document's record, by key; under "", which is no key, the store's id
//   P k   sorted    the keys with score 0: the order of their bytes
//   P x   sorted    the keys of documents that expire, by when (Unix milliseconds)
//   P m   hash      format, version (the last given), bytes (keys and values), run (of the Redis
//                   that gave the version)
//   P s   string    the node that removes what has expired, for a while
//   P f:<node>      string: the node's session that may write; gone a while after the node
//
// A record is 16 digits of the version, a blank, 14 digits of the expiry (0: never), a blank, and
// the value. So one HMGET reads documents, and one of a store that was emptied or replaced
// meanwhile is known by the id. Redis expires none of it: index and bytes stay right, and the
// nodes' clock counts.
//
// Every script works a batch out before it writes any of it. Redis refuses a script's first write
// if it refuses one at all (memory full, disk full, a replica, too few replicas), so nothing is
// ever done by halves; and whatever a script writes goes into the append-only file as one.
//
// A session is one opening of the store by one node. What the node sent before on a connection that
// broke may still lie in Redis' sockets, but is refused there once the node has opened the store
// anew: what was in doubt is decided before it is read.
//
// Numbers of Lua are exact up to 2^53. With each run of Redis versions begin anew at its time in
// seconds times 2^21, or 2^24 higher if that is more: what was given last may be lost with a run,
// and a store that was lost altogether begins behind all versions that it gave before. (Two million
// versions a second is more than a Redis gives; the product passes 2^53 in the year 2106.)
#pragma once

#include <chrono>

namespace pulse::store::on_redis {

inline constexpr const char* kFormat = "1";
/// Bytes of a record before the value.
inline constexpr unsigned kRecordHead = 32;
/// A session of a node that does not keep it is forgotten after so long.
inline constexpr std::chrono::milliseconds kSessionLife = std::chrono::minutes(10);

// All answer with an array that begins with "ok", or with a word that says why not: "gone" (the
// store's id is not there), "format" and which, "failed" and Redis' words, "corrupt", "stale" (an
// earlier session's).

/// KEYS: d k x m f. ARGV: the id it must have or "", an id if there is none, format, session, for
/// how long it lasts (ms) if nobody keeps it. Makes a store where there is none. Also says whether
/// a write works: ok, id, bytes, Redis' words if not.
inline constexpr const char* kOpenScript = R"lua(
local D, M, F = KEYS[1], KEYS[4], KEYS[5]
local id = redis.call('HGET', D, '')
local format = redis.call('HGET', M, 'format')
if not id and not format then
  if ARGV[1] ~= '' then return {'gone'} end
  if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3], KEYS[4]) > 0 then return {'gone'} end
  id = ARGV[2]
  redis.call('HSET', M, 'format', ARGV[3], 'version', '0', 'bytes', '0', 'run', '')
  redis.call('HSET', D, '', id)
  redis.call('SET', F, ARGV[4], 'PX', ARGV[5])
  return {'ok', id, '0', ''}
end
if format and format ~= ARGV[3] then return {'format', format} end
if not id or not format or (ARGV[1] ~= '' and id ~= ARGV[1]) then return {'gone'} end
local proof = redis.pcall('HSET', M, 'format', format)
local problem = type(proof) == 'table' and proof.err or ''
-- Memory or not: what has begun to write may go on, and removing always may begin.
local removed = redis.pcall('DEL', F)
if type(removed) ~= 'table' then redis.call('SET', F, ARGV[4], 'PX', ARGV[5]) end
return {'ok', id, redis.call('HGET', M, 'bytes') or '0', problem}
)lua";

/// KEYS: d k x m f. ARGV: id, format, run, now, most documents, most bytes (0: any), session, then
/// batches: how many operations, and four words each: kind, key, and
///   a, p  (absent, present)   -, -
///   v     version, -
///   w     value, expiry       (0: never)
///   i     delta, expiry of one that this makes
///   r     -, -
/// Answers ok, bytes, then for each batch an array of the version (0: wrote nothing) and its
/// counters, or "c" (conflict), "n" (not a counter), "f" (above most), "o" (Redis has no memory).
inline constexpr const char* kCommitScript = R"lua(
local D, K, X, M = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call, try = redis.call, redis.pcall
local sub, find, format = string.sub, string.find, string.format
local state = call('HMGET', M, 'format', 'version', 'bytes', 'run')
if call('HGET', D, '') ~= ARGV[1] or not state[1] then return {'gone'} end
if state[1] ~= ARGV[2] then return {'format', state[1]} end
if call('GET', KEYS[5]) ~= ARGV[7] then return {'stale'} end
local now, max_documents, max_bytes = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local version, bytes, documents = tonumber(state[2]), tonumber(state[3]), call('ZCARD', K)
if state[4] ~= ARGV[3] then
  local time = call('TIME')
  version = math.max(version + 16777216, math.floor((time[1] + time[2] / 1000000) * 2097152))
end

-- Of what is there and has not expired: record, expiry.
local function stored(key)
  local record = call('HGET', D, key)
  if not record then return nil end
  local expiry = tonumber(sub(record, 18, 31))
  if expiry ~= 0 and expiry <= now then return nil end
  return record, expiry
end

local function holds(kind, key, wanted)
  local record = stored(key)
  if kind == 'a' then return not record end
  if kind == 'p' then return record end
  return record and tonumber(sub(record, 1, 16)) == tonumber(wanted)
end

-- A decimal number as ten low digits and the rest, both with its sign.
local function halves(text)
  local sign, digits = 1, text
  if sub(text, 1, 1) == '-' then sign, digits = -1, sub(text, 2) end
  if #digits <= 10 then return 0, sign * tonumber(digits) end
  return sign * tonumber(sub(digits, 1, -11)), sign * tonumber(sub(digits, -10))
end

local function has_64_bits(text)
  local limit, digits = '9223372036854775807', text
  if sub(text, 1, 1) == '-' then limit, digits = '9223372036854775808', sub(text, 2) end
  return #digits < 19 or (#digits == 19 and digits <= limit)
end

local function sum_of(value, delta)
  if #value > 20 then return nil end
  if value ~= '0' and not find(value, '^%-?[1-9]%d*$') then return nil end
  if #value <= 15 and #delta <= 15 then return format('%.0f', tonumber(value) + tonumber(delta)) end
  if not has_64_bits(value) then return nil end
  local high, low = halves(value)
  local more_high, more_low = halves(delta)
  high, low = high + more_high, low + more_low
  local E = 10000000000
  if low >= E then high, low = high + 1, low - E elseif low <= -E then high, low = high - 1, low + E end
  if high > 0 and low < 0 then high, low = high - 1, low + E end
  if high < 0 and low > 0 then high, low = high + 1, low - E end
  local sum = high == 0 and format('%.0f', low + 0) or format('%.0f%010.0f', high, math.abs(low))
  return has_64_bits(sum) and sum or nil
end

-- What each key will hold: the value, false when nothing. names has them in their order.
local function work_out(first, last, names, values, expiries, result)
  for i = first, last, 4 do
    local kind = ARGV[i]
    if (kind == 'a' or kind == 'p' or kind == 'v') and not holds(kind, ARGV[i + 1], ARGV[i + 2]) then
      return 'c'
    end
  end
  for i = first, last, 4 do
    local kind, key = ARGV[i], ARGV[i + 1]
    local value, expiry
    if kind == 'w' then
      value, expiry = ARGV[i + 2], tonumber(ARGV[i + 3])
    elseif kind == 'r' then
      value = false
    elseif kind == 'i' then
      local before = values[key]
      if before == nil then
        local record
        record, expiry = stored(key)
        before = record and sub(record, 33)
      else
        expiry = expiries[key]
      end
      if not before then before, expiry = '0', tonumber(ARGV[i + 3]) end
      value = sum_of(before, ARGV[i + 2])
      if not value then return 'n' end
      result[#result + 1] = value
    end
    if value ~= nil then
      if values[key] == nil then names[#names + 1] = key end
      -- A lifetime that is over already leaves nothing.
      if value and expiry ~= 0 and expiry <= now then value = false end
      values[key], expiries[key] = value, expiry
    end
  end
  return nil
end

-- What makes the store smaller always passes: it is the way out of a full one.
local function passes(limit, before, after) return limit == 0 or after <= limit or after <= before end

local refusal
local has_written = false
-- The first write of all may be refused, no later one.
local function write(...)
  if has_written then return call(...) end
  local done = try(...)
  if type(done) == 'table' and done.err then
    refusal = done.err
    return nil
  end
  has_written = true
  return done
end

local function put(key, value, expiry)
  local is_new = write('HSET', D, key, format('%016.0f %014.0f ', version, expiry) .. value)
  if not is_new then return false end
  if is_new == 1 then call('ZADD', K, 0, key) end
  if expiry ~= 0 then
    call('ZADD', X, format('%.0f', expiry), key)
  elseif is_new == 0 then
    call('ZREM', X, key)
  end
  return true
end

local function take_out(key)
  if not write('HDEL', D, key) then return false end
  call('ZREM', K, key)
  call('ZREM', X, key)
  return true
end

local function commit(first, last)
  local names, values, expiries, result = {}, {}, {}, {'0'}
  local problem = work_out(first, last, names, values, expiries, result)
  if problem then return problem end
  if #names == 0 then return result end
  local new_documents, new_bytes, gone = documents, bytes, {}
  for _, key in ipairs(names) do
    local length = call('HSTRLEN', D, key)
    if length > 0 then
      new_documents, new_bytes = new_documents - 1, new_bytes - #key - length + 32
    end
    if values[key] then
      new_documents, new_bytes = new_documents + 1, new_bytes + #key + #values[key]
    elseif length > 0 then
      gone[#gone + 1] = key
    end
  end
  if not passes(max_documents, documents, new_documents) or not passes(max_bytes, bytes, new_bytes) then
    return 'f'
  end
  version = version + 1
  -- What needs memory first: if that is refused, nothing was done.
  for _, key in ipairs(names) do
    if values[key] and not put(key, values[key], expiries[key]) then
      version = version - 1
      return find(refusal, 'OOM', 1, true) and 'o' or nil
    end
  end
  for _, key in ipairs(gone) do
    if not take_out(key) then return nil end
  end
  documents, bytes = new_documents, new_bytes
  result[1] = format('%.0f', version)
  return result
end

local results = {'ok', ''}
local version_before = version
local at = 8
while at <= #ARGV do
  local last = at + 4 * tonumber(ARGV[at])
  local result = commit(at + 1, last)
  if not result then return {'failed', refusal} end
  results[#results + 1] = result
  at = last + 1
end
if version ~= version_before then
  -- When no batch changed anything this is the first write, and must not be one that needs memory.
  if not has_written and not write('HDEL', M, '') then return {'failed', refusal} end
  call('HSET', M, 'version', format('%.0f', version), 'bytes', format('%.0f', bytes), 'run', ARGV[3])
end
results[2] = format('%.0f', bytes)
return results
)lua";

/// KEYS: d k. ARGV: id, now, first and last as ZRANGEBYLEX has them, most documents, most bytes,
/// how many expired ones to pass over at most. Answers ok, the key of the next page or "", then key
/// and record of each; or "expired": too many are in the way.
inline constexpr const char* kScanScript = R"lua(
local D, K = KEYS[1], KEYS[2]
if redis.call('HGET', D, '') ~= ARGV[1] then return {'gone'} end
local now, limit, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[6])
local patience = tonumber(ARGV[7])
local page = {'ok', ''}
local from, found, bytes, seen, seen_bytes, chunk = ARGV[3], 0, 0, 0, 0, 8
while true do
  local keys = redis.call('ZRANGEBYLEX', K, from, ARGV[4], 'LIMIT', 0, chunk)
  if #keys == 0 then return page end
  local records = redis.call('HMGET', D, unpack(keys))
  for i, key in ipairs(keys) do
    local record = records[i]
    if not record or #record < 32 then return {'corrupt'} end
    local size = #key + #record - 32
    seen, seen_bytes = seen + 1, seen_bytes + size
    local expiry = tonumber(string.sub(record, 18, 31))
    if expiry == 0 or expiry > now then
      bytes = bytes + size
      if found == limit or (bytes > max_bytes and found > 0) then
        page[2] = key
        return page
      end
      found = found + 1
      page[#page + 1] = key
      page[#page + 1] = record
    end
  end
  if seen - found > patience then return {'expired'} end
  if #keys < chunk then return page end
  from = '(' .. keys[#keys]
  -- About as many as the page has room for.
  local room = math.floor((max_bytes - bytes) * seen / (seen_bytes + 1)) + 2
  chunk = math.max(1, math.min(limit + 1 - found, room, 200))
end
)lua";

/// KEYS: d k x m s f. ARGV: id, now, how many at most, this node, for how long it does this alone
/// (ms), 1 to do it whoever else does, for how long the session lasts (ms). Answers ok, bytes, how
/// many were removed.
inline constexpr const char* kSweepScript = R"lua(
local D, K, X, M, S, F = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
if redis.call('HGET', D, '') ~= ARGV[1] then return {'gone'} end
if redis.call('PTTL', F) < ARGV[7] / 2 then redis.call('PEXPIRE', F, ARGV[7]) end
local bytes = tonumber(redis.call('HGET', M, 'bytes'))
local due = redis.call('ZRANGEBYSCORE', X, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
if #due > 0 and ARGV[6] ~= '1' then
  local other = redis.call('GET', S)
  if other and other ~= ARGV[4] then due = {} end
end
if #due > 0 then
  for _, key in ipairs(due) do
    local length = redis.call('HSTRLEN', D, key)
    if length > 0 then bytes = bytes - #key - length + 32 end
  end
  redis.call('HDEL', D, unpack(due))
  redis.call('ZREM', K, unpack(due))
  redis.call('ZREM', X, unpack(due))
  redis.call('HSET', M, 'bytes', string.format('%.0f', bytes))
  redis.call('SET', S, ARGV[4], 'PX', ARGV[5])
end
return {'ok', string.format('%.0f', bytes), tostring(#due)}
)lua";

}  // namespace pulse::store::on_redis
