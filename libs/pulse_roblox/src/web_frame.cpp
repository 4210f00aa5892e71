// SPDX-License-Identifier: MIT OR Apache-2.0
#include "web_frame.hpp"

#include "json/text.hpp"

#include <charconv>

#include <pulse/protocol/channel_name.hpp>

namespace pulse::roblox {

namespace {

constexpr std::string_view kTopic = R"({"topic":")";
constexpr std::string_view kServer = R"(,"serverId":")";
constexpr std::string_view kSeq = R"(,"seq":")";
/// More than the members behind the message can take up.
constexpr std::size_t kMaxTail = 256;

/// The closing quote of the string that begins at `at`.
[[nodiscard]] std::size_t end_of_string(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2U : 1U;
    return at;
}

/// `original` ends where `"serverId"` begins, if that stands directly before `end`. No message can
/// look like it: in a string its quotes would be escaped, and an object would close behind it.
[[nodiscard]] std::size_t end_of_message(std::string_view text, std::size_t end) noexcept {
    if (end == 0 || text[end - 1] != '"') return end;
    const std::size_t quote = text.rfind('"', end - 2);
    if (quote == std::string_view::npos || quote + 1 < kServer.size()) return end;
    const std::size_t begin = quote + 1 - kServer.size();
    return text.substr(begin, kServer.size()) == kServer ? begin : end;
}

}  // namespace

std::string encode_web_frame(const WebMessage& message) {
    std::string out;
    out.reserve(message.topic.size() + message.message.size() + 160);
    out += R"({"topic":)";
    json::append_string(out, message.topic);
    if (!message.message.empty()) {
        out += R"(,"message":)";
        out += message.message;
    }
    if (!message.sender.empty()) {
        out += R"(,"serverId":)";
        json::append_string(out, message.sender);
    }
    out += kSeq;
    out += message.epoch;
    out += ':';
    out += std::to_string(message.seq);
    out += R"(","ts":)";
    out += std::to_string(message.sent_at_ms);
    out += '}';
    return out;
}

std::optional<WebFrameView> read_web_frame(std::string_view text) noexcept {
    if (!text.starts_with(kTopic)) return {};
    WebFrameView view{.text = text, .topic = {}, .original = {}, .place = {}, .epoch = {}};
    const std::size_t topic_end = end_of_string(text, kTopic.size());
    if (topic_end >= text.size()) return {};
    view.topic = text.substr(kTopic.size(), topic_end - kTopic.size());

    const std::size_t tail = text.size() > kMaxTail ? text.size() - kMaxTail : 0;
    const std::size_t in_tail = text.substr(tail).rfind(kSeq);
    if (in_tail == std::string_view::npos) return {};
    const std::size_t seq = tail + in_tail;
    if (seq <= topic_end) return {};
    view.original = text.substr(0, end_of_message(text, seq));
    const std::size_t begin = seq + kSeq.size();
    view.place = text.substr(begin, text.find('"', begin) - begin);
    const auto place = parse_web_place(view.place);
    if (!place) return {};
    view.epoch = place->epoch;
    view.seq = place->seq;
    return view;
}

std::optional<WebPlace> parse_web_place(std::string_view text) noexcept {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon > 16) return {};
    WebPlace place{text.substr(0, colon), 0};
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), place.seq);
    if (error != std::errc{} || end != digits.data() + digits.size()) return {};
    return place;
}

std::string web_channel(UniverseId universe) { return "roblox:" + universe.to_string(); }

std::string web_channel(UniverseId universe, std::string_view topic) {
    std::string name = web_channel(universe) + ':';
    name += topic;
    if (protocol::check_channel_name(name) != protocol::ChannelNameError::none) return {};
    return name;
}

}  // namespace pulse::roblox
