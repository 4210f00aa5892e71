// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The rooms' part of one lane: what is to be handed to its connections, in the order in which it
// took effect.
//
// Whoever has changed a room puts what follows from it here, under the room's lock, for every lane
// that has connections of the room; hence all of them see one order. The lane hands it to its
// connections: what its own connections caused at once, the rest when it is woken. A publication
// is framed once, by the lane it comes from.
#pragma once

#include "member.hpp"
#include "topic.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/lane.hpp>
#include <pulse/core/outlet.hpp>

namespace pulse::rooms {

class Room;
struct Engine;

/// One message, framed for the connections of the lane that made it. Shares its bytes.
struct Frame {
    core::SharedFrame shared;
    const core::Framing* framing = nullptr;
    std::uint32_t message_begin = 0;

    [[nodiscard]] explicit operator bool() const noexcept { return shared.chunk.get() != nullptr; }
    [[nodiscard]] core::ByteView message() const noexcept {
        return {shared.chunk->data() + message_begin, shared.message_bytes};
    }
};

/// What a lane is to do for a room.
struct Item {
    enum class Kind : std::uint8_t {
        publish,      ///< `frame` to those who listen to `topic`; no topic: to everybody
        reply,        ///< `frame` to `member`
        subscribe,    ///< `member` to `topic`; the next `followers` replies to it belong to that
        snapshot,     ///< the next `followers` replies to `member` show more of `topic`
        unsubscribe,  ///< `member` from `topic`
        greet,        ///< `member` is in: it gets publications, and its messages are read
        fail,         ///< `member` cannot come in, because of `text`
        resume,       ///< `member` may be read from again
        close,        ///< `member` has asked for it
        lose,         ///< there was no memory for what `member` was to get
    };
    Kind kind;
    std::shared_ptr<Room> room;
    TopicPtr topic;
    MemberPtr member;
    Frame frame;
    std::string text;
    std::uint32_t followers = 0;
};

/// **Loop-bound**, but for put().
class LanePart : public std::enable_shared_from_this<LanePart> {
  public:
    LanePart(core::Lane& lane, Engine& engine) : lane_(lane), engine_(engine), port_(lane.port()) {}

    [[nodiscard]] core::Lane& lane() const noexcept { return lane_; }
    [[nodiscard]] std::uint32_t index() const noexcept { return lane_.index(); }

    /// Runs `function` on the lane, if it is still there. Thread-safe.
    void post(std::function<void()> function) const { port_->post(std::move(function)); }
    /// Thread-safe. The lane's own thread hands it out by hand_out(); others wake it.
    void put(Item item, const LanePart* from);

    /// Frames a message. Nothing when the memory budget is exhausted.
    [[nodiscard]] Frame encode(std::string_view message);
    /// Bytes framed so far: a measure of work.
    [[nodiscard]] std::uint64_t composed() const noexcept { return composed_; }
    /// What connections of this lane are framed with; told by each that opens.
    void set_framing(const core::Framing& framing) noexcept { framing_ = &framing; }
    /// The text, shared with whoever of this lane asked for the same just before: most clients of a
    /// server come from the same page. Null: it is empty.
    [[nodiscard]] std::shared_ptr<const std::string> share(std::string_view text);

    /// Hands out what has been put. Takes no room's lock, calls no conversation.
    void hand_out();
    /// hand_out(), and whatever conversations do about it. Not under a room's lock.
    void settle();

  private:
    void hand_out(Item& item);
    void publish(const Item& item);
    void reply(Member& member, const Frame& frame);
    void subscribe(const Item& item);
    void lose(Member& member);

    core::Lane& lane_;
    Engine& engine_;
    const std::shared_ptr<core::Lane::Port> port_;
    const core::Framing* framing_ = &core::no_framing();

    core::FrameBuffer buffer_;
    core::MonotonicTime buffer_turn_{};
    std::uint64_t composed_ = 0;
    std::uint64_t now_ms_ = 0;
    std::vector<Item> work_;
    std::vector<Item> ready_;
    std::vector<Member*> found_;
    std::vector<core::Outlet*> outlets_;
    const Room* last_room_ = nullptr;  ///< only compared
    bool is_settling_ = false;
    std::shared_ptr<const std::string> last_text_;  ///< share()

    std::mutex mutex_;
    std::vector<Item> inbox_;
    bool is_posted_ = false;
};

}  // namespace pulse::rooms
