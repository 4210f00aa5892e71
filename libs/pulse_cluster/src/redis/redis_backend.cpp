// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/redis_backend.hpp"

#include "backend_broker.hpp"
#include "presence_wire.hpp"
#include "redis/scripts.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <pulse/cluster/redis_broker.hpp>
#include <pulse/core/error.hpp>

namespace pulse::cluster {

using core::HistoryPage;
using core::Result;
using redis::Reply;

namespace {

/// Names in one SUBSCRIBE.
constexpr std::size_t kNamesAtOnce = 256;

template <typename Number>
[[nodiscard]] bool read_number(std::string_view text, Number& out) noexcept {
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && at != text.data();
}

/// The value of `name:value` in what INFO says.
[[nodiscard]] std::string_view info_field(std::string_view info, std::string_view name) noexcept {
    std::size_t at = 0;
    while (at < info.size()) {
        const std::size_t end = std::min(info.find('\n', at), info.size());
        std::string_view line = info.substr(at, end - at);
        at = end + 1;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
            return line.substr(name.size() + 1);
        }
    }
    return {};
}

[[nodiscard]] std::string node_channel(const BrokerOptions& options, const NodeId& node) {
    return options.prefix + "n:" + epoch_text(node[0]) + epoch_text(node[1]);
}

/// Scripts flushed, or demoted to a replica (older ones say so within another error): the greeting
/// puts it right, or says what it is.
[[nodiscard]] bool is_cured_by_greeting(std::string_view error) noexcept {
    return error.starts_with("NOSCRIPT") || error.find("READONLY") != std::string_view::npos;
}

[[nodiscard]] auto unavailable() {
    return tl::unexpected(make_error_code(core::Error::broker_unavailable));
}

}  // namespace

RedisBackend::RedisBackend(const redis::Address& address, const BrokerOptions& options,
                           const BrokerServices& services, const NodeId& node)
    : options_(options),
      rng_(services.rng),
      log_(services.log),
      own_channel_(node_channel(options, node)),
      everybody_(options.prefix + "a"),
      channel_prefix_(options.prefix + "c:") {
    redis::LinkOptions link;
    link.address = address;
    link.answer_timeout = options.answer_timeout;
    commands_ = std::make_unique<redis::Link>(
        services.io, link, services.rng,
        redis::LinkEvents{[this] { prepare(); },
                          [this](bool, std::string_view why) { on_commands_down(why); },
                          {}});
    subscriber_ = std::make_unique<redis::Link>(
        services.io, link, services.rng,
        redis::LinkEvents{[this] { subscribe_all(); },
                          [this](bool, std::string_view why) { on_subscriber_down(why); },
                          [this](const Reply& push) { on_push(push); }});
}

void RedisBackend::start(BackendEvents events) {
    events_ = std::move(events);
    commands_->start();
    subscriber_->start();
}

void RedisBackend::close() {
    commands_->finish();
    subscriber_->finish();
    readings_.clear();
    can_send_ = can_hear_ = false;
}

void RedisBackend::tell_state(std::string_view why) { events_.on_state(can_send_, can_hear_, why); }

// -------------------------------------------------------------------- sending

void RedisBackend::prepare() {
    const auto take_sha = [this](std::string& sha) {
        return [this, &sha](const Reply* reply) {
            if (reply == nullptr) return;
            if (reply->is_error()) return commands_->restart(reply->text());
            sha = reply->text();
        };
    };
    commands_->send({"SCRIPT", "LOAD", kAppendScript}, take_sha(append_sha_));
    commands_->send({"SCRIPT", "LOAD", kReadScript}, take_sha(read_sha_));
    commands_->send({"INFO", "all"}, [this](const Reply* reply) {
        if (reply == nullptr) return;
        if (reply->is_error()) return commands_->restart(reply->text());
        on_prepared(*reply);
    });
}

void RedisBackend::on_prepared(const Reply& info) {
    run_ = info_field(info.text(), "run_id");
    if (run_.empty()) return commands_->restart("INFO says no run_id");
    // A replica would take what is published, and keep it to itself.
    if (info_field(info.text(), "role") != "master") return commands_->restart("a replica");
    can_send_ = true;
    tell_state("the subscriber is not connected");
}

void RedisBackend::on_commands_down(std::string_view why) {
    can_send_ = false;
    fail_readings();
    tell_state(why);  // also of attempts that fail: the latest reason is the one to show
}

redis::Answer RedisBackend::answer_to(Done done) {
    return [this, done = std::move(done)](const Reply* reply) {
        if (reply == nullptr) return done(core::Error::broker_unavailable);
        if (!reply->is_error()) return done({});
        const std::string why(reply->text());
        log_.write(core::LogLevel::warn, "broker_refused", {{"reason", std::string_view(why)}});
        done(core::Error::broker_unavailable);
        if (is_cured_by_greeting(why)) commands_->restart(why);
    };
}

