// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Turns. Who writes a channel's history names its last message, and is refused when another node
// was faster: of several that write without end, one that is farther from NATS would never get its
// turn. So whoever was refused a few times asks the others to leave the channel to it, for as long
// as a look and a message take it. They keep what comes, and go on with its message, or when the
// time is over. A node that knows nothing of turns goes on: nothing depends on them but fairness.
#include "bytes.hpp"
#include "nats/nats_backend.hpp"

#include <algorithm>

namespace pulse::cluster {

namespace {

constexpr unsigned kLostBeforeAsking = 3;
/// In ways to NATS and back: what is on its way from others, a look at the last message, its own.
constexpr int kWays = 4;
constexpr std::chrono::milliseconds kShortestTurn{5};
constexpr std::chrono::milliseconds kLongestTurn{500};

}  // namespace

void NatsBackend::note_lost(const std::string& channel, Writer& writer) {
    const Time now = std::chrono::steady_clock::now();
    if (++writer.lost < kLostBeforeAsking || now < writer.asked_until) return;
    const auto way = std::chrono::ceil<std::chrono::milliseconds>(now - writer.sent_at);
    const auto turn = std::clamp(way * kWays, kShortestTurn, kLongestTurn);
    writer.asked_until = now + turn;
    std::string asking(1, 't');
    asking.append(epoch_text(node_[0])).append(epoch_text(node_[1]));
    append_number(static_cast<std::uint64_t>(turn.count()), asking);
    append_bytes(channel, asking);
    link_->publish(heard_root_ + "=a", asking);
}

void NatsBackend::hear_turn(const NodeId& asker, std::string_view bytes) {
    std::uint64_t turn = 0;
    std::string_view channel;
    if (!take_number(bytes, turn) || !take_bytes(bytes, channel)) return count_malformed();
    if (asker == node_) return;
    const auto found = writers_.find(channel);
    if (found == writers_.end()) return;
    Writer& writer = found->second;
    const Time now = std::chrono::steady_clock::now();
    // Of two that ask at once one goes first.
    if (now < writer.asked_until && node_ < asker) return;
    writer.left_to = asker;
    const auto longest = static_cast<std::uint64_t>(kLongestTurn.count());
    writer.left_until = now + std::chrono::milliseconds(std::min(turn, longest));
}

bool NatsBackend::is_left(const std::string& channel, Writer& writer) {
    if (std::chrono::steady_clock::now() >= writer.left_until) return false;
    if (std::exchange(writer.is_pausing, true)) return true;
    if (writer.pause == nullptr) writer.pause = std::make_unique<asio::steady_timer>(io_);
    writer.pause->expires_at(writer.left_until);
    writer.pause->async_wait([this, alive = alive_, channel](const asio::error_code& error) {
        if (error || !*alive || is_closed_) return;
        const auto found = writers_.find(channel);
        if (found == writers_.end()) return;
        found->second.is_pausing = false;
        step(channel);
    });
    return true;
}

void NatsBackend::end_turn(const std::string& channel, Writer& writer, const NodeId& node) {
    if (writer.left_until == Time{} || writer.left_to != node) return;
    writer.left_until = {};
    step(channel);
}

}  // namespace pulse::cluster
