// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The server that knows who has what, as the engine of ownership sees it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pulse::cluster {

/// Who has a key. Sessions are named `<node>/<something that is never used twice>`.
struct LeaseOwner {
    std::string session;  ///< empty: nobody
    std::uint64_t term = 0;
};

struct LeaseItem {
    std::string key;
    /// Of a key that this node has, and now claims for a new session of its own; else 0.
    std::uint64_t held_term = 0;
};

struct LeaseRenewal {
    /// Else the server does not know it, or it has ended.
    bool is_alive = false;
    /// The server may have lost what it granted: for so long nobody new gets a key.
    std::chrono::milliseconds frozen{0};
};

struct LeaseAnswer {
    /// Else the session that asked is over and nothing was done.
    bool is_alive = false;
    std::chrono::milliseconds frozen{0};
    std::vector<LeaseOwner> owners;  ///< one for each that was asked for
};

struct LeaseSweep {
    bool has_more = false;
    /// Until the next session ends, unless it is renewed.
    std::chrono::milliseconds wait{0};
};

struct LeaseEvents {
    /// `run` names the data that the server has: another one may lack what the last one granted.
    std::function<void(bool can_ask, bool can_hear, std::string_view run, std::string_view why)>
        on_state;
    /// A key has another owner; when `owner.session` is empty `owner.term` was that of the last.
    std::function<void(std::string_view key, const LeaseOwner& owner)> on_changed;
    /// There is something to sweep.
    std::function<void()> on_ended;
    /// This node's session has got a key by what was sent on an earlier connection, and done late.
    /// Only of stores that cannot tell such commands from others.
    std::function<void(std::string_view key)> on_late{};
};

/// **Loop-bound.** Each question is answered once, later or at once: with nothing when that is not
/// known, since the connection broke. Nothing of an earlier connection is done after what came on a
/// later one.
class LeaseStore {
  public:
    virtual ~LeaseStore() = default;

    virtual void start(LeaseEvents events) = 0;
    /// Ends, once what was sent last is on its way. Nothing is called any more.
    virtual void close() = 0;

    virtual void renew(const std::string& session, bool is_new,
                       std::function<void(std::optional<LeaseRenewal>)> done) = 0;
    virtual void claim(const std::string& session, const std::vector<LeaseItem>& items,
                       std::function<void(std::optional<LeaseAnswer>)> done) = 0;
    /// False: it is not known whether it was done.
    virtual void release(const std::string& session, const std::vector<LeaseItem>& items,
                         std::function<void(bool)> done) = 0;
    /// Removes some of what ended sessions have, and tells.
    virtual void sweep(std::function<void(std::optional<LeaseSweep>)> done) = 0;
    virtual void end(const std::string& session) = 0;
};

}  // namespace pulse::cluster
