// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who is in a channel. The record of a member and its rules: docs/protocol/native.md, "Presence".
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/ids.hpp>
#include <pulse/core/result.hpp>
#include <pulse/protocol/frame.hpp>

namespace pulse::core {

/// `sync` is between a client and its dialect; the hub announces the other three.
using protocol::PresenceAction;

/// Canonical MessagePack of a JSON-like value (pulse/protocol/value.hpp).
using PresenceData = std::vector<std::byte>;

/// One member of a channel. A value type.
struct PresenceState {
    SessionId session;
    /// Absent when none was given.
    std::optional<PresenceData> data;
    std::uint64_t joined_at_ms = 0;  ///< Unix time
    std::uint64_t last_seen_ms = 0;  ///< Unix time

    /// A clock that stepped back makes nobody stale.
    [[nodiscard]] bool is_stale(std::uint64_t now_ms,
                                std::chrono::milliseconds idle) const noexcept {
        return now_ms > last_seen_ms &&
               now_ms - last_seen_ms > static_cast<std::uint64_t>(idle.count());
    }
    friend bool operator==(const PresenceState&, const PresenceState&) = default;
};

/// What the other subscribers of a channel are told. Borrowed for the length of a call.
struct PresenceEvent {
    std::string_view channel;
    PresenceAction action = PresenceAction::join;
    const PresenceState& state;
};

/// Keeps members by channel. **Thread-safe.** Every engine passes tests/contract/presence_store.
///
/// Calls may block only as long as a memory access: an engine that lives elsewhere keeps a local
/// replica and answers from it.
class PresenceStore {
  public:
    virtual ~PresenceStore() = default;

    struct Joined {
        PresenceState state;
        bool is_new = true;
    };

    /// Adds or replaces the member. Replacing resets `joined_at` and answers is_new = false.
    virtual Result<Joined> join(std::string_view channel, const SessionId& session,
                                std::optional<PresenceData> data) = 0;
    /// Replaces data and touches `last_seen`. Error::not_a_member.
    virtual Result<PresenceState> update(std::string_view channel, const SessionId& session,
                                         std::optional<PresenceData> data) = 0;
    /// Touches `last_seen`; false when not a member.
    virtual bool touch(std::string_view channel, const SessionId& session) = 0;
    /// Removes and returns the last record, if there was one.
    virtual std::optional<PresenceState> leave(std::string_view channel,
                                               const SessionId& session) = 0;
    [[nodiscard]] virtual std::optional<PresenceState> get(std::string_view channel,
                                                           const SessionId& session) const = 0;
    /// All members, in order of joining.
    [[nodiscard]] virtual std::vector<PresenceState> members(std::string_view channel) const = 0;
    [[nodiscard]] virtual std::size_t count(std::string_view channel) const = 0;
    /// Removes members of every channel idle for longer than `idle`.
    struct Pruned {
        std::string channel;
        PresenceState state;
    };
    virtual std::vector<Pruned> prune_stale(std::chrono::milliseconds idle) = 0;
    /// Forgets a channel whose last subscriber left; its members are gone without a word.
    virtual void forget(std::string_view channel) = 0;
};

/// The engine that keeps members in this process. `clock` must outlive it.
[[nodiscard]] std::unique_ptr<PresenceStore> make_memory_presence_store(const Clock& clock);

}  // namespace pulse::core
