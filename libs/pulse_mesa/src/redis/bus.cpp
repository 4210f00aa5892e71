// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/bus.hpp"

#include "redis/scripts.hpp"

#include <algorithm>
#include <utility>

#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

namespace {

constexpr std::string_view kReplicaPrefix = "mesa_replica_";

std::string replica_channel(std::string_view id) {
    return std::string(kReplicaPrefix) + std::string(id);
}

}  // namespace

RedisBus::RedisBus(asio::io_context& io, RedisOptions options, core::Rng& rng, core::Log& log)
    : io_(io),
      options_(std::move(options)),
      suffix_(options_.name_space.empty() ? "" : "_" + options_.name_space),
      log_(log),
      check_timer_(io) {
    commands_ = std::make_shared<RedisLink>(io, options_, rng, log, RedisLinkEvents{});
    subscriber_ = std::make_shared<RedisLink>(io, options_, rng, log, RedisLinkEvents{});
}

RedisBus::~RedisBus() {
    commands_->close();
    subscriber_->close();
}

void RedisBus::start() {
    const auto weak = weak_from_this();
    commands_->set_events({[weak] {
                               if (const auto self = weak.lock()) self->check_state();
                           },
                           [weak] {
                               if (const auto self = weak.lock()) self->on_down();
                           },
                           {}});
    subscriber_->set_events({[weak] {
                                 if (const auto self = weak.lock()) self->on_subscriber_up();
                             },
                             [weak] {
                                 const auto self = weak.lock();
                                 if (self == nullptr) return;
                                 self->confirmed_.clear();
                                 self->on_down();
                             },
                             [weak](const RedisValue& value) {
                                 if (const auto self = weak.lock()) self->on_push(value);
                             }});
    commands_->start();
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
    std::vector<std::string_view> all{"EVAL", script, count};
    all.insert(all.end(), keys.begin(), keys.end());
    all.insert(all.end(), arguments.begin(), arguments.end());
    if (is_for_now) return commands_->command_now(all, std::move(answer));
    commands_->command(all, std::move(answer));
}

/// For commands nobody waits for.
RedisAnswer RedisBus::reporting(std::string_view what) const {
    return [&log = log_, what](const core::Result<RedisValue>& answer) {
        if (!answer || answer->type != RedisValue::Type::error) return;
        log.write(core::LogLevel::warn, "mesa_redis_refused",
                  {{"command", what}, {"reason", std::string_view(answer->text)}});
    };
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
        for (const std::string& channel : held->channels) self.want_channel(channel);
        self.check_state();
    });
    // Its end is noticed with the next message for it, or the next subscription.
    return listening;
}

void RedisBus::want_channel(const std::string& channel) {
    const std::string name = named(channel);
    if (wanted_.insert(name).second) subscriber_->push({"SUBSCRIBE", name});
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
        subscriber_->push({"UNSUBSCRIBE", *each});
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

void RedisBus::on_push(const RedisValue& value) {
    if (value.elements.size() < 2) return;
    const std::string& kind = value.elements[0].text;
    const std::string& name = value.elements[1].text;
    if (kind == "subscribe") {
        if (wanted_.contains(name)) confirmed_.insert(name);
        return check_state();
    }
    if (kind != "message" || value.elements.size() < 3) return;
    const std::string_view channel =
        std::string_view(name).substr(0, name.size() - std::min(suffix_.size(), name.size()));
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
        if (held->subscriber.on_message) {
            held->subscriber.on_message(channel, value.elements[2].text);
        }
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
        self.commands_->command(
            {"PUBLISH", channel, text},
            [done = std::move(done)](const core::Result<RedisValue>& answer) {
                if (!done) return;
                if (!answer) return done(answer.error());
                const bool is_error = answer->type == RedisValue::Type::error;
                done(is_error ? make_error_code(Error::bus_refused) : std::error_code());
            });
    });
}

// Who is online.

void RedisBus::open_replica(const std::string& replica) {
    run([replica](RedisBus& self) {
        self.replicas_.try_emplace(replica);
        self.want_channel(replica_channel(replica));
    });
}

/// Redis is told everything anew: whatever it knew may be gone, or have been taken back.
void RedisBus::register_replica(const std::string& id, Replica& replica) {
    constexpr std::size_t kNamesAtOnce = 500;
    replica.is_registered = true;
    forget_replica(id, "", reporting("forget"));
    commands_->command_now({"SADD", named("mesa_replicas"), id}, reporting("register"));
    if (replica.connections != 0) {
        eval(scripts::kCount,
             {replica_key(id), named("mesa_replicas"), named("connected_clients_count")},
             {id, std::to_string(replica.connections)}, reporting("count"));
    }
    std::vector<std::string> flat;
    for (const auto& [name, count] : replica.names) {
        flat.push_back(name);
        flat.push_back(std::to_string(count));
        if (flat.size() < 2 * kNamesAtOnce) continue;
        add_names(id, flat);
        flat.clear();
    }
    if (!flat.empty()) add_names(id, flat);
    for (const std::string& name : replica.replays) {
        commands_->command_now({"HSET", named("mesa_replays"), name, id}, reporting("replay"));
    }
    look_for_strangers();
}

