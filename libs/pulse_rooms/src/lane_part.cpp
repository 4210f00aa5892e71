// SPDX-License-Identifier: MIT OR Apache-2.0
#include "lane_part.hpp"

#include "conversation.hpp"
#include "engine.hpp"
#include "room.hpp"
#include "wing.hpp"

#include <cstring>
#include <utility>

namespace pulse::rooms {

void LanePart::put(Item item, const LanePart* from) {
    bool must_wake = false;
    {
        const std::lock_guard lock(mutex_);
        inbox_.push_back(std::move(item));
        if (from != this) must_wake = !std::exchange(is_posted_, true);
    }
    if (!must_wake) return;
    post([self = weak_from_this()] {
        const auto part = self.lock();
        if (part == nullptr) return;
        {
            const std::lock_guard lock(part->mutex_);
            part->is_posted_ = false;
        }
        part->settle();
    });
}

Frame LanePart::encode(std::string_view message) {
    // One chunk a turn: whoever is slow to read keeps no more alive than that.
    if (lane_.now() != buffer_turn_) {
        lane_.pool().recycle(buffer_.release());
        buffer_turn_ = lane_.now();
    }
    core::ChunkRef retired;
    std::byte* const out = buffer_.begin(*framing_, message.size(), core::MessageKind::text,
                                         &lane_.pool(), lane_.budget(), &retired);
    if (out == nullptr) return {};
    std::memcpy(out, message.data(), message.size());
    const core::FrameBuffer::Range range = buffer_.last();
    Frame frame;
    frame.shared = {buffer_.chunk(), range.begin, range.end, 1, range.message_bytes};
    frame.framing = framing_;
    frame.message_begin = static_cast<std::uint32_t>(out - buffer_.chunk()->data());
    return frame;
}

void LanePart::hand_out() {
    {
        const std::lock_guard lock(mutex_);
        if (inbox_.empty()) return;
        work_.swap(inbox_);
    }
    now_ms_ = engine_.clock.unix_ms();
    for (Item& item : work_) hand_out(item);
    work_.clear();
    last_room_ = nullptr;
}

void LanePart::hand_out(Item& item) {
    switch (item.kind) {
        case Item::Kind::publish:
            return publish(item);
        case Item::Kind::reply:
            return reply(*item.member, item.frame);
        case Item::Kind::greet:
            if (item.member->connection == nullptr) return;
            item.room->wing(index()).add(*item.member);
            [[fallthrough]];
        case Item::Kind::fail:
        case Item::Kind::resume:
            ready_.push_back(std::move(item));
            return;
    }
}

void LanePart::publish(const Item& item) {
    Wing& wing = item.room->wing(index());
    const std::vector<Member*>* to = &wing.members();
    if (item.topic != nullptr) {
        found_.clear();
        wing.find(*item.topic, found_);
        to = &found_;
    }
    outlets_.clear();
    for (Member* const member : *to) {
        member->last_ms.store(now_ms_, std::memory_order_relaxed);
        core::Connection& connection = *member->connection;
        if (&connection.framing() == item.frame.framing) {
            outlets_.push_back(&connection);
        } else {
            connection.send(item.frame.message(), core::MessageKind::text);
        }
    }
    lane_.deliver(item.frame.shared, outlets_, item.room.get() != last_room_);
    last_room_ = item.room.get();
}

void LanePart::reply(Member& member, const Frame& frame) {
    if (member.connection == nullptr) return;
    member.last_ms.store(now_ms_, std::memory_order_relaxed);
    member.connection->send(frame.message(), core::MessageKind::text);
}

void LanePart::settle() {
    hand_out();
    // A conversation that reads on comes back here; the outer call goes on with what that left.
    if (is_settling_) return;
    is_settling_ = true;
    std::vector<Item> ready;
    while (!ready_.empty()) {
        ready.swap(ready_);
        for (Item& item : ready) {
            RoomConversation* const conversation = item.member->conversation;
            if (item.member->connection == nullptr || conversation == nullptr) continue;
            // As code posted to the connection: it pays for what it throws.
            try {
                switch (item.kind) {
                    case Item::Kind::greet:
                        conversation->on_greeted();
                        break;
                    case Item::Kind::fail:
                        conversation->on_refused(item.text);
                        break;
                    default:
                        conversation->on_resumed();
                        break;
                }
            } catch (const std::exception& error) {
                if (item.member->connection != nullptr) item.member->connection->fail(error.what());
            }
        }
        ready.clear();
    }
    is_settling_ = false;
}

}  // namespace pulse::rooms
