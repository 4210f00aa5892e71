// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What things are called on Redis; redis_broker.hpp has the list.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pulse::cluster {

class Names {
  public:
    /// `has_tags`: for a Redis Cluster, where all names of a channel have to be of one slot.
    Names(std::string prefix, bool has_tags) : prefix_(std::move(prefix)), has_tags_(has_tags) {}

    [[nodiscard]] std::string pubsub(std::string_view channel) const { return make('c', channel); }
    [[nodiscard]] std::string stream(std::string_view channel) const { return make('s', channel); }
    [[nodiscard]] std::string meta(std::string_view channel) const { return make('m', channel); }
    /// What pubsub() was made of; it points into `name`.
    [[nodiscard]] std::optional<std::string_view> channel_of(std::string_view name) const noexcept;

    /// All nodes listen to it, on the Redis called `place` (empty: the only one).
    [[nodiscard]] std::string everybody(std::string_view place) const { return word("a", place); }
    [[nodiscard]] std::string node(std::string_view id, std::string_view place) const {
        return word("n:" + std::string(id), place);
    }

  private:
    [[nodiscard]] std::string make(char kind, std::string_view channel) const;
    [[nodiscard]] std::string word(const std::string& name, std::string_view place) const;

    const std::string prefix_;
    const bool has_tags_;
};

}  // namespace pulse::cluster
