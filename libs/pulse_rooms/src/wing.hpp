// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A room's connections on one lane, and what each listens to.
#pragma once

#include "member.hpp"
#include "topic.hpp"

#include <cstdint>
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

/// **Loop-bound.**
class Wing {
  public:
    void add(Member& member);
    /// With all its subscriptions.
    void remove(Member& member);

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

    std::vector<Member*> members_;
    std::unordered_map<std::string, EventListeners> events_;
    std::uint64_t stamp_ = 0;
};

}  // namespace pulse::rooms
