// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/lanes.hpp"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include <pulse/core/error.hpp>

namespace pulse::cluster {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPause{50};
/// Then the Redis do not agree yet among themselves.
constexpr unsigned kRedirectionsAtOnce = 4;

}  // namespace

Lanes::Lanes(asio::io_context& io, Owner owner, Send send)
    : io_(io), owner_(std::move(owner)), send_(std::move(send)) {}
Lanes::~Lanes() { *alive_ = false; }

void Lanes::add(LaneCommand command) {
    auto shared = std::make_shared<LaneCommand>(std::move(command));
    shared->number = ++last_;
    Lane& lane = lanes_[shared->channel];
    // What is under way at another place may come back.
    const std::string to = owner_(shared->channel);
    const bool is_free = !lane.is_holding && (lane.under_way == 0 || lane.at == to);
    if (is_free && try_to_send(lane, shared, to, false)) return;
    hold(lane, std::move(shared));
}

bool Lanes::try_to_send(Lane& lane, const std::shared_ptr<LaneCommand>& command,
                        const std::string& to, bool asks) {
    if (to.empty() || !send_(command, to, asks)) return false;
    ++lane.under_way;
    lane.at = to;
    return true;
}

void Lanes::hold(Lane& lane, std::shared_ptr<LaneCommand> command) {
    if (!std::exchange(lane.is_holding, true)) holding_.push_back(command->channel);
    const auto place =
        std::upper_bound(lane.held.begin(), lane.held.end(), command,
                         [](const auto& a, const auto& b) { return a->number < b->number; });
    lane.held.insert(place, std::move(command));
}

void Lanes::on_answer(const std::shared_ptr<LaneCommand>& command, std::error_code error,
                      std::size_t nodes, Next next, const std::string& elsewhere) {
    const auto found = lanes_.find(command->channel);
    if (found == lanes_.end()) return;
    Lane& lane = found->second;
    --lane.under_way;
    const auto now = Clock::now();
    const bool is_over = next == Next::done || now >= command->due;
    if (!is_over) {
        lane.elsewhere = elsewhere;
        if (next == Next::later || ++command->redirections > kRedirectionsAtOnce) {
            lane.not_before = now + kPause;
        }
        hold(lane, command);
    }
    if (lane.is_holding) {
        if (lane.under_way == 0) flush_soon();
    } else if (lane.under_way == 0) {
        lanes_.erase(found);
    }
    if (is_over) command->done(error, nodes);
}

/// Not within an answer: when a connection breaks the state changes behind the answers.
void Lanes::flush_soon() {
    if (is_flush_due_ || holding_.empty()) return;
    is_flush_due_ = true;
    asio::post(io_, [this, alive = alive_] {
        if (!*alive) return;
        is_flush_due_ = false;
        flush(Clock::now());
    });
}

void Lanes::tick(Clock::time_point now) { flush(now); }

void Lanes::flush(Clock::time_point now) {
    const auto channels = std::exchange(holding_, {});
    for (const std::string& channel : channels) flush(channel, now);
}

void Lanes::flush(const std::string& channel, Clock::time_point now) {
    const auto found = lanes_.find(channel);
    if (found == lanes_.end() || !found->second.is_holding) return;
    Lane& lane = found->second;
    std::vector<std::shared_ptr<LaneCommand>> late;
    std::erase_if(lane.held, [&](const auto& each) {
        if (now < each->due) return false;
        late.push_back(each);
        return true;
    });
    if (lane.under_way == 0 && now >= lane.not_before) {
        const bool asks = !lane.elsewhere.empty();
        const std::string to = asks ? lane.elsewhere : owner_(channel);
        lane.not_before = {};
        while (!lane.held.empty() && try_to_send(lane, lane.held.front(), to, asks)) {
            lane.held.pop_front();
        }
    }
    lane.is_holding = !lane.held.empty();
    if (lane.is_holding) {
        holding_.push_back(channel);
    } else {
        lane.elsewhere.clear();
        if (lane.under_way == 0) lanes_.erase(found);
    }
    for (const auto& each : late) each->done(core::Error::broker_unavailable, 0);
}

void Lanes::clear() {
    const auto lanes = std::exchange(lanes_, {});
    holding_.clear();
}

}  // namespace pulse::cluster
