// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What nodes tell one another of their members, beside publications. And "M1m", behind which to one
// node comes whatever MailCarrier carries.
//
//   message = "M1" kind node rest
//   kind    = "e" on a channel: changes               rest = record*
//           | "s" on a channel: all of the node's     rest = record*
//           | "q" on a channel: tell me yours         rest = token (u64)
//           | "a" to one node: what it asked for      rest = token, channel, record*
//           | "w" to one node: tell all of yours      rest =
//           | "h" to all: the node is alive           rest =
//           | "b" to all: the node ends               rest =
//           | "g" to all: publications did not go out rest =
//
//   channel = u32 length, bytes
//   node    = 16 bytes
//   record  = action (u8) session (2 x u64) joined (u64) seen (u64) has data (u8) [data (u32
//   length, bytes)]
//
// Numbers are little-endian.
#pragma once

#include "envelope.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/presence.hpp>

namespace pulse::cluster {

inline constexpr std::string_view kNodeMessage = "M1";
inline constexpr std::string_view kMail = "M1m";

enum class NodeMessageKind : char {
    changes = 'e',
    state = 's',
    query = 'q',
    answer = 'a',
    who = 'w',
    alive = 'h',
    bye = 'b',
    gap = 'g',
};

struct MemberChange {
    core::PresenceAction action = core::PresenceAction::join;  ///< never sync
    core::PresenceState state{};
};

struct NodeMessage {
    NodeMessageKind kind = NodeMessageKind::alive;
    NodeId node{};
    std::uint64_t token = 0;
    std::string_view channel;  ///< of an answer
    std::vector<MemberChange> changes;
};

[[nodiscard]] std::string node_message(NodeMessageKind kind, const NodeId& node);
void append_token(std::uint64_t token, std::string& out);
void append_channel(std::string_view channel, std::string& out);
void append_change(core::PresenceAction action, const core::PresenceState& state, std::string& out);

/// Nothing unless all of it makes sense.
[[nodiscard]] std::optional<NodeMessage> read_node_message(std::string_view bytes);

}  // namespace pulse::cluster
