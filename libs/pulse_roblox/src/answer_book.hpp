// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Requests by their idempotency key (a batch id, an Idempotency-Key header) and what they were
// answered: a repeat gets the same answer, and nothing happens twice. One book per universe.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/bridge_options.hpp>

namespace pulse::roblox {

/// **Loop-bound.**
class AnswerBook {
  public:
    explicit AnswerBook(AnswerBookOptions options = {}) : options_(options) {}

    struct Entry {
        bool is_known = false;      ///< a repeat: do nothing again
        bool is_answered = false;   ///< of a repeat: `answer` is there; else it is still being made
        std::string_view answer{};  ///< until the next call
    };
    /// Notes the key as begun if it is new.
    [[nodiscard]] Entry begin(std::string_view key, core::MonotonicTime now);
    void answer(std::string_view key, std::string answer);
    /// Nothing happened, so that a repeat may try again.
    void abandon(std::string_view key);

    [[nodiscard]] std::size_t size() const noexcept { return by_key_.size(); }
    [[nodiscard]] std::size_t byte_count() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t duplicate_count() const noexcept { return duplicates_; }

  private:
    struct Record {
        std::string key;
        std::string answer;
        bool is_answered = false;
        core::MonotonicTime begun{};
    };
    using Records = std::list<Record>;  // oldest first

    void erase(Records::iterator record);
    void evict(core::MonotonicTime now);

    AnswerBookOptions options_;
    Records records_;
    std::unordered_map<std::string_view, Records::iterator> by_key_;  // views into the records
    std::size_t bytes_ = 0;
    std::uint64_t duplicates_ = 0;
};

}  // namespace pulse::roblox
