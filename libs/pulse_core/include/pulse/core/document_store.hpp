// SPDX-License-Identifier: MIT OR Apache-2.0
//
// State that outlives a connection, and with most engines the process: documents by key.
//
// One ordered space of keys, each with a value that the store does not look into. A counter is a
// document whose value is a whole number in decimal, so that it is read, scanned, set and removed
// like any other; `add` is what makes it one. Whoever uses the store owns a prefix of the keys
// ("rooms/<room>/…") and keeps to it.
//
// Everything is asynchronous: a call hands work over and returns, and its completion tells the end.
// What an engine needs to offer is limited to what one server-side script of Redis can do on keys
// of one hash slot, too (docs/adr/0002-document-store.md has the mapping).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/document_batch.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/result.hpp>

namespace pulse::core {

/// A value type.
struct Document {
    std::string key;
    std::vector<std::byte> value;
    /// Of the batch that wrote it; see DocumentStore::commit.
    std::uint64_t version = 0;
    /// Unix time; absent: never. What has expired is never returned.
    std::optional<std::uint64_t> expires_at_ms;

    /// The value as text; borrows from it.
    [[nodiscard]] std::string_view text() const noexcept { return protocol::as_text(value); }
    /// The value as a counter's. Error::not_a_counter.
    [[nodiscard]] Result<std::int64_t> number() const noexcept { return counter_value(value); }

    friend bool operator==(const Document&, const Document&) = default;
};

/// A stretch of the keys, in the order of their bytes (unsigned), and how much of it to read at
/// once.
struct DocumentRange {
    std::string begin;               ///< the first key; empty: from the very first
    std::optional<std::string> end;  ///< the first key not in it; absent: to the very last
    /// Documents per page; 0, and what is above it, is DocumentLimits::max_page_documents.
    std::size_t limit = 0;

    /// All keys that begin with `prefix`.
    [[nodiscard]] static DocumentRange prefix(std::string_view prefix, std::size_t limit = 0);
};

struct DocumentPage {
    std::vector<Document> documents;  ///< by key
    /// The first key of the range that did not fit: set it as `begin` to read on. Absent: the page
    /// goes to the end of the range.
    std::optional<std::string> next;
};

struct CommitResult {
    /// Of every document the batch wrote; 0 when it wrote none.
    std::uint64_t version = 0;
    /// The counter after each `add`, in their order.
    std::vector<std::int64_t> counters;
};

/// What an engine says of itself.
struct StoreStatus {
    /// None: reads and writes work. Otherwise what they fail with, though reads may still work.
    std::error_code error;
    /// What is wrong, for an operator; empty when nothing is. Holds no key, value or path.
    std::string text;

    [[nodiscard]] bool is_available() const noexcept { return !error; }
};

/// Cumulative figures since the store was made, and what is now.
struct DocumentStoreStats {
    /// Bucket i counts values up to first << i; the last takes the rest.
    struct Histogram {
        std::array<std::uint64_t, LaneHistogram::kBuckets> buckets{};
        std::uint64_t sum = 0;
    };
    std::uint64_t commits = 0;    ///< batches answered, whatever the answer
    std::uint64_t gets = 0;       ///< the same
    std::uint64_t scans = 0;      ///< the same
    std::uint64_t conflicts = 0;  ///< batches whose precondition did not hold
    std::uint64_t refusals = 0;   ///< of any operation: invalid, too big, overloaded, shutting down
    std::uint64_t failures = 0;   ///< of any operation: the engine could not do it
    std::uint64_t expired = 0;    ///< documents removed because their time had come
    std::size_t waiting = 0;      ///< operations accepted and not answered
    std::size_t waiting_bytes = 0;  ///< memory that they hold, about
    std::size_t stored_bytes = 0;   ///< as the engine counts: keys and values, or files
    /// Empty where every batch is a commit of its own and takes no time.
    Histogram batches_per_commit;  ///< first bound 1
    Histogram commit_time;         ///< nanoseconds, first bound kCommitTimeFirst
    static constexpr std::uint64_t kCommitTimeFirst = 16'384;
};

/// Documents by key. **Thread-safe.** Every engine passes tests/contract/document_store.
///
/// Completions: each call ends with exactly one call of its `done`. What is refused (invalid_key,
/// document_too_big, store_overloaded, shutting_down) is answered on the caller's thread before the
/// call returns; the rest on a thread of the store's, or by the memory engine before the call
/// returns. So do not hold a lock that `done` takes. A completion delays the answers behind it: let
/// it do no more than post to where the answer is wanted (on_lane, ConnectionHandle::post). It may
/// call the store again, must not throw, and must not destroy the store.
///
/// Errors of every operation beside those: store_unavailable, store_corrupt, store_incompatible as
/// status() has it.
class DocumentStore {
  public:
    using CommitDone = std::function<void(Result<CommitResult>)>;
    using GetDone = std::function<void(Result<std::optional<Document>>)>;
    using ScanDone = std::function<void(Result<DocumentPage>)>;

