// SPDX-License-Identifier: MIT OR Apache-2.0
#include "nats/nats_api.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>

#include <nlohmann/json.hpp>

#include <pulse/protocol/base64.hpp>

namespace pulse::cluster::nats_api {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t kNanosOfMilli = 1'000'000;
/// What the live stream keeps: long enough for a node to see that it missed something.
constexpr std::chrono::seconds kLiveAge{30};
constexpr std::chrono::minutes kLeastAge{1};
/// How long a name is known that several servers have stored, and thus may not be again.
constexpr std::chrono::seconds kNameAge{30};
/// "err_code" of what is refused since its condition does not hold.
constexpr int kWrongLastSequence = 10071;
constexpr int kWrongLastOfMany = 10164;
constexpr int kDuplicateSoon = 10158;
/// Of consumers that were left alone.
constexpr std::chrono::seconds kConsumerAge{10};

[[nodiscard]] Json parse(std::string_view text) { return Json::parse(text, nullptr, false); }

[[nodiscard]] const Json* member(const Json& json, const char* name) {
    if (!json.is_object()) return nullptr;
    const auto found = json.find(name);
    return found == json.end() ? nullptr : &*found;
}
[[nodiscard]] std::uint64_t number(const Json& json, const char* name) {
    const Json* const found = member(json, name);
    return found != nullptr && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}
[[nodiscard]] std::string text(const Json& json, const char* name) {
    const Json* const found = member(json, name);
    return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

[[nodiscard]] Failure failure_of(const Json& json) {
    if (!json.is_object()) return {-1, "not an answer of JetStream"};
    const Json* const error = member(json, "error");
    if (error == nullptr) return {};
    Failure failure;
    failure.code = static_cast<int>(std::min<std::uint64_t>(number(*error, "err_code"), 99'999));
    if (failure.code == 0) failure.code = -1;
    failure.text = text(*error, "description");
    if (failure.text.empty()) failure.text = "refused";
    return failure;
}

template <typename Number>
[[nodiscard]] bool read_number(std::string_view text, Number& out) noexcept {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, out);
    return error == std::errc{} && at == end && !text.empty();
}

/// A whole number of nanoseconds; 0 is "for ever" to JetStream.
[[nodiscard]] std::int64_t max_age_ns(const core::HistoryPolicy& policy) {
    using std::chrono::nanoseconds;
    if (!policy.is_kept()) return nanoseconds(kLiveAge).count();
    const std::int64_t ttl = policy.ttl.count();
    if (ttl <= 0) return 0;
    // With the last message goes the channel's position: that is to be there for longer.
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / kNanosOfMilli / 4;
    const std::int64_t twice = 2 * std::min(ttl, kMost);
    return (twice + std::chrono::milliseconds(kLeastAge).count()) * kNanosOfMilli;
}

[[nodiscard]] std::int64_t max_messages(const core::HistoryPolicy& policy) {
    constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
    return policy.is_kept() ? static_cast<std::int64_t>(std::min(policy.size, kMost)) : 1;
}

}  // namespace

Ack read_ack(std::string_view json) {
    const Json answer = parse(json);
    Ack ack;
    ack.failure = failure_of(answer);
    const Json* const duplicate = member(answer, "duplicate");
    const bool is_duplicate = duplicate != nullptr && *duplicate == true;
    ack.is_refused = is_duplicate || ack.failure.code == kWrongLastSequence ||
                     ack.failure.code == kWrongLastOfMany || ack.failure.code == kDuplicateSoon;
    if (!ack.failure && !is_duplicate) ack.sequence = number(answer, "seq");
    return ack;
}

std::vector<std::pair<const char*, std::string>> behind(const std::string& subject,
                                                        std::uint64_t last, bool is_replicated) {
    std::vector<std::pair<const char*, std::string>> headers{
        {"Nats-Expected-Last-Subject-Sequence", std::to_string(last)}};
    // The first one is looked at when it is stored. And there may be several of them, one after the
    // other, where a subject's messages are removed.
    if (is_replicated && last != 0) {
        headers.emplace_back("Nats-Msg-Id", subject + ' ' + std::to_string(last));
    }
    return headers;
}

std::string stream_config(const StreamSetup& setup) {
    const Json config{
        {"name", setup.name},
        {"description", "Pulse: publications of channels, republished in their order"},
        {"subjects", Json::array({setup.from + "*"})},
        {"retention", "limits"},
        {"discard", "old"},
        {"storage", "memory"},
        {"max_consumers", -1},
        {"max_msgs", -1},
        {"max_bytes", -1},
        {"max_msg_size", -1},
        {"max_msgs_per_subject", max_messages(setup.policy)},
        {"max_age", max_age_ns(setup.policy)},
        {"num_replicas", setup.replicas},
        {"duplicate_window", std::chrono::nanoseconds(kNameAge).count()},
        {"republish", {{"src", setup.from + ">"}, {"dest", setup.to + ">"}}},
    };
    return config.dump();
}

StreamInfo read_stream_info(std::string_view json, const StreamSetup& setup) {
    const Json answer = parse(json);
    StreamInfo info;
    info.failure = failure_of(answer);
    if (info.failure) return info;
    info.created = text(answer, "created");
    if (const Json* const state = member(answer, "state")) {
        info.last_sequence = number(*state, "last_seq");
    }
    const Json* const config = member(answer, "config");
    if (config == nullptr) return info;
    info.is_replicated = number(*config, "num_replicas") > 1;
    const Json* const subjects = member(*config, "subjects");
    const Json* const republish = member(*config, "republish");
    // What an operator has changed beside that (replicas, limits) is the operator's affair.
    info.is_fit = subjects != nullptr && *subjects == Json::array({setup.from + "*"}) &&
                  republish != nullptr && text(*republish, "dest") == setup.to + ">" &&
                  text(*config, "discard") == "old";
    return info;
}

std::string last_message_of(std::string_view subject) {
    return Json{{"last_by_subj", subject}}.dump();
}

Stored read_stored(std::string_view json) {
    const Json answer = parse(json);
    Stored stored;
    stored.failure = failure_of(answer);
    if (stored.failure) return stored;
    const Json* const message = member(answer, "message");
    bool is_whole = false;
    if (message != nullptr) {
        stored.sequence = number(*message, "seq");
        const Json* const encoded = member(*message, "data");
        static const std::string none;
        const std::string& bytes = encoded != nullptr && encoded->is_string()
                                       ? encoded->get_ref<const std::string&>()
                                       : none;
        is_whole = protocol::decode_base64(bytes, protocol::Base64::standard, stored.data);
    }
    if (!is_whole || stored.sequence == 0) {
        stored.failure = {-1, "not an answer of JetStream"};
    }
    return stored;
}

std::string consumer_config(std::string_view stream, std::string_view subject,
                            std::uint64_t since) {
    Json config{
        {"filter_subject", subject},
        {"ack_policy", "none"},
        {"mem_storage", true},
        {"num_replicas", 1},
        {"inactive_threshold", std::chrono::nanoseconds(kConsumerAge).count()},
        {"deliver_policy", since == 0 ? "all" : "by_start_sequence"},
    };
    if (since != 0) config["opt_start_seq"] = since;
    return Json{{"stream_name", stream}, {"config", std::move(config)}}.dump();
}

ConsumerInfo read_consumer_info(std::string_view json) {
    const Json answer = parse(json);
    ConsumerInfo info;
    info.failure = failure_of(answer);
    if (info.failure) return info;
    info.name = text(answer, "name");
    info.pending = number(answer, "num_pending");
    const auto created = parse_time(text(answer, "created"));
    if (info.name.empty() || !created) {
        info.failure = {-1, "not an answer of JetStream"};
    } else {
        info.now_ns = *created;
    }
    return info;
}

std::string pull(std::size_t messages, std::size_t bytes, std::chrono::milliseconds wait) {
    Json request{{"batch", messages}, {"max_bytes", bytes}};
    if (wait.count() > 0) {
        request["expires"] = std::chrono::nanoseconds(wait).count();
    } else {
        request["no_wait"] = true;
    }
    return request.dump();
}

/// $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<sequence>.<consumer's
/// sequence>.<time>.<pending>[.<random>]
std::optional<Delivery> read_delivery(std::string_view reply) {
    std::array<std::string_view, 16> tokens;
    std::size_t count = 0;
    while (count < tokens.size()) {
        const std::size_t dot = reply.find('.');
        tokens[count++] = reply.substr(0, dot);
        if (dot == std::string_view::npos) break;
        reply.remove_prefix(dot + 1);
    }
    constexpr std::size_t kShort = 9;
    if (count < kShort) return std::nullopt;
    const std::size_t consumer = count == kShort ? 3 : 5;
    if (consumer + 5 >= count) return std::nullopt;
    Delivery delivery;
    delivery.consumer = tokens[consumer];
    if (!read_number(tokens[consumer + 2], delivery.sequence) ||
        !read_number(tokens[consumer + 3], delivery.place) ||
        !read_number(tokens[consumer + 4], delivery.time_ns) ||
        !read_number(tokens[consumer + 5], delivery.pending)) {
        return std::nullopt;
    }
    return delivery;
}

std::string purge_before(std::string_view subject, std::uint64_t sequence) {
    return Json{{"filter", subject}, {"seq", sequence}}.dump();
}

std::optional<std::int64_t> parse_time(std::string_view text) {
    // YYYY-MM-DDTHH:MM:SS[.fraction]Z
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hours = 0;
    unsigned minutes = 0;
    unsigned seconds = 0;
    constexpr std::size_t kWhole = 19;
    if (text.size() < kWhole + 1 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':') {
        return std::nullopt;
    }
    if (!read_number(text.substr(0, 4), year) || !read_number(text.substr(5, 2), month) ||
        !read_number(text.substr(8, 2), day) || !read_number(text.substr(11, 2), hours) ||
        !read_number(text.substr(14, 2), minutes) || !read_number(text.substr(17, 2), seconds)) {
        return std::nullopt;
    }
    std::int64_t nanos = 0;
    std::string_view rest = text.substr(kWhole);
    if (rest.front() == '.') {
        std::int64_t unit = 100'000'000;
        rest.remove_prefix(1);
        while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
            nanos += (rest.front() - '0') * unit;
            unit /= 10;
            rest.remove_prefix(1);
        }
    }
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                           std::chrono::day(day)};
    // A server says when it is by its own zone's clock, in UTC or with an offset.
    std::int64_t offset_minutes = 0;
    if (rest != "Z") {
        unsigned zone_hours = 0;
        unsigned zone_minutes = 0;
        if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':' ||
            !read_number(rest.substr(1, 2), zone_hours) ||
            !read_number(rest.substr(4, 2), zone_minutes)) {
            return std::nullopt;
        }
        offset_minutes = static_cast<std::int64_t>(zone_hours) * 60 + zone_minutes;
        if (rest[0] == '-') offset_minutes = -offset_minutes;
    }
    if (!date.ok() || year < 1970 || year > 2200 || hours > 23 || minutes > 59 || seconds > 60) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const std::int64_t whole = ((days * 24 + hours) * 60 + minutes - offset_minutes) * 60 + seconds;
    return whole * 1'000'000'000 + nanos;
}

}  // namespace pulse::cluster::nats_api