void RedisBackend::publish(const std::string& channel, std::string head,
                           const std::vector<std::string>& records, Done done) {
    const std::string name = channel_prefix_ + channel;
    for (const std::string& record : records) head += record;
    commands_->send({"PUBLISH", name, head}, answer_to(std::move(done)));
}

void RedisBackend::announce(const std::string& bytes) {
    commands_->send({"PUBLISH", everybody_, bytes}, {});
}

void RedisBackend::tell(const NodeId& node, const std::string& bytes) {
    const std::string name = node_channel(options_, node);
    commands_->send({"PUBLISH", name, bytes}, {});
}

void RedisBackend::say(const std::string& channel, const std::string& bytes,
                       std::function<void(std::size_t nodes)> done) {
    const std::string name = channel_prefix_ + channel;
    commands_->send({"PUBLISH", name, bytes}, [done = std::move(done)](const Reply* reply) {
        if (!done) return;
        done(reply == nullptr
                 ? 0
                 : static_cast<std::size_t>(std::max<std::int64_t>(reply->integer(), 0)));
    });
}

std::string RedisBackend::new_epoch() {
    std::uint64_t epoch = 0;
    while (epoch == 0) epoch = rng_.next_u64();  // 0 is "no position"
    return epoch_text(epoch);
}

void RedisBackend::append(const std::string& channel, const core::HistoryPolicy& policy,
                          std::string head, const std::vector<std::string>& records, Done done) {
    const std::string stream = options_.prefix + "s:" + channel;
    const std::string meta = options_.prefix + "m:" + channel;
    const std::string name = channel_prefix_ + channel;
    const std::string epoch = new_epoch();
    const std::string size = std::to_string(policy.size);
    const std::string ttl = std::to_string(std::max<std::int64_t>(policy.ttl.count(), 0));
    std::vector<std::string_view> arguments{"EVALSHA", append_sha_, "2", stream, meta, run_,
                                            epoch,     size,        ttl, name,   head};
    arguments.reserve(arguments.size() + records.size());
    for (const std::string& record : records) arguments.emplace_back(record);
    commands_->send(arguments, answer_to(std::move(done)));
}

// -------------------------------------------------------------------- reading

void RedisBackend::read(const std::string& channel, const core::HistoryPolicy& policy,
                        const core::StreamPosition* since, std::size_t limit,
                        core::HistoryReader::Done done) {
    if (!can_send_ || !can_hear_) return done(unavailable());
    const std::uint64_t id = ++last_reading_;
    readings_.emplace(id, Reading{channel, std::move(done), std::nullopt, false});
    const std::string mark = std::to_string(id);
    const std::string stream = options_.prefix + "s:" + channel;
    const std::string meta = options_.prefix + "m:" + channel;
    const std::string epoch = new_epoch();
    const std::string ttl = std::to_string(std::max<std::int64_t>(policy.ttl.count(), 0));
    const std::string since_epoch = since != nullptr ? epoch_text(since->epoch) : std::string();
    const std::string since_offset = std::to_string(since != nullptr ? since->offset : 0);
    const std::string most = std::to_string(limit);
    const std::string most_bytes = std::to_string(options_.max_page_bytes);
    commands_->send({"EVALSHA", read_sha_, "2", stream, meta, run_, epoch, ttl, since_epoch,
                     since_offset, most, most_bytes, own_channel_, mark},
                    [this, id](const Reply* reply) {
                        const auto found = readings_.find(id);
                        if (found == readings_.end()) return;
                        if (reply != nullptr && take_page(found->second, *reply)) {
                            return finish_reading(id);
                        }
                        const auto failed = std::move(found->second.done);
                        const std::string why(reply != nullptr ? reply->text() : "");
                        readings_.erase(found);
                        failed(unavailable());
                        if (is_cured_by_greeting(why)) {
                            commands_->restart(why);
                        }
                    });
}

bool RedisBackend::take_page(Reading& reading, const Reply& reply) const {
    if (reply.size() != 4) return false;
    HistoryPage page;
    page.top.epoch = parse_epoch(reply[0].text());
    if (page.top.epoch == 0 || !read_number(reply[1].text(), page.top.offset)) return false;
    page.recovered = reply[2].integer() == 1;
    const Reply entries = reply[3];
    page.publications.reserve(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const Reply entry = entries[i];
        if (entry.size() != 2) return false;
        core::PublicationView view;
        std::string_view record = entry[1].text();
        if (!read_record(record, view)) return false;
        view.channel = reading.channel;
        view.position.epoch = page.top.epoch;
        if (!read_number(entry[0].text(), view.position.offset)) return false;
        page.publications.push_back(std::make_shared<const core::Publication>(view));
    }
    reading.page = std::move(page);
    return true;
}

