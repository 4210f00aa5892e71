// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Messages kept on Redis, and the pool of portals.
#include "envelope.hpp"
#include "redis/bus.hpp"
#include "redis/scripts.hpp"

#include <utility>

#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

namespace {

/// What went wrong with a command, or nothing.
std::error_code error_of(const core::Result<redis::Reply>& answer) {
    return answer ? std::error_code() : answer.error();
}

}  // namespace

void RedisBus::keep_for_offline(std::vector<std::string> names, std::string message, Routed done) {
    run([names = std::move(names), message = std::move(message),
         done = std::move(done)](RedisBus& self) mutable {
        const std::string most = std::to_string(self.options_.max_kept_bytes);
        std::vector<std::string_view> arguments{message, most};
        arguments.insert(arguments.end(), names.begin(), names.end());
        self.eval(scripts::kKeep,
                  {self.named("connected_clients"), self.named("undelivered_messages")}, arguments,
                  [done = std::move(done)](const core::Result<redis::Reply>& answer) {
                      if (!answer) return done(tl::unexpected(answer.error()));
                      std::vector<OfflineName> offline;
                      for (std::size_t i = 0; i < answer->size(); ++i) {
                          const std::int64_t place = (*answer)[i].integer();
                          const bool is_full = place < 0;
                          const std::int64_t at = is_full ? -place : place;
                          if (at > 0)
                              offline.push_back({static_cast<std::size_t>(at - 1), is_full});
                      }
                      done(std::move(offline));
                  });
    });
}

void RedisBus::begin_replay(const std::string& replica, const std::string& name, Taken done) {
    run([replica, name, done = std::move(done)](RedisBus& self) mutable {
        const auto found = self.replicas_.find(replica);
        if (found == self.replicas_.end()) {
            return done(tl::unexpected(make_error_code(Error::closed)));
        }
        if (!found->second.replays.insert(name).second) return done(std::nullopt);
        self.eval(scripts::kBeginReplay,
                  {self.named("undelivered_messages"), self.named("mesa_replays")},
                  {name, replica, kReplicaPrefix, self.suffix_},
                  [weak = self.weak_from_this(), replica, name,
                   done = std::move(done)](const core::Result<redis::Reply>& answer) {
                      const auto error = error_of(answer);
                      const bool has_some = !error && !answer->is_nil();
                      // Where nothing was kept nothing is held.
                      const auto bus = weak.lock();
                      if (bus != nullptr && !has_some) bus->forget_replay(replica, name);
                      if (error) return done(tl::unexpected(error));
                      if (!has_some) return done(std::nullopt);
                      done(std::string(answer->text()));
                  });
    });
}

void RedisBus::forget_replay(const std::string& replica, const std::string& name) {
    const auto found = replicas_.find(replica);
    if (found != replicas_.end()) found->second.replays.erase(name);
}

void RedisBus::drop_sent(const std::string& name, std::vector<std::string> elements) {
    run([name, elements = std::move(elements)](RedisBus& self) {
        std::vector<std::string_view> arguments{name};
        arguments.insert(arguments.end(), elements.begin(), elements.end());
        self.eval(scripts::kDropSent, {self.named("undelivered_messages")}, arguments, {});
    });
}

void RedisBus::end_replay(const std::string& replica, const std::string& name) {
    run([replica, name](RedisBus& self) {
        self.forget_replay(replica, name);
        // Others wait for it.
        const auto found = self.replicas_.find(replica);
        self.eval(scripts::kEndReplay, {self.named("mesa_replays")}, {name, replica},
                  found != self.replicas_.end() ? self.telling(replica, found->second) : nullptr);
    });
}

void RedisBus::discard_kept(const std::string& name) {
    run([name](RedisBus& self) {
        self.command({"HDEL", self.named("undelivered_messages"), name}, {});
    });
}

void RedisBus::join_pool(const std::string& id, Done done) {
    run([id, done = std::move(done)](RedisBus& self) mutable {
        const std::string pool = self.named(kPoolChannel);
        self.eval(scripts::kJoinPool, {self.named("mesa_portals"), pool},
                  {id, pool, write_announcement({id, true})},
                  [done = std::move(done)](const core::Result<redis::Reply>& answer) {
                      done(error_of(answer));
                  });
    });
}

void RedisBus::leave_pool(const std::string& id, Done done) {
    run([id, done = std::move(done)](RedisBus& self) mutable {
        const std::string pool = self.named(kPoolChannel);
        self.command_now({"PUBLISH", pool, write_announcement({id, false})}, {});
        self.command_now({"SREM", self.named("mesa_portals"), id}, {});
        self.command_now({"SREM", pool, id},
                         [done = std::move(done)](const core::Result<redis::Reply>& answer) {
                             done(error_of(answer));
                         });
    });
}

void RedisBus::list_pool(std::function<void(core::Result<std::vector<std::string>>)> done) {
    run([done = std::move(done)](RedisBus& self) mutable {
        self.command_now({"SMEMBERS", self.named(kPoolChannel)},
                         [done = std::move(done)](const core::Result<redis::Reply>& answer) {
                             if (const auto error = error_of(answer))
                                 return done(tl::unexpected(error));
                             std::vector<std::string> ids;
                             for (std::size_t i = 0; i < answer->size(); ++i)
                                 ids.emplace_back((*answer)[i].text());
                             done(std::move(ids));
                         });
    });
}

void RedisBus::check_pool() {
    run([](RedisBus& self) {
        self.eval(scripts::kCheckPool, {self.named("mesa_portals"), self.named(kPoolChannel)},
                  {kPortalPrefix, self.suffix_, self.named(kPoolChannel)}, {}, true);
    });
}

}  // namespace pulse::mesa
