// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What can be subscribed to: an event, or one id of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pulse::rooms {

/// An empty id is the wildcard. A value type.
struct Topic {
    std::string event;
    std::string id;

    [[nodiscard]] bool is_wildcard() const noexcept { return id.empty(); }
};
using TopicPtr = std::shared_ptr<const Topic>;

/// "EVENT" or "EVENT:ID": split at the first colon; no id, or the id `all`, is the wildcard.
/// Nothing without an event.
[[nodiscard]] inline std::optional<Topic> parse_topic(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view event = text.substr(0, colon);
    if (event.empty()) return std::nullopt;
    std::string_view id =
        colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    if (id == "all") id = {};
    return Topic{std::string(event), std::string(id)};
}

}  // namespace pulse::rooms