void RedisBackend::finish_reading(std::uint64_t id) {
    const auto found = readings_.find(id);
    if (found == readings_.end() || !found->second.page || !found->second.is_marked) return;
    const Reading done = std::move(found->second);
    readings_.erase(found);
    done.done(std::move(*done.page));
}

void RedisBackend::fail_readings() {
    const auto failed = std::exchange(readings_, {});
    for (const auto& [id, reading] : failed) reading.done(unavailable());
}

// ------------------------------------------------------------------ listening

void RedisBackend::subscribe_all() {
    std::vector<std::string> names{own_channel_, everybody_};
    for (auto& [name, owed] : listening_) {
        names.push_back(channel_prefix_ + name);
        owed = 1;
    }
    abandoned_.clear();
    unconfirmed_ = names.size();
    std::vector<std::string_view> some;
    for (const std::string& name : names) {
        some.push_back(name);
        if (some.size() == kNamesAtOnce) subscribe(std::exchange(some, {}));
    }
    if (!some.empty()) subscribe(some);
}

void RedisBackend::subscribe(const std::vector<std::string_view>& names) {
    std::vector<std::string_view> command{"SUBSCRIBE"};
    command.insert(command.end(), names.begin(), names.end());
    subscriber_->push(command);
}

void RedisBackend::on_subscriber_down(std::string_view why) {
    can_hear_ = false;
    fail_readings();
    tell_state(why);
}

void RedisBackend::listen(const std::string& channel) {
    std::size_t& owed = listening_[channel];
    if (!subscriber_->is_up()) return;
    ++owed;
    if (!can_hear_) ++unconfirmed_;
    const std::string name = channel_prefix_ + channel;
    subscribe({name});
}

void RedisBackend::unlisten(const std::string& channel) {
    const auto found = listening_.find(channel);
    if (found == listening_.end()) return;
    // Confirmations that are still owed belong to nobody now; see on_confirmed().
    abandoned_[channel] += found->second;
    if (abandoned_[channel] == 0) abandoned_.erase(channel);
    listening_.erase(found);
    const std::string name = channel_prefix_ + channel;
    const std::string_view command[] = {"UNSUBSCRIBE", name};
    subscriber_->push(command);
}

bool RedisBackend::is_listening(const std::string& channel) const {
    const auto found = listening_.find(channel);
    return can_hear_ && found != listening_.end() && found->second == 0;
}

void RedisBackend::on_push(const Reply& push) {
    if (push.size() == 3 && push[0].text() == "message") {
        on_message(push[1].text(), push[2].text());
    } else if (push.size() == 3 && push[0].text() == "subscribe") {
        on_confirmed(push[1].text());
    }
    // Else the end of a subscription, or the answer to a PING.
}

void RedisBackend::on_confirmed(std::string_view name) {
    if (!can_hear_ && --unconfirmed_ == 0) {
        settle(name);
        can_hear_ = true;
        return tell_state("not ready to send");
    }
    settle(name);
}

void RedisBackend::settle(std::string_view name) {
    if (!name.starts_with(channel_prefix_)) return;
    const std::string channel(name.substr(channel_prefix_.size()));
    // Earlier ones come first: those of a subscription that was given up meanwhile.
    if (const auto gone = abandoned_.find(channel); gone != abandoned_.end()) {
        if (--gone->second == 0) abandoned_.erase(gone);
        return;
    }
    const auto found = listening_.find(channel);
    if (found == listening_.end() || found->second == 0) return;
    if (--found->second == 0 && can_hear_) events_.on_listening(channel);
}

void RedisBackend::on_message(std::string_view name, std::string_view bytes) {
    if (name.starts_with(channel_prefix_)) {
        events_.on_message(name.substr(channel_prefix_.size()), bytes);
    } else if (name == own_channel_) {
        std::uint64_t id = 0;
        if (!bytes.empty() && bytes.front() == kNodeMessage.front()) return events_.on_told(bytes);
        const auto found = read_number(bytes, id) ? readings_.find(id) : readings_.end();
        if (found == readings_.end()) return;
        found->second.is_marked = true;
        finish_reading(id);
    } else if (name == everybody_) {
        events_.on_announced(bytes);
    }
}

// --------------------------------------------------------------------- making

Result<std::shared_ptr<ClusterBroker>> make_redis_broker(const std::string& url,
                                                         BrokerOptions options,
                                                         const BrokerServices& services) {
    const auto address = redis::parse_address(url);
    if (!address) return tl::unexpected(address.error());
    const NodeId node = draw_node_id(services.rng);
    auto backend = std::make_unique<RedisBackend>(*address, options, services, node);
    return make_backend_broker(std::move(backend), std::move(options), services, node);
}

std::string find_redis_url_problem(const std::string& url) {
    const auto address = redis::parse_address(url);
    return address ? std::string() : address.error().message();
}

}  // namespace pulse::cluster
