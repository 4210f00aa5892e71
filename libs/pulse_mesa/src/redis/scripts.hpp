// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What must happen at once on Redis. Strings of JSON are cut and joined as text: a JSON library
// would change numbers and empty arrays on the way.
//
// Keys of ours beside the original's, all with its namespace: mesa_connections (hash: name ->
// connections of it on all our replicas), mesa_replicas (set of replica ids), mesa_replica_<id>
// (hash: "#" -> connections, "=<name>" -> connections of that name), mesa_replays (hash: name ->
// the replica that replays), mesa_portals (set of portals that show signs of life). A replica is
// alive as long as somebody is subscribed to the channel mesa_replica_<id>, a portal by
// mesa_portal_<id>: a dead process's subscription ends with its socket.
#pragma once

namespace pulse::mesa::scripts {

/// KEYS: replica, replicas, count. ARGV: id, change.
inline constexpr const char* kCount = R"lua(
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], '#', ARGV[2])
return redis.call('INCRBY', KEYS[3], ARGV[2])
)lua";

/// KEYS: replica, replicas, connections, online. ARGV: id, channel of shared names, channel of
/// messages, then pairs of name and count. Answers how many connections the last name has
/// elsewhere, as far as one can know: servers of the original leave no more than the name in
/// `online`, and that they are subscribed to messages, but not to shared names.
inline constexpr const char* kAdd = R"lua(
redis.call('SADD', KEYS[2], ARGV[1])
local elsewhere = 0
for i = 4, #ARGV, 2 do
  local own = redis.call('HINCRBY', KEYS[1], '=' .. ARGV[i], ARGV[i + 1])
  local all = redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1])
  local added = redis.call('SADD', KEYS[4], ARGV[i])
  elsewhere = all - own
  if elsewhere > 0 then
    redis.call('PUBLISH', ARGV[2], ARGV[i])
  elseif added == 0 and own == tonumber(ARGV[i + 1]) then
    elsewhere = 1
  end
end
if elsewhere == 0 then
  local on = redis.call('PUBSUB', 'NUMSUB', ARGV[3], ARGV[2])
  if tonumber(on[2]) > tonumber(on[4]) then elsewhere = 1 end
end
return elsewhere
)lua";

/// KEYS: replica, connections, online. ARGV: name.
inline constexpr const char* kRemove = R"lua(
if redis.call('HINCRBY', KEYS[1], '=' .. ARGV[1], -1) <= 0 then
  redis.call('HDEL', KEYS[1], '=' .. ARGV[1])
end
if redis.call('HINCRBY', KEYS[2], ARGV[1], -1) <= 0 then
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('SREM', KEYS[3], ARGV[1])
end
return 0
)lua";

/// Takes back what a replica had. KEYS: replica, replicas, count, connections, online, replays.
/// ARGV: id, and the channel that shows that it lives after all, or ''.
inline constexpr const char* kForget = R"lua(
if ARGV[2] ~= '' and tonumber(redis.call('PUBSUB', 'NUMSUB', ARGV[2])[2]) > 0 then return 0 end
local had = redis.call('HGETALL', KEYS[1])
for i = 1, #had, 2 do
  local name, n = had[i], tonumber(had[i + 1])
  if name == '#' then
    if n ~= 0 then redis.call('DECRBY', KEYS[3], n) end
  else
    name = name:sub(2)
    if redis.call('HINCRBY', KEYS[4], name, -n) <= 0 then
      redis.call('HDEL', KEYS[4], name)
      redis.call('SREM', KEYS[5], name)
    end
  end
end
local replays = redis.call('HGETALL', KEYS[6])
for i = 1, #replays, 2 do
  if replays[i + 1] == ARGV[1] then redis.call('HDEL', KEYS[6], replays[i]) end
end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], ARGV[1])
return 0
)lua";

/// KEYS: replicas. ARGV: prefix of their channels, its suffix. Answers the dead.
inline constexpr const char* kDeadReplicas = R"lua(
local dead = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local on = redis.call('PUBSUB', 'NUMSUB', ARGV[1] .. id .. ARGV[2])
  if tonumber(on[2]) == 0 then dead[#dead + 1] = id end
end
return dead
)lua";

