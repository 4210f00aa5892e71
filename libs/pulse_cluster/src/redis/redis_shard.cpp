// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/redis_shard.hpp"

#include "redis/scripts.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/redis/redirection.hpp>

namespace pulse::cluster {

using core::HistoryPage;
using redis::info_field;
using redis::Reply;

namespace {

template <typename Number>
[[nodiscard]] bool read_number(std::string_view text, Number& out) noexcept {
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && at != text.data();
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

RedisShard::RedisShard(ShardOptions shard, const BrokerOptions& options,
                       const BrokerServices& services, const NodeId& node, ShardEvents events)
    : options_(options),
      is_one_of_many_(shard.is_one_of_many),
      names_(options.prefix, shard.is_one_of_many),
      node_(epoch_text(node[0]) + epoch_text(node[1])),
      rng_(services.rng),
      log_(services.log),
      events_(std::move(events)) {
    redis::LinkEvents subscriber{[this] { look_where(); },
                                 [this](bool, std::string_view why) { on_subscriber_down(why); },
                                 [this](const Reply& push) { on_push(push); },
                                 [this](std::string_view why) { on_refused(why); }};
    commands_ = std::make_unique<redis::Link>(
        services.io, shard.link, services.rng,
        redis::LinkEvents{[this] { prepare(); },
                          [this](bool, std::string_view why) { on_commands_down(why); },
                          {}});
    subscriber_ = std::make_unique<redis::Link>(services.io, std::move(shard.link), services.rng,
                                                std::move(subscriber));
}

void RedisShard::start() {
    commands_->start();
    subscriber_->start();
}

void RedisShard::close() {
    commands_->finish();
    subscriber_->finish();
    readings_.clear();
    can_send_ = can_hear_ = false;
}

void RedisShard::restart(std::string_view why) {
    commands_->restart(why);
    subscriber_->restart(why);
}

// -------------------------------------------------------------------- sending

void RedisShard::prepare() {
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
        if (reply != nullptr) on_prepared(*reply);
    });
}

/// Whether this is a Redis to work with: what is wrong, or its run.
std::string RedisShard::check(const Reply& info, std::string& run) const {
    if (info.is_error()) return std::string(info.text());
    const std::string_view text = info.text();
    run = info_field(text, "run_id");
    if (run.empty()) return "INFO says no run_id";
    // A replica would take what is published, and keep it to itself.
    if (info_field(text, "role") != "master") return "a replica";
    const bool is_cluster = info_field(text, "cluster_enabled") == "1";
    if (is_cluster && !is_one_of_many_)
        return "part of a Redis Cluster: redis+cluster:// is needed";
    if (!is_one_of_many_) return {};
    if (!is_cluster) return "not part of a Redis Cluster";
    int version = 0;
    const bool is_known = read_number(info_field(text, "redis_version"), version);
    if (!is_known || version < 7) return "a Redis Cluster before 7.0 has no sharded pub/sub";
    return {};
}

void RedisShard::on_prepared(const Reply& info) {
    const std::string problem = check(info, commands_run_);
    if (!problem.empty()) return commands_->restart(problem);
    // Who has come later has found the one that counts now.
    if (!subscriber_run_.empty() && subscriber_run_ != commands_run_) {
        subscriber_->restart("another Redis is there now");
    }
    can_send_ = true;
    events_.on_state("the subscriber is not connected");
}

void RedisShard::on_commands_down(std::string_view why) {
    can_send_ = false;
    commands_run_.clear();
    fail_readings();
    events_.on_state(why);  // also of attempts that fail: the latest reason is the one to show
}

void RedisShard::send(std::span<const std::string_view> command, bool asks, redis::Answer answer) {
    if (asks) commands_->send({"ASKING"}, {});
    commands_->send(command, std::move(answer));
}

redis::Answer RedisShard::answer_to(Done done) {
    return [this, done = std::move(done)](const Reply* reply) {
        if (reply == nullptr) return done(core::Error::broker_unavailable, {});
        if (!reply->is_error()) return done({}, {});
        const std::string why(reply->text());
        if (!redis::is_redirection(why)) {
            log_.write(core::LogLevel::warn, "broker_refused", {{"reason", std::string_view(why)}});
        }
        done(core::Error::broker_unavailable, why);
        if (is_cured_by_greeting(why)) commands_->restart(why);
    };
}

void RedisShard::publish(const std::string& channel, const std::string& bytes, bool asks,
                         Done done) {
    const std::string name = pubsub(channel, commands_run_);
    const std::string_view command[] = {is_one_of_many_ ? "SPUBLISH" : "PUBLISH", name, bytes};
    send(command, asks, answer_to(std::move(done)));
}

void RedisShard::say(const std::string& channel, const std::string& bytes, bool asks,
                     std::function<void(std::size_t, std::string_view)> done) {
    const std::string name = pubsub(channel, commands_run_);
    const std::string_view command[] = {is_one_of_many_ ? "SPUBLISH" : "PUBLISH", name, bytes};
    send(command, asks, [done = std::move(done)](const Reply* reply) {
        if (!done) return;
        if (reply == nullptr) return done(0, {});
        if (reply->is_error()) return done(0, reply->text());
        done(static_cast<std::size_t>(std::max<std::int64_t>(reply->integer(), 0)), {});
    });
}

void RedisShard::announce(const std::string& bytes) {
    if (!can_send_) return;
    const std::string name = names_.everybody(is_one_of_many_ ? commands_run_ : "");
    commands_->send({"PUBLISH", name, bytes}, {});
}

void RedisShard::tell(const NodeId& node, const std::string& bytes) {
    if (!can_send_) return;
    const std::string name = names_.node(epoch_text(node[0]) + epoch_text(node[1]),
                                         is_one_of_many_ ? commands_run_ : "");
    commands_->send({"PUBLISH", name, bytes}, {});
}

std::string RedisShard::new_epoch() {
    std::uint64_t epoch = 0;
    while (epoch == 0) epoch = rng_.next_u64();  // 0 is "no position"
    return epoch_text(epoch);
}

void RedisShard::append(const std::string& channel, const core::HistoryPolicy& policy,
                        const std::string& head, const std::vector<std::string>& records, bool asks,
                        Done done) {
    const std::string stream = names_.stream(channel);
    const std::string meta = names_.meta(channel);
    const std::string name = pubsub(channel, commands_run_);
    const std::string epoch = new_epoch();
    const std::string size = std::to_string(policy.size);
    const std::string ttl = std::to_string(std::max<std::int64_t>(policy.ttl.count(), 0));
    std::vector<std::string_view> arguments{
        "EVALSHA",     append_sha_, "2",  stream, meta,
        commands_run_, epoch,       size, ttl,    is_one_of_many_ ? "SPUBLISH" : "PUBLISH",
        name,          head};
    arguments.reserve(arguments.size() + records.size());
    for (const std::string& record : records) arguments.emplace_back(record);
    send(arguments, asks, answer_to(std::move(done)));
}

// -------------------------------------------------------------------- reading

void RedisShard::read(const std::string& channel, const core::HistoryPolicy& policy,
                      const core::StreamPosition* since, std::size_t limit, ReadDone done) {
    if (!can_send_ || !can_hear_) return done(unavailable(), {});
    const std::uint64_t id = ++last_reading_;
    readings_.emplace(id, Reading{channel, std::move(done), std::nullopt, false});
    const std::string mark = std::to_string(id);
    const std::string stream = names_.stream(channel);
    const std::string meta = names_.meta(channel);
    const std::string epoch = new_epoch();
    const std::string ttl = std::to_string(std::max<std::int64_t>(policy.ttl.count(), 0));
    const std::string since_epoch = since != nullptr ? epoch_text(since->epoch) : std::string();
    const std::string since_offset = std::to_string(since != nullptr ? since->offset : 0);
    const std::string most = std::to_string(limit);
    const std::string most_bytes = std::to_string(options_.max_page_bytes);
    commands_->send({"EVALSHA", read_sha_, "2", stream, meta, commands_run_, epoch, ttl,
                     since_epoch, since_offset, most, most_bytes, own_channel_, mark},
                    [this, id](const Reply* reply) { take_answer(id, reply); });
}

void RedisShard::take_answer(std::uint64_t id, const Reply* reply) {
    const auto found = readings_.find(id);
    if (found == readings_.end()) return;
    if (reply != nullptr && take_page(found->second, *reply)) return finish_reading(id);
    const auto failed = std::move(found->second.done);
    const std::string why(reply != nullptr ? reply->text() : "");
    readings_.erase(found);
    failed(unavailable(), why);
    if (is_cured_by_greeting(why)) commands_->restart(why);
}

bool RedisShard::take_page(Reading& reading, const Reply& reply) const {
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

void RedisShard::finish_reading(std::uint64_t id) {
    const auto found = readings_.find(id);
    if (found == readings_.end() || !found->second.page || !found->second.is_marked) return;
    Reading done = std::move(found->second);
    readings_.erase(found);
    done.done(std::move(*done.page), {});
}

void RedisShard::fail_readings() {
    const auto failed = std::exchange(readings_, {});
    for (const auto& [id, reading] : failed) reading.done(unavailable(), {});
}

}  // namespace pulse::cluster