    /// Closes, and waits for what was accepted.
    virtual ~DocumentStore() = default;

    /// Does all of the batch or nothing of it. Preconditions are held against the state before the
    /// batch, then its writes take effect in their order. Batches of one thread take effect in the
    /// order of its calls. A success says that the batch is as durable as the engine was asked to
    /// make it.
    ///
    /// Versions grow from batch to batch and are never used again, not for a document that was
    /// removed and made anew either: require_version() guards against every change in between.
    ///
    /// Errors: document_conflict, not_a_counter, store_full: nothing was done. After
    /// store_unavailable read before trying again: when the failure struck the commit itself it may
    /// have been done.
    virtual void commit(DocumentBatch batch, CommitDone done) = 0;

    /// The document, or nothing when there is none. Sees every batch that was answered before the
    /// call; may or may not see those under way.
    virtual void get(std::string key, GetDone done) = 0;

    /// One page of the range, as it is at one moment; the next page may be of a later one. Pages
    /// end at `limit` documents or DocumentLimits::max_page_bytes, but have at least one document
    /// if there is any. Sees what get() sees.
    virtual void scan(DocumentRange range, ScanDone done) = 0;

    /// For /readyz. Does not touch the disk or the network.
    [[nodiscard]] virtual StoreStatus status() const = 0;
    [[nodiscard]] virtual DocumentStoreStats stats() const = 0;
    [[nodiscard]] virtual const DocumentLimits& limits() const noexcept = 0;

    /// Refuses new work from now on, finishes what was accepted, writes out what is left to write,
    /// then calls `done` as a completion. Calling it again waits for the same end.
    virtual void close(std::function<void()> done) = 0;
};

/// A completion that runs `done` on the lane's loop. The lane must be there when the store answers:
/// close the store before the loops end.
template <typename Done>
[[nodiscard]] auto on_lane(Lane& lane, Done done) {
    return [&lane, done = std::move(done)](auto result) mutable {
        lane.post([done = std::move(done), result = std::move(result)]() mutable {
            done(std::move(result));
        });
    };
}

/// What engines have in common: document_too_big for bounds longer than a key may be.
[[nodiscard]] std::error_code check_range(const DocumentRange& range,
                                          const DocumentLimits& limits) noexcept;
/// Documents that a page of the range has at most.
[[nodiscard]] std::size_t page_size(const DocumentRange& range,
                                    const DocumentLimits& limits) noexcept;

struct MemoryDocumentStoreOptions {
    DocumentLimits limits;
    /// Above one of them writes that make more of it fail with store_full. 0: without limit.
    std::size_t max_documents = 1'000'000;
    std::size_t max_bytes = std::size_t{256} * 1024 * 1024;  ///< keys and values
};

/// The engine that keeps documents in this process and forgets them with it. `clock` outlives it.
[[nodiscard]] std::unique_ptr<DocumentStore> make_memory_document_store(
    const Clock& clock, MemoryDocumentStoreOptions options = {});

}  // namespace pulse::core