void RedisBus::add_names(const std::string& id, const std::vector<std::string>& flat) {
    const std::string shared = named(kSharedChannel);
    const std::string messages = named(kMessagesChannel);
    std::vector<std::string_view> arguments{id, shared, messages};
    arguments.insert(arguments.end(), flat.begin(), flat.end());
    eval(scripts::kAdd,
         {replica_key(id), named("mesa_replicas"), named("mesa_connections"),
          named("connected_clients")},
         arguments, reporting("add"));
}

void RedisBus::count_connections(const std::string& replica, std::int64_t change) {
    run([replica, change](RedisBus& self) {
        const auto found = self.replicas_.find(replica);
        if (found == self.replicas_.end()) return;
        found->second.connections += change;
        if (!found->second.is_registered) return;
        self.eval(scripts::kCount,
                  {self.replica_key(replica), self.named("mesa_replicas"),
                   self.named("connected_clients_count")},
                  {replica, std::to_string(change)}, self.reporting("count"));
    });
}

void RedisBus::add_client(const std::string& replica, const std::string& name, Added done) {
    run([replica, name, done = std::move(done)](RedisBus& self) mutable {
        const auto found = self.replicas_.find(replica);
        if (found == self.replicas_.end()) {
            return done(tl::unexpected(make_error_code(Error::closed)));
        }
        ++found->second.names[name];
        if (!found->second.is_registered) {
            // Told when it comes back; nobody waits for that.
            return done(tl::unexpected(make_error_code(Error::bus_unavailable)));
        }
        self.eval(scripts::kAdd,
                  {self.replica_key(replica), self.named("mesa_replicas"),
                   self.named("mesa_connections"), self.named("connected_clients")},
                  {replica, self.named(kSharedChannel), self.named(kMessagesChannel), name, "1"},
                  [done = std::move(done)](const core::Result<RedisValue>& answer) {
                      if (!answer) return done(tl::unexpected(answer.error()));
                      if (answer->type == RedisValue::Type::error) {
                          return done(tl::unexpected(make_error_code(Error::bus_refused)));
                      }
                      done(answer->integer > 0);
                  });
    });
}

void RedisBus::remove_client(const std::string& replica, const std::string& name) {
    run([replica, name](RedisBus& self) {
        const auto found = self.replicas_.find(replica);
        if (found == self.replicas_.end()) return;
        const auto own = found->second.names.find(name);
        if (own == found->second.names.end()) return;
        if (--own->second == 0) found->second.names.erase(own);
        if (!found->second.is_registered) return;
        self.eval(scripts::kRemove,
                  {self.replica_key(replica), self.named("mesa_connections"),
                   self.named("connected_clients")},
                  {name}, self.reporting("remove"));
    });
}

void RedisBus::close_replica(const std::string& replica, Done done) {
    run([replica, done = std::move(done)](RedisBus& self) mutable {
        const auto found = self.replicas_.find(replica);
        if (found == self.replicas_.end()) return done({});
        const bool is_registered = found->second.is_registered;
        self.replicas_.erase(found);
        self.drop_unused_channels();
        if (!is_registered) return done(make_error_code(Error::bus_unavailable));
        self.forget_replica(replica, "", [done = std::move(done)](const auto& answer) {
            done(answer ? std::error_code() : answer.error());
        });
    });
}

void RedisBus::forget_replica(const std::string& id, std::string_view channel_if_dead,
                              RedisAnswer answer) {
    eval(scripts::kForget,
         {replica_key(id), named("mesa_replicas"), named("connected_clients_count"),
          named("mesa_connections"), named("connected_clients"), named("mesa_replays")},
         {id, channel_if_dead}, std::move(answer), true);
}

void RedisBus::look_for_dead_replicas() {
    check_timer_.expires_after(options_.check_interval);
    check_timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        const auto self = weak.lock();
        if (self == nullptr || error) return;
        self->look_for_dead_replicas();
    });
    // Dispatchers and portals leave it to servers.
    if (!is_up_ || replicas_.empty()) return;
    look_for_strangers();
    eval(
        scripts::kDeadReplicas, {named("mesa_replicas")}, {kReplicaPrefix, suffix_},
        [weak = weak_from_this()](const core::Result<RedisValue>& answer) {
            const auto self = weak.lock();
            if (self == nullptr || !answer) return;
            for (const RedisValue& dead : answer->elements) {
                if (self->replicas_.contains(dead.text)) continue;
                self->log_.write(core::LogLevel::info, "mesa_replica_gone");
                self->forget_replica(dead.text, self->replica_key(dead.text),
                                     self->reporting("forget"));
            }
        },
        true);
}

void RedisBus::look_for_strangers() {
    eval(
        scripts::kStrangers, {named("mesa_replicas")}, {named(kMessagesChannel)},
        [weak = weak_from_this()](const core::Result<RedisValue>& answer) {
            const auto self = weak.lock();
            if (self == nullptr || !answer || answer->type != RedisValue::Type::integer) return;
            const bool has_any = answer->integer != 0;
            if (self->has_strangers_.exchange(has_any) == has_any) return;
            self->log_.write(core::LogLevel::info, "mesa_strangers", {{"present", has_any}});
        },
        true);
}

std::shared_ptr<Bus> make_redis_bus(asio::io_context& io, RedisOptions options, core::Rng& rng,
                                    core::Log& log) {
    auto bus = std::make_shared<RedisBus>(io, std::move(options), rng, log);
    bus->start();
    return bus;
}

}  // namespace pulse::mesa
