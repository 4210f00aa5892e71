// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a DocumentStore is asked to do at once, and how much of it is too much.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include <pulse/core/result.hpp>
#include <pulse/protocol/bytes.hpp>

namespace pulse::core {

/// Bounds of what a store takes; each a number of bytes or things, none may be 0.
struct DocumentLimits {
    std::size_t max_key_bytes = 512;
    std::size_t max_value_bytes = std::size_t{1024} * 1024;
    std::size_t max_batch_operations = 1024;                     ///< preconditions and writes
    std::size_t max_batch_bytes = std::size_t{4} * 1024 * 1024;  ///< keys and values
    std::size_t max_page_documents = 1000;
    std::size_t max_page_bytes = std::size_t{1024} * 1024;  ///< passed by one document at most
    /// Of work accepted and not answered; more is store_overloaded.
    std::size_t max_waiting = 65'536;
    std::size_t max_waiting_bytes = std::size_t{64} * 1024 * 1024;
};

/// Preconditions and writes that take effect together or not at all. A value type; copies what it
/// is given, into one buffer however many keys it has.
///
///     store.commit(DocumentBatch()
///                      .require_version("universe/42", seen.version)
///                      .put("universe/42", record)
///                      .add("universes/changes", 1),
///                  done);
class DocumentBatch {
  public:
    using Ttl = std::optional<std::chrono::milliseconds>;

    DocumentBatch& require_absent(std::string_view key);
    DocumentBatch& require_present(std::string_view key);
    /// The document is there and was last written by the batch of that version.
    DocumentBatch& require_version(std::string_view key, std::uint64_t version);

    /// Writes the document, whether or not it is there. `ttl` counts from the call of commit() and
    /// replaces what the document had; none: it stays for good. With zero or less it is gone at
    /// once, so that a lifetime computed too late cannot become endless.
    DocumentBatch& put(std::string_view key, protocol::ByteView value, Ttl ttl = std::nullopt);
    DocumentBatch& put(std::string_view key, std::string_view text, Ttl ttl = std::nullopt) {
        return put(key, protocol::as_bytes(text), ttl);
    }
    /// Adds to a counter; one that is not there begins at 0. `ttl` is for the counter this makes;
    /// one that is there keeps its own.
    DocumentBatch& add(std::string_view key, std::int64_t delta, Ttl ttl = std::nullopt);
    /// Does nothing when there is no such document.
    DocumentBatch& remove(std::string_view key);

    enum class Kind : std::uint8_t {
        require_absent,
        require_present,
        require_version,
        put,
        add,
        remove,
    };
    /// Borrows from the batch.
    struct Operation {
        Kind kind = Kind::put;
        std::string_view key;
        protocol::ByteView value;   ///< put
        std::int64_t delta = 0;     ///< add
        std::uint64_t version = 0;  ///< require_version
        Ttl ttl;                    ///< put, add

        [[nodiscard]] bool is_precondition() const noexcept { return kind < Kind::put; }
    };

    // For engines.
    [[nodiscard]] std::size_t size() const noexcept { return steps_.size(); }
    [[nodiscard]] bool empty() const noexcept { return steps_.empty(); }
    [[nodiscard]] Operation operator[](std::size_t i) const noexcept;
    /// Keys and values.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size(); }

  private:
    struct Step {
        Kind kind;
        std::size_t begin;  ///< of the key in bytes_; the value follows
        std::size_t key_bytes;
        std::size_t value_bytes;
        std::uint64_t number;  ///< delta or version
        Ttl ttl;
    };
    DocumentBatch& append(Kind kind, std::string_view key, protocol::ByteView value = {},
                          std::uint64_t number = 0, Ttl ttl = std::nullopt);

    std::vector<Step> steps_;
    std::vector<std::byte> bytes_;
};

// ---- What engines have in common.

/// invalid_key, document_too_big.
[[nodiscard]] std::error_code check_key(std::string_view key,
                                        const DocumentLimits& limits) noexcept;
/// The same for everything in the batch.
[[nodiscard]] std::error_code check_batch(const DocumentBatch& batch,
                                          const DocumentLimits& limits) noexcept;

/// The number that a counter's value is the shortest decimal text of ("-7", not "-07" or "+7").
/// Error::not_a_counter.
[[nodiscard]] Result<std::int64_t> counter_value(protocol::ByteView value) noexcept;
/// Their sum, or not_a_counter when it has more than 64 bits.
[[nodiscard]] Result<std::int64_t> counter_sum(std::int64_t a, std::int64_t b) noexcept;

/// A counter's value as stored.
class CounterText {
  public:
    explicit CounterText(std::int64_t number) noexcept;
    [[nodiscard]] protocol::ByteView bytes() const noexcept {
        return protocol::as_bytes({text_, size_});
    }

  private:
    char text_[std::numeric_limits<std::int64_t>::digits10 + 2];
    std::size_t size_;
};

/// When something with that time to live, begun at `now_ms`, expires; both Unix time. At most a
/// hundred years on.
[[nodiscard]] std::optional<std::uint64_t> expiry(std::uint64_t now_ms,
                                                  DocumentBatch::Ttl ttl) noexcept;
[[nodiscard]] inline bool has_expired(std::optional<std::uint64_t> expires_at_ms,
                                      std::uint64_t now_ms) noexcept {
    return expires_at_ms && *expires_at_ms <= now_ms;
}

}  // namespace pulse::core
