// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/redis_lease_store.hpp"

#include "lease_ownership.hpp"
#include "redis/lease_scripts.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <pulse/cluster/redis_ownership.hpp>
#include <pulse/redis/error.hpp>

namespace pulse::cluster {

using redis::Reply;

namespace {

/// Keys that one sweep removes at most: Redis does nothing else meanwhile.
constexpr std::string_view kKeysPerSweep = "500";
constexpr std::size_t kRunBytes = 40;

template <typename Number>
[[nodiscard]] bool read_number(std::string_view text, Number& out) noexcept {
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && at == text.data() + text.size() && !text.empty();
}

/// What comes before `end`, which goes too. Nothing when it is not there.
[[nodiscard]] std::optional<std::string_view> take_until(std::string_view& bytes,
                                                         char end) noexcept {
    const std::size_t at = bytes.find(end);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view out = bytes.substr(0, at);
    bytes.remove_prefix(at + 1);
    return out;
}

[[nodiscard]] std::chrono::milliseconds milliseconds_of(const Reply& reply) {
    return std::chrono::milliseconds(std::max<std::int64_t>(reply.integer(), 0));
}

}  // namespace

RedisLeaseStore::RedisLeaseStore(const redis::Location& location, const OwnershipOptions& options,
                                 const OwnershipServices& services)
    : log_(services.log),
      // The braces keep all names in one slot of a Redis Cluster, and with it on one master.
      sessions_(options.prefix + "{o}:s"),
      owners_(options.prefix + "{o}:k"),
      meta_(options.prefix + "{o}:m"),
      sets_(options.prefix + "{o}:k:"),
      changes_(options.prefix + "{o}"),
      lease_(std::to_string(options.lease.count())),
      is_one_of_many_(location.kind == redis::Location::Kind::cluster) {
    redis::LinkOptions link;
    link.answer_timeout = std::min(options.answer_timeout, options.lease / 2);
    finder_ = redis::set_destination(link, services.io, location, meta_, services.rng,
                                     [this](std::string_view why) {
                                         commands_->restart(why);
                                         subscriber_->restart(why);
                                     });
    link.last_retry = std::min(link.last_retry, options.lease / 6);
    link.first_retry = std::min(link.first_retry, link.last_retry);
    commands_ = std::make_unique<redis::Link>(
        services.io, link, services.rng,
        redis::LinkEvents{[this] { prepare(); },
                          [this](bool, std::string_view why) { on_commands_down(why); },
                          {}});
    subscriber_ = std::make_unique<redis::Link>(
        services.io, link, services.rng,
        redis::LinkEvents{[this] { subscribe(); },
                          [this](bool, std::string_view why) { on_subscriber_down(why); },
                          [this](const Reply& push) { on_push(push); }});
}

void RedisLeaseStore::start(LeaseEvents events) {
    events_ = std::move(events);
    if (finder_ != nullptr) finder_->start();
    commands_->start();
    subscriber_->start();
}

void RedisLeaseStore::close() {
    commands_->finish();
    subscriber_->finish();
    finder_.reset();
    can_ask_ = can_hear_ = false;
}

void RedisLeaseStore::tell_state(std::string_view why) {
    events_.on_state(can_ask_, can_hear_, run_, why);
}

void RedisLeaseStore::prepare() {
    const char* const scripts[script_count] = {kRenewScript, kClaimScript, kReleaseScript,
                                               kSweepScript};
    for (std::size_t i = 0; i < script_count; ++i) {
        const std::string text = std::string(kLeasePrelude) + scripts[i];
        commands_->send({"SCRIPT", "LOAD", text}, [this, i](const Reply* reply) {
            if (reply == nullptr) return;
            if (reply->is_error()) return commands_->restart(reply->text());
            shas_[i] = reply->text();
        });
    }
    commands_->send({"INFO", "server"}, [this](const Reply* reply) {
        if (reply == nullptr) return;
        if (reply->is_error()) return commands_->restart(reply->text());
        constexpr std::string_view kName = "\nrun_id:";
        const std::string_view info = reply->text();
        const std::size_t at = info.find(kName);
        run_.clear();
        if (at == std::string_view::npos) return commands_->restart("INFO says no run_id");
        run_ = info.substr(at + kName.size(), kRunBytes);
    });
    commands_->send({"ROLE"}, [this](const Reply* reply) {
        if (reply == nullptr) return;
        if (reply->is_error()) return commands_->restart(reply->text());
        on_role(*reply);
    });
}

void RedisLeaseStore::on_role(const Reply& role) {
    if (role.size() == 0 || role[0].text() != "master") return commands_->restart("a replica");
    ++connection_;
    can_ask_ = true;
    subscribe();
    tell_state(can_hear_ ? "" : "the subscriber is not connected");
}

/// A Redis Cluster passes what a stale master says on to where others listen, who must not hear it.
std::string RedisLeaseStore::channel() const {
    return is_one_of_many_ ? changes_ + "@" + run_ : changes_;
}

void RedisLeaseStore::subscribe() {
    // Only who may ask knows the run.
    if (!subscriber_->is_up() || (is_one_of_many_ && !can_ask_)) return;
    const std::string name = channel();
    if (subscribed_ == name) return;
    subscribed_ = name;
    can_hear_ = false;
    const std::string_view command[] = {"SUBSCRIBE", name};
    subscriber_->push(command);
}

void RedisLeaseStore::on_commands_down(std::string_view why) {
    can_ask_ = false;
    tell_state(why);
}

void RedisLeaseStore::on_subscriber_down(std::string_view why) {
    can_hear_ = false;
    subscribed_.clear();
    tell_state(why);
}

void RedisLeaseStore::run_script(Script script, const std::string& session,
                                 const std::vector<std::string_view>& own, redis::Answer done) {
    if (!can_ask_) return done(nullptr);
    const std::string connection = std::to_string(connection_);
    const std::string told = channel();
    std::vector<std::string_view> arguments{"EVALSHA", shas_[script], "3",     sessions_,
                                            owners_,   meta_,         run_,    lease_,
                                            sets_,     told,          session, connection};
    arguments.insert(arguments.end(), own.begin(), own.end());
    commands_->send(arguments, [this, done = std::move(done)](const Reply* reply) {
        if (reply == nullptr || !reply->is_error()) return done(reply);
        const std::string why(reply->text());
        log_.write(core::LogLevel::warn, "ownership_refused", {{"reason", std::string_view(why)}});
        done(nullptr);
        // Scripts flushed, demoted, full: a new connection puts it right, or says what it is, and
        // does not ask faster than it comes up.
        commands_->restart(why);
    });
}

void RedisLeaseStore::renew(const std::string& session, bool is_new,
                            std::function<void(std::optional<LeaseRenewal>)> done) {
    run_script(renew_script, session, {is_new ? "1" : "0"},
               [done = std::move(done)](const Reply* reply) {
                   if (reply == nullptr || reply->size() != 2) return done(std::nullopt);
                   done(LeaseRenewal{(*reply)[0].integer() == 1, milliseconds_of((*reply)[1])});
               });
}

void RedisLeaseStore::claim(const std::string& session, const std::vector<LeaseItem>& items,
                            std::function<void(std::optional<LeaseAnswer>)> done) {
    std::vector<std::string> terms;
    std::vector<std::string_view> own;
    terms.reserve(items.size());  // views into it
    own.reserve(items.size() * 2);
    for (const LeaseItem& item : items) {
        own.emplace_back(item.key);
        own.emplace_back(terms.emplace_back(std::to_string(item.held_term)));
    }
    run_script(claim_script, session, own,
               [done = std::move(done), count = items.size()](const Reply* reply) {
                   if (reply == nullptr || reply->size() < 2) return done(std::nullopt);
                   LeaseAnswer answer{(*reply)[0].integer() == 1, milliseconds_of((*reply)[1]), {}};
                   if (!answer.is_alive) return done(std::move(answer));
                   if (reply->size() != 2 + count * 2) return done(std::nullopt);
                   answer.owners.resize(count);
                   for (std::size_t i = 0; i < count; ++i) {
                       answer.owners[i].session = (*reply)[2 + i * 2].text();
                       if (!read_number((*reply)[3 + i * 2].text(), answer.owners[i].term)) {
                           return done(std::nullopt);
                       }
                   }
                   done(std::move(answer));
               });
}

void RedisLeaseStore::release(const std::string& session, const std::vector<LeaseItem>& items,
                              std::function<void(bool)> done) {
    std::vector<std::string_view> own;
    own.reserve(items.size());
    for (const LeaseItem& item : items) own.emplace_back(item.key);
    run_script(release_script, session, own, [done = std::move(done)](const Reply* reply) {
        done(reply != nullptr && reply->integer() == 1);
    });
}

void RedisLeaseStore::sweep(std::function<void(std::optional<LeaseSweep>)> done) {
    run_script(sweep_script, "-", {kKeysPerSweep}, [done = std::move(done)](const Reply* reply) {
        if (reply == nullptr || reply->size() != 2) return done(std::nullopt);
        done(LeaseSweep{(*reply)[0].integer() == 1, milliseconds_of((*reply)[1])});
    });
}

void RedisLeaseStore::end(const std::string& session) {
    if (!can_ask_) return;
    commands_->send({"ZADD", sessions_, "XX", "0", session}, {});
    commands_->send({"PUBLISH", channel(), "E"}, {});
}

void RedisLeaseStore::on_push(const Reply& push) {
    if (push.size() != 3 || push[1].text() != subscribed_) return;  // as the answer to a PING
    if (push[0].text() == "subscribe") {
        can_hear_ = true;
        return tell_state(can_ask_ ? "" : "not ready to ask");
    }
    if (push[0].text() != "message") return;
    std::string_view bytes = push[2].text();
    if (bytes.empty()) return;
    const char kind = bytes.front();
    bytes.remove_prefix(1);
    if (kind == 'E') events_.on_ended();
    if (kind == 'C') take_changes(bytes);
}

void RedisLeaseStore::take_changes(std::string_view bytes) {
    while (!bytes.empty()) {
        LeaseOwner owner;
        std::size_t size = 0;
        const auto session = take_until(bytes, ' ');
        const auto term = take_until(bytes, ' ');
        const auto length = take_until(bytes, ':');
        if (!session || !term || !length || !read_number(*term, owner.term) ||
            !read_number(*length, size) || size > bytes.size()) {
            return;  // not a node's
        }
        if (*session != "-") owner.session = *session;
        const std::string_view key = bytes.substr(0, size);
        bytes.remove_prefix(size);
        events_.on_changed(key, owner);
    }
}

core::Result<std::shared_ptr<ClusterOwnership>> make_redis_ownership(
    const std::string& url, OwnershipOptions options, const OwnershipServices& services) {
    const auto location = redis::parse_location(url);
    if (!location) return tl::unexpected(location.error());
    options = completed(std::move(options), services.rng);
    auto store = std::make_unique<RedisLeaseStore>(*location, options, services);
    return make_lease_ownership(std::move(store), std::move(options), services);
}

}  // namespace pulse::cluster
