// SPDX-License-Identifier: MIT OR Apache-2.0
#include "nats/nats_lease_words.hpp"

#include <charconv>

#include <nlohmann/json.hpp>

namespace pulse::cluster::nats_lease {

namespace {

using Json = nlohmann::json;

/// Of consumers whose node is gone.
constexpr std::chrono::seconds kConsumerAge{10};

[[nodiscard]] bool read_number(std::string_view text, std::uint64_t& out) noexcept {
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && at == text.data() + text.size() && !text.empty();
}

/// What comes before the next space, which goes too; or all.
[[nodiscard]] std::string_view take_word(std::string_view& bytes) noexcept {
    const std::size_t at = bytes.find(' ');
    const std::string_view out = bytes.substr(0, at);
    bytes.remove_prefix(at == std::string_view::npos ? bytes.size() : at + 1);
    return out;
}

[[nodiscard]] Json subjects_of(std::string_view root) {
    const std::string front = std::string(root) + ".o.";
    return Json::array({front + "k.*", front + "r", front + "s.*"});
}

[[nodiscard]] bool is_number(const Json& config, const char* name, std::int64_t wanted) {
    const auto found = config.find(name);
    return found != config.end() && found->is_number_integer() &&
           found->get<std::int64_t>() == wanted;
}

}  // namespace

std::string write(const KeyWord& word) {
    std::string out = word.session.empty() ? "-" : word.session;
    out += word.is_exact ? " =" : " >";
    out += std::to_string(word.term);
    out += ' ';
    out += std::to_string(word.connection);
    out += ' ';
    return out += word.key;
}

std::optional<KeyWord> read_key(std::string_view bytes) {
    KeyWord word;
    const std::string_view session = take_word(bytes);
    std::string_view term = take_word(bytes);
    const std::string_view connection = take_word(bytes);
    if (session.empty() || term.empty() || (term.front() != '=' && term.front() != '>')) {
        return std::nullopt;
    }
    word.is_exact = term.front() == '=';
    term.remove_prefix(1);
    if (!read_number(term, word.term) || !read_number(connection, word.connection)) {
        return std::nullopt;
    }
    if (session != "-") word.session = session;
    word.key = bytes;
    return word;
}

std::string write(const SessionWord& word) {
    if (!word.is_alive) return "e " + word.session;
    return "a " + std::to_string(word.connection) + ' ' + word.session;
}

std::optional<SessionWord> read_session(std::string_view bytes) {
    SessionWord word;
    const std::string_view kind = take_word(bytes);
    word.is_alive = kind == "a";
    if (!word.is_alive && kind != "e") return std::nullopt;
    if (word.is_alive && !read_number(take_word(bytes), word.connection)) return std::nullopt;
    word.session = bytes;
    return word;
}

std::string write(const RunWord& word) {
    return (word.is_open ? "o " : "n ") + word.run + ' ' + std::to_string(word.base) + ' ' +
           std::to_string(word.begin);
}

std::optional<RunWord> read_run(std::string_view bytes) {
    RunWord word;
    const std::string_view kind = take_word(bytes);
    word.is_open = kind == "o";
    if (!word.is_open && kind != "n") return std::nullopt;
    word.run = take_word(bytes);
    const std::string_view base = take_word(bytes);
    if (word.run.empty() || !read_number(base, word.base) || !read_number(bytes, word.begin)) {
        return std::nullopt;
    }
    return word;
}

std::string stream_config(std::string_view name, std::string_view root, std::size_t replicas) {
    const Json config{
        {"name", name},
        {"description", "Pulse: who owns what"},
        {"subjects", subjects_of(root)},
        {"retention", "limits"},
        // What somebody has is never dropped for something else.
        {"discard", "new"},
        // A server that starts again has nothing, rather than something old.
        {"storage", "memory"},
        {"max_consumers", -1},
        {"max_msgs", -1},
        {"max_bytes", -1},
        {"max_msg_size", -1},
        {"max_msgs_per_subject", 1},
        {"max_age", 0},
        {"num_replicas", replicas},
    };
    return config.dump();
}

StreamInfo read_stream_info(std::string_view json, std::string_view root) {
    StreamInfo info;
    info.failure = nats_api::read_ack(json).failure;
    if (info.failure) return info;
    const Json answer = Json::parse(json, nullptr, false);
    const auto config = answer.find("config");
    if (config == answer.end() || !config->is_object()) return info;
    static const Json::json_pointer last_sequence("/state/last_seq");
    if (answer.contains(last_sequence) && answer[last_sequence].is_number_unsigned()) {
        info.last_sequence = answer[last_sequence].get<std::uint64_t>();
    }
    const auto replicas = config->find("num_replicas");
    info.is_replicated = replicas != config->end() && *replicas > 1;
    const auto subjects = config->find("subjects");
    const auto discard = config->find("discard");
    const auto storage = config->find("storage");
    info.is_fit = subjects != config->end() && *subjects == subjects_of(root) &&
                  discard != config->end() && *discard == "new" && storage != config->end() &&
                  *storage == "memory" && is_number(*config, "max_msgs_per_subject", 1) &&
                  is_number(*config, "max_age", 0);
    return info;
}

std::string listener_config(std::string_view stream, std::string_view subject,
                            std::chrono::milliseconds heartbeat) {
    const Json config{
        {"deliver_subject", subject},
        {"deliver_policy", "all"},
        {"ack_policy", "none"},
        {"replay_policy", "instant"},
        {"mem_storage", true},
        {"num_replicas", 1},
        {"idle_heartbeat", std::chrono::nanoseconds(heartbeat).count()},
        {"inactive_threshold", std::chrono::nanoseconds(kConsumerAge).count()},
    };
    return Json{{"stream_name", stream}, {"config", config}}.dump();
}

}  // namespace pulse::cluster::nats_lease
