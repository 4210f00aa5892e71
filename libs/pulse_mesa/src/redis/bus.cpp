// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/bus.hpp"

#include <algorithm>
#include <utility>

namespace pulse::mesa {

namespace {

std::vector<std::string_view> words_of(const char* script, std::string_view key_count,
                                       const std::vector<std::string>& keys,
                                       const std::vector<std::string_view>& arguments) {
    std::vector<std::string_view> all{"EVAL", script, key_count};
    all.insert(all.end(), keys.begin(), keys.end());
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
}

}  // namespace

RedisBus::RedisBus(asio::io_context& io, RedisOptions options, core::Rng& rng, core::Log& log)
    : io_(io),
      options_(std::move(options)),
      suffix_(options_.name_space.empty() ? "" : "_" + options_.name_space),
      log_(log),
      subscriber_report_(log),
      check_timer_(io),
      again_timer_(io) {
    const redis::LinkOptions link = find_destination(rng);
    commands_ = std::make_shared<RedisCommands>(io, link, options_, rng, log);
    // The link goes before what it calls.
    subscriber_ =
        std::make_unique<redis::Link>(io, link, rng,
                                      redis::LinkEvents{[this] {
                                                            const auto held = shared_from_this();
                                                            subscriber_report_.up();
                                                            on_subscriber_up();
                                                        },
                                                        [this](bool was_up, std::string_view why) {
                                                            const auto held = shared_from_this();
                                                            subscriber_report_.down(why);
                                                            confirmed_.clear();
                                                            if (was_up) on_down();
                                                        },
                                                        [this](const redis::Reply& value) {
                                                            const auto held = shared_from_this();
                                                            on_push(value);
                                                        }});
}

RedisBus::~RedisBus() {
    finder_.reset();
    subscriber_.reset();
    commands_->close();
}

redis::LinkOptions RedisBus::find_destination(core::Rng& rng) {
    redis::LinkOptions link;
    link.answer_timeout = options_.answer_timeout;
    link.first_retry = options_.first_retry;
    link.last_retry = options_.last_retry;
    finder_ =
        redis::set_destination(link, io_, options_.location, {}, rng, [this](std::string_view why) {
            const auto held = shared_from_this();
            commands_->restart(why);
            subscriber_->restart(why);
        });
    return link;
}

void RedisBus::start() {
    const auto weak = weak_from_this();
    if (finder_ != nullptr) finder_->start();
    commands_->start({[weak] {
                          if (const auto self = weak.lock()) self->check_state();
                      },
                      [weak] {
                          if (const auto self = weak.lock()) self->on_down();
                      }});
    subscriber_->start();
    look_for_dead_replicas();
}

std::string RedisBus::named(std::string_view name) const { return std::string(name) + suffix_; }

std::string RedisBus::replica_key(std::string_view replica) const {
    return named(replica_channel(replica));
}

void RedisBus::eval(const char* script, const std::vector<std::string>& keys,
                    const std::vector<std::string_view>& arguments, RedisAnswer answer,
                    bool is_for_now) {
    const std::string count = std::to_string(keys.size());
    const auto words = words_of(script, count, keys, arguments);
    if (is_for_now) return commands_->send_now(words, std::move(answer));
    commands_->send(words, std::move(answer));
}

std::error_code RedisBus::try_eval(const char* script, const std::vector<std::string>& keys,
                                   const std::vector<std::string_view>& arguments,
                                   RedisAnswer answer) {
    const std::string count = std::to_string(keys.size());
    return commands_->try_send(words_of(script, count, keys, arguments), std::move(answer));
}

// Channels.

Bus::Subscription RedisBus::subscribe(std::vector<std::string> channels, Subscriber subscriber) {
    auto listening = std::make_shared<Listening>();
    listening->channels = std::move(channels);
    listening->subscriber = std::move(subscriber);
    run([weak = std::weak_ptr<Listening>(listening)](RedisBus& self) {
        const auto held = weak.lock();
        if (held == nullptr) return;
        self.listening_.push_back(held);
        self.want_channels(held->channels);
        self.check_state();
    });
    // Its end is noticed with the next message for it, or the next subscription.
    return listening;
}

/// In one command: who listens to one of them listens to all, as look_for_strangers() relies on.
void RedisBus::want_channels(const std::vector<std::string>& channels) {
    std::vector<std::string_view> command{"SUBSCRIBE"};
    for (const std::string& channel : channels) {
        const auto [place, is_new] = wanted_.insert(named(channel));
        if (is_new) command.push_back(*place);
    }
    if (command.size() > 1) subscriber_->push(command);
}

void RedisBus::drop_unused_channels() {
    std::erase_if(listening_, [](const auto& each) { return each.expired(); });
    std::set<std::string> used;
    for (const auto& [id, replica] : replicas_) used.insert(named(replica_channel(id)));
    for (const auto& weak : listening_) {
        const auto held = weak.lock();
        if (held == nullptr) continue;
        for (const std::string& channel : held->channels) used.insert(named(channel));
    }
    for (auto each = wanted_.begin(); each != wanted_.end();) {
        if (used.contains(*each)) {
            ++each;
            continue;
        }
        subscriber_->push(std::vector<std::string_view>{"UNSUBSCRIBE", *each});
        confirmed_.erase(*each);
        each = wanted_.erase(each);
    }
}

void RedisBus::on_subscriber_up() {
    confirmed_.clear();
    if (wanted_.empty()) return check_state();
    std::vector<std::string_view> command{"SUBSCRIBE"};
    command.insert(command.end(), wanted_.begin(), wanted_.end());
    subscriber_->push(command);
}

void RedisBus::on_push(const redis::Reply& value) {
    if (value.size() < 2) return;
    const std::string_view kind = value[0].text();
    const std::string_view name = value[1].text();
    if (kind == "subscribe") {
        if (wanted_.contains(name)) confirmed_.emplace(name);
        return check_state();
    }
    if (kind != "message" || value.size() < 3) return;
    const std::string_view text = value[2].text();
    const std::string_view channel =
        name.substr(0, name.size() - std::min(suffix_.size(), name.size()));
    bool is_somebody_gone = false;
    // By value: who is called may subscribe.
    const auto all = listening_;
    for (const auto& weak : all) {
        const auto held = weak.lock();
        if (held == nullptr) {
            is_somebody_gone = true;
            continue;
        }
        const auto& channels = held->channels;
        if (std::find(channels.begin(), channels.end(), channel) == channels.end()) continue;
        if (held->subscriber.on_message) held->subscriber.on_message(channel, text);
    }
    if (is_somebody_gone) drop_unused_channels();
}

void RedisBus::on_down() {
    for (auto& [id, replica] : replicas_) replica.is_registered = false;
    check_state();
}

void RedisBus::check_state() {
    const bool is_commanding = commands_->is_up();
    if (is_commanding) {
        for (auto& [id, replica] : replicas_) {
            if (!replica.is_registered && has_channel(replica_channel(id))) {
                register_replica(id, replica);
            }
        }
    }
    is_up_ = is_commanding && subscriber_->is_up() && confirmed_.size() == wanted_.size();
    const auto all = listening_;
    for (const auto& weak : all) {
        const auto held = weak.lock();
        if (held == nullptr) continue;
        const bool is_up =
            is_commanding && std::all_of(held->channels.begin(), held->channels.end(),
                                         [this](const auto& each) { return has_channel(each); });
        if (is_up == std::exchange(held->is_up, is_up)) continue;
        if (held->subscriber.on_state) held->subscriber.on_state(is_up);
    }
}

void RedisBus::publish(std::string_view channel, std::string text, Done done) {
    run([channel = named(channel), text = std::move(text),
         done = std::move(done)](RedisBus& self) mutable {
        self.command({"PUBLISH", channel, text},
                     [done = std::move(done)](const core::Result<redis::Reply>& answer) {
                         if (done) done(answer ? std::error_code() : answer.error());
                     });
    });
}

std::shared_ptr<Bus> make_redis_bus(asio::io_context& io, RedisOptions options, core::Rng& rng,
                                    core::Log& log) {
    auto bus = std::make_shared<RedisBus>(io, std::move(options), rng, log);
    bus->start();
    return bus;
}

}  // namespace pulse::mesa
