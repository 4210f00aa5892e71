// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What Redis does in one step. Numbers are formatted without exponent: offsets are exact up to
// 2^53, which takes a thousand years at a quarter of a million publications a second.
//
// Whose counting holds is told by the reign of a master: from when it began to be one, which gives
// it a new replication id, to its end. A replica that takes over does not know for sure what was
// given last; and a master that has been a replica meanwhile may have forgotten it, though it is
// the same process. The script asks each time: a connection may have outlived a reign.
#pragma once

namespace pulse::cluster {

/// KEYS: stream, meta. ARGV: run of the process, epoch if a new one begins, size, time to live
/// (ms), PUBLISH or SPUBLISH, channel, head of the envelope, then a record each. Keeps the records,
/// publishes the envelope; returns nothing of interest.
inline constexpr const char* kAppendScript = R"lua(
local stream, meta = KEYS[1], KEYS[2]
local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local reign = ARGV[1] .. (id or '')
local known = redis.call('HMGET', meta, 'e', 'r', 'o')
local epoch, top = known[1], tonumber(known[3])
if not epoch or not top or known[2] ~= reign then
  epoch, top = ARGV[2], 0
  redis.call('DEL', stream)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_text = string.format('%.0f', now)
local first = string.format('%.0f', top + 1)
for i = 8, #ARGV do
  top = top + 1
  redis.call('XADD', stream, 'MAXLEN', ARGV[3], string.format('%.0f-0', top), 't', now_text, 'p', ARGV[i])
end
redis.call('HSET', meta, 'e', epoch, 'r', reign, 'o', string.format('%.0f', top))
local ttl = tonumber(ARGV[4])
if ttl > 0 then
  for _ = 1, 16 do
    local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    if not oldest or now - tonumber(oldest[2][2]) <= ttl then break end
    redis.call('XDEL', stream, oldest[1])
  end
  redis.call('PEXPIRE', stream, ARGV[4])
  redis.call('PEXPIRE', meta, string.format('%.0f', math.max(2 * ttl, 86400000)))
else
  redis.call('PERSIST', stream)
  redis.call('PERSIST', meta)
end
redis.call(ARGV[5], ARGV[6], ARGV[7] .. epoch .. ' ' .. first .. '\n' .. table.concat(ARGV, '', 8))
return 1
)lua";

/// KEYS: stream, meta. ARGV: run, epoch if a new one begins, time to live (ms), epoch and offset of
/// the position to read since (epoch empty: from the oldest), limit of publications, limit of
/// bytes, the node's own channel, a mark to publish there. Returns epoch, top, 1 when nothing is
/// missing after the position, and [id, record] of each publication.
inline constexpr const char* kReadScript = R"lua(
local stream, meta = KEYS[1], KEYS[2]
local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local reign = ARGV[1] .. (id or '')
local known = redis.call('HMGET', meta, 'e', 'r', 'o')
local epoch, top = known[1], tonumber(known[3])
if not epoch or not top or known[2] ~= reign then
  epoch, top = ARGV[2], 0
  redis.call('DEL', stream)
  redis.call('HSET', meta, 'e', epoch, 'r', reign, 'o', '0')
  redis.call('PEXPIRE', meta, 86400000)
end
local ttl = tonumber(ARGV[3])
if ttl > 0 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local is_old = true
  while is_old do
    local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 64)
    is_old = #oldest > 0
    for _, entry in ipairs(oldest) do
      is_old = now - tonumber(entry[2][2]) > ttl
      if not is_old then break end
      redis.call('XDEL', stream, entry[1])
    end
  end
end
local from, recovered = '-', 1
if ARGV[4] ~= '' then
  recovered = 0
  local since = tonumber(ARGV[5])
  if ARGV[4] == epoch and since <= top then
    if since == top then
      from, recovered = nil, 1
    else
      local id = string.format('%.0f-0', since + 1)
      if redis.call('XRANGE', stream, id, id)[1] then from, recovered = id, 1 end
    end
  end
end
local found = {}
local limit, left = tonumber(ARGV[6]), tonumber(ARGV[7])
while from and limit > 0 do
  local some = redis.call('XRANGE', stream, from, '+', 'COUNT', math.min(limit, 64))
  from = nil
  for _, entry in ipairs(some) do
    left = left - #entry[2][4]
    limit = limit - 1
    if left < 0 then limit = 0 break end
    found[#found + 1] = {entry[1], entry[2][4]}
    from = string.format('%.0f-0', tonumber(string.match(entry[1], '^%d+')) + 1)
  end
end
redis.call('PUBLISH', ARGV[8], ARGV[9])
return {epoch, string.format('%.0f', top), recovered, found}
)lua";

}  // namespace pulse::cluster
