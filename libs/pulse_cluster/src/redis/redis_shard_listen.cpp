// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The connection that listens. Redis answers each subscription once, in order, by a confirmation or
// an error, with messages in between.
#include "presence_wire.hpp"
#include "redis/redis_shard.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <pulse/redis/redirection.hpp>
#include <pulse/redis/slots.hpp>

namespace pulse::cluster {

using redis::Reply;

namespace {

/// Names in one SUBSCRIBE.
constexpr std::size_t kNamesAtOnce = 256;

}  // namespace

std::string RedisShard::own_name(std::string_view run) const {
    return names_.node(node_, is_one_of_many_ ? run : std::string_view());
}

std::string RedisShard::pubsub(std::string_view channel, std::string_view run) const {
    std::string name = names_.pubsub(channel);
    if (is_one_of_many_) name.append("@").append(run);
    return name;
}

std::optional<std::string_view> RedisShard::channel_of(std::string_view name) const noexcept {
    if (is_one_of_many_) {
        if (!name.ends_with(subscriber_run_)) return std::nullopt;
        name.remove_suffix(subscriber_run_.size());
        if (!name.ends_with('@')) return std::nullopt;
        name.remove_suffix(1);
    }
    return names_.channel_of(name);
}

/// What answers may be of another process than what is listened to, when an address has moved.
void RedisShard::look_where() {
    pending_.clear();
    subscriber_->send({"INFO", "all"}, [this](const Reply* reply) {
        if (reply == nullptr) return;
        std::string run;
        const std::string problem = check(*reply, run);
        if (!problem.empty()) return subscriber_->restart(problem);
        subscriber_run_ = run;
        if (!commands_run_.empty() && commands_run_ != run) {
            commands_->restart("another Redis is there now");
        }
        subscribe_all();
    });
}

void RedisShard::subscribe_all() {
    own_channel_ = own_name(subscriber_run_);
    everybody_ = names_.everybody(is_one_of_many_ ? subscriber_run_ : "");
    std::vector<std::string> names{own_channel_, everybody_};
    for (const auto& each : wanted_) names.push_back(pubsub(each.first, subscriber_run_));
    for (const std::string& name : names) pending_.push_back({name, ++last_subscription_});
    awaited_ = last_subscription_;
    // In the order of the names, behind the two.
    std::uint64_t subscription = awaited_ - wanted_.size();
    for (auto& [channel, wanted] : wanted_) wanted = {++subscription, false};
    subscribe(names);
}

void RedisShard::subscribe(const std::vector<std::string>& names) {
    std::vector<std::string_view> some;
    const auto flush = [&] {
        if (some.size() > 1) subscriber_->push(some);
        some.clear();
    };
    for (const std::string& name : names) {
        // Sharded ones go one by one: those of one command would have to be of one slot.
        const bool is_sharded = is_one_of_many_ && channel_of(name).has_value();
        if (is_sharded) {
            flush();
            const std::string_view command[] = {"SSUBSCRIBE", name};
            subscriber_->push(command);
            continue;
        }
        if (some.empty()) some.push_back("SUBSCRIBE");
        some.push_back(name);
        if (some.size() > kNamesAtOnce) flush();
    }
    flush();
}

void RedisShard::on_subscriber_down(std::string_view why) {
    can_hear_ = false;
    subscriber_run_.clear();
    pending_.clear();
    for (auto& [channel, wanted] : wanted_) wanted.is_confirmed = false;
    fail_readings();
    events_.on_state(why);
}

void RedisShard::listen(const std::string& channel) {
    Wanted& wanted = wanted_[channel];
    // Not before it is known where: subscribe_all() has it then.
    if (subscriber_run_.empty()) return;
    wanted = {++last_subscription_, false};
    if (!can_hear_) awaited_ = last_subscription_;
    const std::string name = pubsub(channel, subscriber_run_);
    pending_.push_back({name, last_subscription_});
    subscribe({name});
}

void RedisShard::unlisten(const std::string& channel) {
    const auto found = wanted_.find(channel);
    if (found == wanted_.end()) return;
    wanted_.erase(found);
    if (subscriber_run_.empty()) return;
    const std::string name = pubsub(channel, subscriber_run_);
    const std::string_view command[] = {is_one_of_many_ ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", name};
    subscriber_->push(command);
    // Which Redis refuses when the slot has moved.
    if (is_one_of_many_) pending_.push_back({name, 0});
}

bool RedisShard::is_listening(const std::string& channel) const {
    const auto found = wanted_.find(channel);
    return can_hear_ && found != wanted_.end() && found->second.is_confirmed;
}

void RedisShard::on_push(const Reply& push) {
    if (push.size() != 3) return;  // the answer to a PING
    const std::string_view kind = push[0].text();
    if (kind == "message" || kind == "smessage") {
        on_message(push[1].text(), push[2].text());
    } else if (kind == "subscribe" || kind == "ssubscribe") {
        on_confirmed(push[1].text());
    } else if (kind == "sunsubscribe") {
        on_unsubscribed(push[1].text());
    }
}

void RedisShard::on_confirmed(std::string_view name) {
    if (pending_.empty() || pending_.front().name != name || pending_.front().subscription == 0) {
        return subscriber_->restart("confirms what was not asked for");
    }
    const Pending answered = std::move(pending_.front());
    pending_.pop_front();
    settle(answered, {});
}

void RedisShard::settle(const Pending& answered, std::string_view refusal) {
    const auto channel = channel_of(answered.name);
    const auto found = channel ? wanted_.find(*channel) : wanted_.end();
    // A later subscription of the same channel has an answer of its own.
    const bool counts = found != wanted_.end() && answered.subscription != 0 &&
                        found->second.subscription == answered.subscription;
    if (counts && refusal.empty()) found->second.is_confirmed = true;
    if (counts && !refusal.empty()) wanted_.erase(found);
    if (!can_hear_ && answered.subscription == awaited_) {
        can_hear_ = true;
        events_.on_state("not ready to send");
    } else if (counts && can_hear_ && refusal.empty()) {
        events_.on_listening(*channel);
    }
    if (counts && !refusal.empty()) events_.on_gone(*channel, refusal);
}

/// A subscription that a Redis Cluster sends elsewhere is that channel's affair alone.
void RedisShard::on_refused(std::string_view why_borrowed) {
    const std::string why(why_borrowed);
    if (!is_one_of_many_ || !redis::is_redirection(why) || pending_.empty()) {
        return subscriber_->restart(why);
    }
    const Pending answered = std::move(pending_.front());
    pending_.pop_front();
    if (const auto to = redis::read_redirection(why);
        to && to->slot != redis::slot_of(answered.name)) {
        return subscriber_->restart("refuses what was not asked for");
    }
    settle(answered, why);
}

/// In answer to a word of this node, or because the slot has moved.
void RedisShard::on_unsubscribed(std::string_view name) {
    if (!pending_.empty() && pending_.front().subscription == 0 && pending_.front().name == name) {
        pending_.pop_front();
        return;
    }
    const auto channel = channel_of(name);
    const auto found = channel ? wanted_.find(*channel) : wanted_.end();
    if (found == wanted_.end() || !found->second.is_confirmed) return;
    const std::string gone(*channel);
    wanted_.erase(found);
    events_.on_gone(gone, {});
}

void RedisShard::on_message(std::string_view name, std::string_view bytes) {
    if (name == own_channel_) {
        std::uint64_t id = 0;
        if (bytes.starts_with(kNodeMessage)) return events_.on_told(bytes);
        const auto [at, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), id);
        const auto found = error == std::errc{} ? readings_.find(id) : readings_.end();
        if (found == readings_.end()) return;
        found->second.is_marked = true;
        finish_reading(id);
    } else if (name == everybody_) {
        events_.on_announced(bytes);
    } else if (const auto channel = channel_of(name)) {
        events_.on_message(*channel, bytes);
    }
}

}  // namespace pulse::cluster
