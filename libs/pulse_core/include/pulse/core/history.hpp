// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Publications that are kept, so that a client may ask for what it missed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/publication.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>

namespace pulse::core {

/// How much of a channel is kept. `size` 0 keeps nothing. What is older than `ttl` is forgotten; a
/// `ttl` of 0 never expires.
struct HistoryPolicy {
    std::size_t size = 0;
    std::chrono::milliseconds ttl{0};
    [[nodiscard]] bool is_kept() const noexcept { return size > 0; }
};

/// A stretch of a channel's history, oldest first.
struct HistoryPage {
    std::vector<PublicationPtr> publications;
    /// The newest position in the channel, whether or not it is in `publications`.
    StreamPosition top;
    /// True when everything after the asked-for position is still there, so that the page (up to
    /// its limit) has no gap at its beginning. False: the position is of another epoch, lies in the
    /// future, or what followed it was forgotten.
    bool recovered = true;
};

/// Keeps publications by channel. **Thread-safe.** Every engine passes
/// tests/contract/history_store.
class HistoryStore {
  public:
    virtual ~HistoryStore() = default;

    /// Appends and gives the position. Called under the channel's sequencer lock, so that offsets
    /// and delivery have one order: it must neither block nor call back into the hub.
    virtual Result<StreamPosition> append(const PublicationView& publication,
                                          const HistoryPolicy& policy) = 0;
    /// What came after `since` (nullptr: from the oldest kept), at most `limit`.
    [[nodiscard]] virtual Result<HistoryPage> read(std::string_view channel,
                                                   const StreamPosition* since,
                                                   std::size_t limit) = 0;
    /// Forgets the channel; the next append begins a new epoch.
    virtual void remove(std::string_view channel) = 0;
};

/// Reads history that may be kept elsewhere. **Thread-safe.** Every engine passes
/// tests/contract/recovery.
class HistoryReader {
  public:
    virtual ~HistoryReader() = default;

    /// As HistoryStore::read; `done` is called once, on any thread, perhaps within the call.
    ///
    /// A node that was interested in the channel before the call has then been given every
    /// publication up to the page's `top` that it will ever be given: what comes later comes after
    /// `top`. Errors: broker_unavailable, broker_overloaded.
    using Done = std::function<void(Result<HistoryPage>)>;
    virtual void read(std::string_view channel, const StreamPosition* since, std::size_t limit,
                      Done done) = 0;
};

/// Bounds of the memory engine as a whole; the oldest channels untouched for longest go first.
struct MemoryHistoryOptions {
    std::size_t max_channels = 100'000;
    std::size_t max_bytes = std::size_t{256} * 1024 * 1024;  ///< payloads and names, all channels
};

[[nodiscard]] std::unique_ptr<HistoryStore> make_memory_history_store(
    const Clock& clock, Rng& rng, MemoryHistoryOptions options = {});

}  // namespace pulse::core
