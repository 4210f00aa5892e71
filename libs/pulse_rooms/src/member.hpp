// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One connection in a room.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pulse/core/connection.hpp>

namespace pulse::rooms {

class RoomConversation;
struct Session;
struct EventListeners;
struct Slots;

/// A subscription's place in its list. Borrows from the wing.
struct Subscription {
    EventListeners* event;
    Slots* slots;
    std::uint32_t index;  ///< in `slots`
};

struct Member : std::enable_shared_from_this<Member> {
    Member(std::uint32_t lane_, std::string session_id_, bool is_fresh_,
           std::shared_ptr<const std::string> details_)
        : lane(lane_),
          session_id(std::move(session_id_)),
          is_fresh_session(is_fresh_),
          details(std::move(details_)) {}

    // Fixed.
    const std::uint32_t lane;
    const std::string session_id;
    const bool is_fresh_session;  ///< its id was made for it: nobody else can have it
    const std::shared_ptr<const std::string> details;  ///< JSON

    // Its lane's.
    core::Connection* connection = nullptr;  ///< null when it is gone
    // Anybody's, and here because each publication needs both.
    std::atomic<std::uint64_t> last_ms{0};  ///< when something was last sent or received
    // Its lane's again.
    RoomConversation* conversation = nullptr;
    std::vector<Subscription> subscriptions;
    std::uint64_t stamp = 0;            ///< of the last publication handed to it
    std::uint32_t place = 0;            ///< in the wing's list; with is_in_wing
    std::uint32_t refused_replies = 0;  ///< still to come, of a subscription that was refused
    std::uint32_t channels = 0;         ///< of the hub that it is subscribed to
    bool is_in_wing = false;

    // Under the room's lock.
    Session* session = nullptr;  ///< once greeted
    bool is_admin = false;
    bool is_gone = false;
    bool is_paused = false;
    std::uint64_t order = 0;       ///< among all that came in
    std::uint32_t queued = 0;      ///< outputs that wait for the store on its account
    std::size_t queued_bytes = 0;  ///< that they hold
    std::vector<std::string> relays;
};
using MemberPtr = std::shared_ptr<Member>;

}  // namespace pulse::rooms
