// SPDX-License-Identifier: MIT OR Apache-2.0
#include "lane_part.hpp"

#include "conversation.hpp"
#include "engine.hpp"
#include "room.hpp"
#include "wing.hpp"

#include <cstring>
#include <exception>
#include <utility>

#include <pulse/core/prefetch.hpp>
#include <pulse/protocol/bytes.hpp>

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
    composed_ += message.size();
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

std::shared_ptr<const std::string> LanePart::share(std::string_view text) {
    if (text.empty()) return nullptr;
    if (last_text_ == nullptr || *last_text_ != text) {
        last_text_ = std::make_shared<const std::string>(text);
    }
    return last_text_;
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
            if (item.member->refused_replies > 0) {
                --item.member->refused_replies;
                return;
            }
            return reply(*item.member, item.frame);
        case Item::Kind::subscribe:
            subscribe(item);
            --item.room->audience().coming;
            return;
        case Item::Kind::snapshot:
            // The subscription was refused.
            if (!Wing::is_subscribed(*item.member, *item.topic)) {
                item.member->refused_replies = item.followers;
            }
            return;
        case Item::Kind::unsubscribe:
            if (!item.member->is_in_wing) return;
            return item.room->wing(index()).unsubscribe(*item.member, *item.topic);
        case Item::Kind::greet:
            if (item.member->connection == nullptr) return;
            item.room->wing(index()).add(*item.member);
            [[fallthrough]];
        case Item::Kind::fail:
        case Item::Kind::resume:
        case Item::Kind::close:
        case Item::Kind::lose:
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
    if (!item.frame) {
        for (Member* const member : *to) lose(*member);
        return;
    }
    outlets_.clear();
    for (std::size_t i = 0; i < to->size(); ++i) {
        // The connection, and ahead of that the member which says where it is.
        if (i + 2 * core::kPrefetchAhead < to->size()) {
            core::prefetch(&(*to)[i + 2 * core::kPrefetchAhead]->connection);
        }
        if (i + core::kPrefetchAhead < to->size()) {
            core::prefetch((*to)[i + core::kPrefetchAhead]->connection, sizeof(core::Outlet));
        }
        Member* const member = (*to)[i];
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

void LanePart::subscribe(const Item& item) {
    Member& member = *item.member;
    if (!member.is_in_wing) return;
    Wing& wing = item.room->wing(index());
    const std::size_t most = engine_.limits().max_subscriptions;
    const bool is_full = most != 0 && member.subscriptions.size() + member.channels >= most;
    if (!wing.subscribe(member, *item.topic) || !is_full) return;
    wing.unsubscribe_one(member, *item.topic);
    EngineCounters::add(engine_.counters.refusals);
    member.connection->send(protocol::as_bytes(error_message("There are too many subscriptions")),
                            core::MessageKind::text);
    // Nor is it told what there is. Other rooms' items may come in between: it is the member's.
    member.refused_replies = item.followers;
}

/// As with replies that an outlet has no memory for: rather than missing something unnoticed, the
/// connection ends. It may do so only once no room is locked.
void LanePart::lose(Member& member) {
    core::Outlet* const outlet = member.connection;
    lane_.deliver({}, {&outlet, 1}, false);
    Item item{};
    item.kind = Item::Kind::lose;
    item.member = member.shared_from_this();
    ready_.push_back(std::move(item));
}

void LanePart::reply(Member& member, const Frame& frame) {
    if (member.connection == nullptr) return;
    if (!frame) return lose(member);
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
                    case Item::Kind::close:
                        conversation->on_closed();
                        break;
                    case Item::Kind::lose:
                        item.member->connection->fail("there is no memory for a message");
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
