// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json/text.hpp"

#include <cmath>
#include <cstdio>

#include <pulse/roblox/bridge_json.hpp>

namespace pulse::roblox {

namespace {

/// Appends the members of one object or the items of one array, with commas between.
class Writer {
  public:
    explicit Writer(char open) : text_(1, open) {}

    Writer& key(std::string_view name) {
        comma();
        json::append_string(text_, name);
        text_ += ':';
        is_first_ = true;  // the value needs no comma
        return *this;
    }
    void raw(std::string_view json) {
        comma();
        text_ += json;
    }
    void text(std::string_view value) {
        comma();
        json::append_string(text_, value);
    }
    void number(std::uint64_t value) { raw(std::to_string(value)); }
    /// Figures: three digits are more than anybody reads.
    void real(double value) {
        char digits[32];
        const int size =
            std::snprintf(digits, sizeof digits, "%.3f", std::isfinite(value) ? value : 0.0);
        std::string_view shown(digits, static_cast<std::size_t>(size));
        while (shown.back() == '0') shown.remove_suffix(1);
        if (shown.back() == '.') shown.remove_suffix(1);
        raw(shown);
    }
    void flag(bool value) { raw(value ? "true" : "false"); }
    [[nodiscard]] std::string close(char bracket) {
        text_ += bracket;
        return std::move(text_);
    }

  private:
    void comma() {
        if (!is_first_) text_ += ',';
        is_first_ = false;
    }

