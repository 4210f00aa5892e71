// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A room's connections on one lane, and what each listens to.
#pragma once

#include "member.hpp"
#include "topic.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pulse::rooms {

/// Who has one subscription.
struct Slots {
    struct Slot {
        Member* member;
        std::uint32_t subscription;  ///< in the member's list
    };
    std::vector<Slot> list;
    std::string id;  ///< empty: the wildcard
};

struct EventListeners {
    std::string name;
    Slots wildcard;
    std::unordered_map<std::string, Slots> ids;

    [[nodiscard]] bool is_empty() const noexcept { return wildcard.list.empty() && ids.empty(); }
};

/// The place of an event whose subscription shows what there is; what is published as such waits
/// for commits.
[[nodiscard]] std::optional<std::size_t> state_event(std::string_view event) noexcept;

/// How many subscriptions to each kind of state a room has, so that nothing is composed for nobody.
/// **Thread-safe.**
struct Audience {
    /// On their way to their lanes. Read before `listening`, counted down after it is counted up.
    std::atomic<std::uint32_t> coming{0};
    std::array<std::atomic<std::uint32_t>, 3> listening{};
};

/// **Loop-bound.**
class Wing {
  public:
    explicit Wing(Audience& audience) noexcept : audience_(audience) {}

    void add(Member& member);
    /// With all its subscriptions.
    void remove(Member& member);

    [[nodiscard]] static bool is_subscribed(const Member& member, const Topic& topic);
    /// False when it has it already.
    bool subscribe(Member& member, const Topic& topic);
    /// Just this one, and of a wildcard the wildcard alone.
    void unsubscribe_one(Member& member, const Topic& topic);
    /// A wildcard takes every subscription of the event along.
    void unsubscribe(Member& member, const Topic& topic);

    [[nodiscard]] const std::vector<Member*>& members() const noexcept { return members_; }
    /// Appends everybody a publication in `topic` goes to, once each.
    void find(const Topic& topic, std::vector<Member*>& out);

  private:
    void end(Member& member, std::size_t place);

    Audience& audience_;
    std::vector<Member*> members_;
    std::unordered_map<std::string, EventListeners> events_;
    std::uint64_t stamp_ = 0;
};

}  // namespace pulse::rooms
