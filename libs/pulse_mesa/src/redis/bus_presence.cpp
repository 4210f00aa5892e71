// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who is online, what is told to Redis of that, and who else is there.
#include "redis/bus.hpp"
#include "redis/scripts.hpp"

#include <utility>

#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

void RedisBus::open_replica(const std::string& replica) {
    run([replica](RedisBus& self) {
        self.replicas_.try_emplace(replica);
        self.want_channels({replica_channel(replica)});
    });
}

/// Redis is told everything anew: whatever it knew may be gone, or have been taken back.
void RedisBus::register_replica(const std::string& id, Replica& replica) {
    replica.is_registered = true;
    replica.registration = ++last_registration_;
    if (tell_all(id, replica)) tell_again(id, replica.registration);
    look_for_strangers();
}

/// Begins with what takes back all that was told before, so that half of it does no harm.
std::error_code RedisBus::tell_all(const std::string& id, const Replica& replica) {
    constexpr std::size_t kNamesAtOnce = 500;
    const RedisAnswer told = telling(id, replica);
    if (const auto error = try_eval(scripts::kForget, keys_of_forget(id), {id, ""}, told)) {
        return error;
    }
    const std::string replicas = named("mesa_replicas");
    const std::string_view words[] = {"SADD", replicas, id};
    if (const auto error = commands_->try_send(words, told)) return error;
    if (replica.connections != 0) {
        const auto error =
            try_eval(scripts::kCount, {replica_key(id), replicas, named("connected_clients_count")},
                     {id, std::to_string(replica.connections)}, told);
        if (error) return error;
    }
    std::vector<std::string> flat;
    for (auto name = replica.names.begin(); name != replica.names.end();) {
        flat.push_back(name->first);
        flat.push_back(std::to_string(name->second));
        if (++name != replica.names.end() && flat.size() < 2 * kNamesAtOnce) continue;
        if (const auto error = tell_names(id, flat, told)) return error;
        flat.clear();
    }
    const std::string replays = named("mesa_replays");
    for (const std::string& name : replica.replays) {
        const std::string_view replay[] = {"HSET", replays, name, id};
        if (const auto error = commands_->try_send(replay, told)) return error;
    }
    return {};
}

std::error_code RedisBus::tell_names(const std::string& id, const std::vector<std::string>& flat,
                                     RedisAnswer answer) {
    const std::string shared = named(kSharedChannel);
    const std::string messages = named(kMessagesChannel);
    std::vector<std::string_view> arguments{id, shared, messages};
    arguments.insert(arguments.end(), flat.begin(), flat.end());
    return try_eval(scripts::kAdd,
                    {replica_key(id), named("mesa_replicas"), named("mesa_connections"),
                     named("connected_clients")},
                    arguments, std::move(answer));
}

/// For what Redis is told of a replica: where it has not been done all of it is told again.
RedisAnswer RedisBus::telling(const std::string& id, const Replica& replica) {
    return [weak = weak_from_this(), id,
            registration = replica.registration](const core::Result<redis::Reply>& answer) {
        if (answer) return;
        if (const auto self = weak.lock()) self->tell_again(id, registration);
    };
}

void RedisBus::tell_again(const std::string& id, std::uint64_t registration) {
    const auto found = replicas_.find(id);
    if (found == replicas_.end() || !found->second.is_registered) return;
    if (found->second.registration != registration) return;
    found->second.is_registered = false;
    log_.write(core::LogLevel::warn, "mesa_replica_to_be_told_again");
    // Not at once: there was no room for it, or Redis did not want it.
    again_timer_.expires_after(options_.last_retry);
    again_timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        const auto self = weak.lock();
        if (self != nullptr && !error) self->check_state();
    });
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
                  {replica, std::to_string(change)}, self.telling(replica, found->second), true);
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
        const auto answer = [told = self.telling(replica, found->second),
                             done](const core::Result<redis::Reply>& reply) {
            told(reply);
            if (!reply) return done(tl::unexpected(reply.error()));
            done(reply->integer() > 0);
        };
        const std::error_code error = self.tell_names(replica, {name, "1"}, answer);
        if (error) answer(tl::unexpected(error));
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
                  {name}, self.telling(replica, found->second), true);
    });
}

void RedisBus::close_replica(const std::string& replica, Done done) {
    run([replica, done = std::move(done)](RedisBus& self) mutable {
        const auto found = self.replicas_.find(replica);
        if (found == self.replicas_.end()) return done({});
        self.replicas_.erase(found);
        self.drop_unused_channels();
        // Also of what was told in part: nobody is alive to tell the rest.
        self.eval(
            scripts::kForget, self.keys_of_forget(replica), {replica, ""},
            [done = std::move(done)](const core::Result<redis::Reply>& answer) {
                done(answer ? std::error_code() : answer.error());
            },
            true);
    });
}

std::vector<std::string> RedisBus::keys_of_forget(std::string_view id) const {
    return {replica_key(id),           named("mesa_replicas"),     named("connected_clients_count"),
            named("mesa_connections"), named("connected_clients"), named("mesa_replays")};
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
        [weak = weak_from_this()](const core::Result<redis::Reply>& answer) {
            const auto self = weak.lock();
            if (self == nullptr || !answer) return;
            for (std::size_t i = 0; i < answer->size(); ++i) {
                const std::string id((*answer)[i].text());
                if (self->replicas_.contains(id)) continue;
                self->log_.write(core::LogLevel::info, "mesa_replica_gone");
                self->eval(scripts::kForget, self->keys_of_forget(id), {id, self->replica_key(id)},
                           {}, true);
            }
        },
        true);
}

/// All servers listen for messages, ours for shared names as well: once for each process, however
/// many servers it has on this bus.
void RedisBus::look_for_strangers() {
    command_now(
        {"PUBSUB", "NUMSUB", named(kMessagesChannel), named(kSharedChannel)},
        [weak = weak_from_this()](const core::Result<redis::Reply>& answer) {
            const auto self = weak.lock();
            if (self == nullptr || !answer || answer->size() < 4) return;
            const bool has_any = (*answer)[1].integer() > (*answer)[3].integer();
            if (self->has_strangers_.exchange(has_any) == has_any) return;
            self->log_.write(core::LogLevel::info, "mesa_strangers", {{"present", has_any}});
        });
}

}  // namespace pulse::mesa
