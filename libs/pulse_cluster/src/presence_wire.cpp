// SPDX-License-Identifier: MIT OR Apache-2.0
#include "presence_wire.hpp"

#include "bytes.hpp"

namespace pulse::cluster {

namespace {

[[nodiscard]] bool take_kind(std::string_view& in, NodeMessageKind& kind) noexcept {
    constexpr std::string_view kKinds = "esqawhbg";
    if (in.empty() || kKinds.find(in.front()) == std::string_view::npos) return false;
    kind = static_cast<NodeMessageKind>(in.front());
    in.remove_prefix(1);
    return true;
}

[[nodiscard]] bool take_change(std::string_view& in, MemberChange& change) {
    std::uint8_t action = 0;
    std::uint8_t has_data = 0;
    core::PresenceState& state = change.state;
    if (!take_number(in, action) || !take_number(in, state.session.words[0]) ||
        !take_number(in, state.session.words[1]) || !take_number(in, state.joined_at_ms) ||
        !take_number(in, state.last_seen_ms) || !take_number(in, has_data)) {
        return false;
    }
    if (action >= static_cast<std::uint8_t>(core::PresenceAction::sync) || has_data > 1) {
        return false;
    }
    change.action = static_cast<core::PresenceAction>(action);
    if (has_data == 0) return true;
    std::string_view data;
    if (!take_bytes(in, data)) return false;
    const core::ByteView bytes = protocol::as_bytes(data);
    state.data.emplace(bytes.begin(), bytes.end());
    return true;
}

}  // namespace

std::string node_message(NodeMessageKind kind, const NodeId& node) {
    std::string out(kNodeMessage);
    out += static_cast<char>(kind);
    for (const std::uint64_t word : node) append_number(word, out);
    return out;
}

void append_token(std::uint64_t token, std::string& out) { append_number(token, out); }

void append_channel(std::string_view channel, std::string& out) { append_bytes(channel, out); }

void append_change(core::PresenceAction action, const core::PresenceState& state,
                   std::string& out) {
    append_number(static_cast<std::uint8_t>(action), out);
    for (const std::uint64_t word : state.session.words) append_number(word, out);
    append_number(state.joined_at_ms, out);
    append_number(state.last_seen_ms, out);
    append_number(static_cast<std::uint8_t>(state.data ? 1 : 0), out);
    if (state.data) append_bytes(protocol::as_text(*state.data), out);
}

std::optional<NodeMessage> read_node_message(std::string_view bytes) {
    if (!bytes.starts_with(kNodeMessage)) return std::nullopt;
    bytes.remove_prefix(kNodeMessage.size());
    NodeMessage message;
    if (!take_kind(bytes, message.kind)) return std::nullopt;
    for (std::uint64_t& word : message.node) {
        if (!take_number(bytes, word)) return std::nullopt;
    }
    const bool is_answer = message.kind == NodeMessageKind::answer;
    if (is_answer || message.kind == NodeMessageKind::query) {
        if (!take_number(bytes, message.token)) return std::nullopt;
    }
    if (is_answer && !take_bytes(bytes, message.channel)) return std::nullopt;
    const bool has_records = is_answer || message.kind == NodeMessageKind::changes ||
                             message.kind == NodeMessageKind::state;
    while (has_records && !bytes.empty()) {
        if (!take_change(bytes, message.changes.emplace_back())) return std::nullopt;
    }
    if (!bytes.empty()) return std::nullopt;
    return message;
}

}  // namespace pulse::cluster