/// KEYS: online, kept. ARGV: message or '', most bytes, names. Answers the places of the offline,
/// from 1; negative where the message was not kept for want of room: what is full costs no more
/// than a look at its length. Every writer's arrays begin and end with their brackets; others are
/// cut out of what stands around them.
inline constexpr const char* kKeep = R"lua(
local offline = {}
for i = 3, #ARGV do
  if redis.call('SISMEMBER', KEYS[1], ARGV[i]) == 0 then
    local place = i - 2
    if ARGV[1] ~= '' then
      local bytes = redis.call('HSTRLEN', KEYS[2], ARGV[i])
      if math.max(bytes, 1) + #ARGV[1] + 1 > tonumber(ARGV[2]) then
        place = -place
      else
        local kept = bytes > 0 and redis.call('HGET', KEYS[2], ARGV[i])
        local had
        if kept and kept:sub(1, 1) == '[' and kept:sub(-1) == ']' then
          had = kept:sub(1, -2)
        elseif kept then
          had = kept:match('^%s*(%[.*)%]%s*$')
        end
        if had and not had:match('^%[%s*$') then
          redis.call('HSET', KEYS[2], ARGV[i], had .. ',' .. ARGV[1] .. ']')
        else
          redis.call('HSET', KEYS[2], ARGV[i], '[' .. ARGV[1] .. ']')
        end
      end
    end
    offline[#offline + 1] = place
  end
end
return offline
)lua";

/// KEYS: kept, replays. ARGV: name, replica, prefix of replicas' channels, its suffix. A replica
/// knows itself what it replays: an entry of its own is one that a broken connection left.
inline constexpr const char* kBeginReplay = R"lua(
local owner = redis.call('HGET', KEYS[2], ARGV[1])
if owner and owner ~= ARGV[2] then
  local on = redis.call('PUBSUB', 'NUMSUB', ARGV[3] .. owner .. ARGV[4])
  if tonumber(on[2]) > 0 then return false end
end
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept then redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
return kept
)lua";

/// KEYS: kept. ARGV: name, elements. Takes off those that are its first ones; answers how many.
inline constexpr const char* kDropSent = R"lua(
local kept = redis.call('HGET', KEYS[1], ARGV[1])
local at = kept and kept:match('^%s*%[%s*()')
if not at then return 0 end
local dropped = 0
for i = 2, #ARGV do
  local behind = at + #ARGV[i]
  local separator, following = kept:match('^%s*([,%]])%s*()', behind)
  if not separator or kept:sub(at, behind - 1) ~= ARGV[i] then break end
  dropped = dropped + 1
  if separator == ']' then
    redis.call('HDEL', KEYS[1], ARGV[1])
    return dropped
  end
  at = following
end
if dropped > 0 then redis.call('HSET', KEYS[1], ARGV[1], '[' .. kept:sub(at)) end
return dropped
)lua";

/// KEYS: replays. ARGV: name, replica.
inline constexpr const char* kEndReplay = R"lua(
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
)lua";

/// KEYS: portals, pool. ARGV: id, channel of the pool, announcement. Servers of the original would
/// give a portal that is announced twice twice its share.
inline constexpr const char* kJoinPool = R"lua(
redis.call('SADD', KEYS[1], ARGV[1])
if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
return 0
)lua";

/// KEYS: portals, pool. ARGV: prefix of their channels, its suffix, channel of the pool.
inline constexpr const char* kCheckPool = R"lua(
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local on = redis.call('PUBSUB', 'NUMSUB', ARGV[1] .. id .. ARGV[2])
  if tonumber(on[2]) == 0 then
    redis.call('SREM', KEYS[1], id)
    redis.call('SREM', KEYS[2], id)
    redis.call('PUBLISH', ARGV[3], '{"id":' .. cjson.encode(id) .. ',"ready":false}')
  end
end
return 0
)lua";

}  // namespace pulse::mesa::scripts