    std::string text_;
    bool is_first_ = true;
};

[[nodiscard]] std::string encode_messages(const std::vector<DownMessage>& messages) {
    Writer list('[');
    for (const DownMessage& message : messages) {
        Writer one('[');
        one.number(message.seq);
        one.text(message.topic);
        one.raw(message.message);
        if (!message.options.empty()) one.raw(message.options);
        list.raw(one.close(']'));
    }
    return list.close(']');
}

[[nodiscard]] std::string encode_ranges(const std::vector<MissingRange>& ranges) {
    Writer list('[');
    for (std::size_t i = 0; i < ranges.size();) {
        const MissingRange& first = ranges[i];
        Writer pairs('[');
        for (; i < ranges.size() && ranges[i].epoch == first.epoch &&
               ranges[i].real_topic == first.real_topic;
             ++i) {
            pairs.raw('[' + std::to_string(ranges[i].first) + ',' + std::to_string(ranges[i].last) +
                      ']');
        }
        Writer one('[');
        one.text(first.epoch);
        one.text(first.real_topic);
        one.raw(pairs.close(']'));
        list.raw(one.close(']'));
    }
    return list.close(']');
}

[[nodiscard]] std::string encode_rates(const Rates& rates) {
    Writer out('{');
    out.key("1s").real(rates.last_1s);
    out.key("10s").real(rates.last_10s);
    out.key("60s").real(rates.last_60s);
    return out.close('}');
}

[[nodiscard]] std::string encode_history(const std::vector<std::uint32_t>& history) {
    Writer out('[');
    for (const std::uint32_t count : history) out.number(count);
    return out.close(']');
}

[[nodiscard]] std::string_view reason_of(Error error) noexcept {
    switch (error) {
        case Error::message_too_large:
            return "too_large";
        case Error::invalid_topic:
        case Error::invalid_server_id:
            return "invalid";
        case Error::forbidden:
            return "key_rejected";
        default:
            return "queue_full";
    }
}

/// An object's text as members to be put into another.
[[nodiscard]] std::string members(const std::string& object) {
    return object.substr(1, object.size() - 2);
}

}  // namespace

std::string encode(const HelloReply& reply) {
    Writer out('{');
    out.key("serverId").text(reply.server);
    out.key("epoch").text(reply.epoch);
    out.key("prefix").text(reply.prefix);
    out.key("shards").number(reply.shards);
    out.key("compatible").flag(reply.is_compatible);
    out.key("mode").text(to_string(reply.mode));
    out.key("heartbeat").number(static_cast<std::uint64_t>(reply.heartbeat.count()));
    Writer poll('{');
    poll.key("wait").real(std::chrono::duration<double>(reply.poll_wait).count());
    poll.key("minInterval").real(std::chrono::duration<double>(reply.poll_min_interval).count());
    out.key("poll").raw(poll.close('}'));
    out.key("time").number(reply.unix_ms);
    out.key("cursor").text(reply.cursor);
    Writer heads('[');
    for (const HelloReply::Head& head : reply.heads) {
        Writer one('[');
        one.text(head.real_topic);
        one.number(head.seq);
        heads.raw(one.close(']'));
    }
    out.key("heads").raw(heads.close(']'));
    return out.close('}');
}

std::string encode(const UplinkReply& reply) {
    Writer out('{');
    out.key("success").flag(true);
    out.key("accepted").number(reply.accepted);
    if (reply.is_duplicate) out.key("dup").flag(true);
    if (!reply.refused.empty()) {
        Writer refused('[');
        for (const UplinkReply::Refused& one : reply.refused) {
            Writer pair('[');
            pair.number(one.index);
            pair.text(reason_of(one.error));
            refused.raw(pair.close(']'));
        }
        out.key("refused").raw(refused.close(']'));
    }
    out.key("down").raw(encode_messages(reply.down));
    if (!reply.cursor.empty()) out.key("cursor").text(reply.cursor);
    if (reply.has_missed) out.key("missed").flag(true);
    if (!reply.repaired.empty()) {
        Writer frames('[');
        for (const UplinkReply::Frame& frame : reply.repaired) {
            Writer one('[');
            one.text(frame.real_topic);
            one.text(frame.text);
            frames.raw(one.close(']'));
        }
        out.key("frames").raw(frames.close(']'));
    }
    if (!reply.voided.empty()) out.key("void").raw(encode_ranges(reply.voided));
    if (!reply.gone.empty()) out.key("gone").raw(encode_ranges(reply.gone));
    if (reply.wants_hello) out.key("hello").flag(true);
    return out.close('}');
}

std::string encode(const PollReply& reply) {
    Writer out('{');
    out.key("cursor").text(reply.cursor);
    out.key("msgs").raw(encode_messages(reply.messages));
    out.key("missed").flag(reply.has_missed);
    if (reply.wants_hello) out.key("hello").flag(true);
    return out.close('}');
}

std::string encode(const std::vector<ServerInfo>& servers) {
    Writer list('[');
    for (const ServerInfo& server : servers) {
        Writer one('{');
        one.key("server").text(server.server);
        one.key("place").text(std::to_string(server.place));
        one.key("version").number(server.version);
        one.key("players").number(server.players);
        Writer capabilities('[');
        for (const std::string& capability : server.capabilities) capabilities.text(capability);
        one.key("caps").raw(capabilities.close(']'));
        one.key("lastSeenMs").number(server.last_seen_ms);
        one.key("transport").text(to_string(server.transport));
        list.raw(one.close('}'));
    }
    return R"({"servers":)" + list.close(']') + '}';
}

std::string encode_summary(const UniverseStats& stats) {
    Writer out('{');
    out.key("gameServers").number(stats.game_servers);
    out.key("players").number(stats.players);
    out.key("in").raw(encode_rates(stats.in));
    out.key("out").raw(encode_rates(stats.out));
    Writer queue('{');
    queue.key("messages").number(stats.queued_messages);
    queue.key("bytes").number(stats.queued_bytes);
    queue.key("oldestMs").number(stats.oldest_queued_ms);
    out.key("queue").raw(queue.close('}'));
    Writer quota('{');
    quota.key("used").real(stats.quota_used);
    quota.key("factor").real(stats.rate_factor);
    quota.key("limitPerMinute").real(stats.limit_per_minute);
    out.key("quota").raw(quota.close('}'));
    out.key("throttled").number(stats.throttled);
    out.key("errors").number(stats.errors);
    out.key("circuitOpen").flag(stats.is_circuit_open);
    return members(out.close('}')) + ',';
}

std::string encode_details(const UniverseStats& stats, bool with_history) {
    Writer out('{');
    Writer topics('[');
    for (const TopicFigures& topic : stats.topics) {
        Writer one('{');
        one.key("topic").text(topic.topic);
        one.key("in").real(topic.in_per_second);
        one.key("out").real(topic.out_per_second);
        one.key("messages").number(topic.messages);
        topics.raw(one.close('}'));
    }
    out.key("topics").raw(topics.close(']'));
    Writer drops('{');
    for (std::size_t i = 0; i < kDropReasons; ++i) {
        if (stats.drops[i] != 0) {
            drops.key(to_string(static_cast<DropReason>(i))).number(stats.drops[i]);
        }
    }
    out.key("drops").raw(drops.close('}'));
    Writer statuses('{');
    for (const auto& [status, count] : stats.statuses) {
        statuses.key(std::to_string(status)).number(count);
    }
    out.key("statuses").raw(statuses.close('}'));
    out.key("retries").number(stats.retries);
    out.key("coalesced").number(stats.coalesced);
    out.key("duplicates").number(stats.uplink_duplicates);
    out.key("framesPerMinute").real(stats.frames_per_minute);
    out.key("messagesPerFrame").real(stats.messages_per_frame);
    if (with_history) {
        Writer history('{');
        history.key("stepMs").number(1'000);
        history.key("in").raw(encode_history(stats.history_in));
        history.key("out").raw(encode_history(stats.history_out));
        out.key("history").raw(history.close('}'));
    }
    return members(out.close('}'));
}

}  // namespace pulse::roblox
