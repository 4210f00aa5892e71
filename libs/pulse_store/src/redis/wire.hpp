// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Work as words for Redis, and documents from its answers. What the words mean is in scripts.hpp.
#pragma once

#include "work.hpp"

#include <concepts>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/document_store.hpp>
#include <pulse/redis/reply.hpp>

namespace pulse::store::on_redis {

/// Where a store's documents lie.
struct Keys {
    Keys(std::string_view prefix, std::string_view node);
    std::string documents, order, expiries, state, sweeper, session;
};

/// The words of a command. Borrows texts, owns numbers.
class Words {
  public:
    void add(std::string_view text) { words_.push_back(text); }
    template <std::integral Number>
    void add(Number number) {
        words_.push_back(numbers_.emplace_back(std::to_string(number)));
    }
    /// "EVALSHA sha N key…"
    void add_script(std::string_view sha, std::initializer_list<std::string_view> keys);
    [[nodiscard]] std::span<const std::string_view> all() const noexcept { return words_; }

  private:
    std::vector<std::string_view> words_;
    std::deque<std::string> numbers_;
};

/// The batch as kCommitScript wants it; its lifetimes begin at work.accepted_ms.
void append(const WriteWork& work, Words& words);

/// What a record says; nothing when it is none.
[[nodiscard]] std::optional<core::Document> read_record(std::string_view key,
                                                        std::string_view record);

/// What kCommitScript says of one batch; nothing when it says something else.
struct Verdict {
    core::Result<core::CommitResult> result;
    bool is_out_of_memory = false;  ///< Redis, not the store
};
[[nodiscard]] std::optional<Verdict> read_verdict(const redis::Reply& reply);

/// A whole decimal number; 0 when it is none.
[[nodiscard]] std::uint64_t read_number(std::string_view text) noexcept;

/// Whether every text of the scan's answer lies where kScanScript puts it, and the page in it.
[[nodiscard]] std::optional<core::DocumentPage> read_page(const redis::Reply& reply);

}  // namespace pulse::store::on_redis
