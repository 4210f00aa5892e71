// SPDX-License-Identifier: MIT OR Apache-2.0
#include "backlog.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <deque>

#include <pulse/core/lane.hpp>
#include <pulse/core/outlet.hpp>

namespace pulse::core {

namespace {

/// The answers of one turn are counted in 32 bits.
constexpr std::size_t kMostTurnBytes = std::size_t{1} << 30;

}  // namespace

Outlet::Outlet(Lane& lane, const Framing& framing) noexcept : lane_(&lane), framing_(&framing) {}

Outlet::~Outlet() {
    discard_output();
    if (is_touched_) lane_->forget(*this);
}

std::byte* Outlet::begin_message(std::size_t bytes, MessageKind kind) {
    std::byte* out = begin_with(*framing_, bytes, kind);
    if (out != nullptr) {
        lane_->stats_.replies.add(1);
        lane_->stats_.reply_bytes.add(bytes);
    }
    return out;
}

std::byte* Outlet::begin_raw(std::size_t bytes) {
    return begin_with(no_framing(), bytes, MessageKind::binary);
}

std::byte* Outlet::begin_with(const Framing& framing, std::size_t bytes, MessageKind kind) {
    if (is_finished_) return nullptr;
    Lane& lane = *lane_;
    const std::size_t limit = lane.limits_.max_bytes;
    if (limit != 0 && turn_reply_bytes_ / 2 > std::min(limit, kMostTurnBytes)) {
        overflow();
        return nullptr;
    }
    ChunkRef retired;
    std::byte* out = lane.replies_.begin(framing, bytes, kind, &lane.pool_, lane.budget_, &retired);
    if (retired) lane.holds_.push_back(std::move(retired));
    if (out == nullptr) {
        lane.stats_.lost_to_memory.add(1);
        overflow();
        return nullptr;
    }
    const FrameBuffer::Range range = lane.replies_.last();
    push({lane.replies_.chunk().get(), range.begin, range.end, 1}, false);
    turn_reply_bytes_ += range.size();
    // Replies fill the lane's turn as publications do: it is written before more is read.
    lane.pending_bytes_ += range.size();
    return out;
}

void Outlet::send(ByteView message, MessageKind kind) {
    std::byte* out = begin_message(message.size(), kind);
    if (out != nullptr && !message.empty()) std::memcpy(out, message.data(), message.size());
}

void Outlet::send(const SharedFrame& frame) {
    Outlet* const self = this;
    lane_->send(frame, {&self, 1});
}

void Outlet::push(const FrameSlice& slice, bool is_droppable) noexcept {
    if (is_finished_ || (is_droppable && is_overflowed_)) return;
    // Bytes begin_message() handed out are filled after this returns, so a reply is never copied
    // here, not even when a backlog exists: it joins the backlog when the turn ends.
    Lane& lane = *lane_;
    if (turn_tail_ != kNone) {
        Lane::Node& tail = lane.nodes_[turn_tail_];
        if (tail.slice.chunk == slice.chunk && tail.slice.end == slice.begin &&
            tail.is_droppable == is_droppable) {
            tail.slice.end = slice.end;
            tail.slice.messages += slice.messages;
            return;
        }
    }
    const auto index = static_cast<std::uint32_t>(lane.nodes_.size());
    lane.nodes_.push_back({slice, kNone, is_droppable});
    if (turn_tail_ == kNone) {
        turn_head_ = index;
    } else {
        lane.nodes_[turn_tail_].next = index;
    }
    turn_tail_ = index;
    if (!is_touched_) lane.touch(*this);
}

std::size_t Outlet::gather(std::span<iovec> out) const noexcept {
    std::size_t n = 0;
    if (backlog_ != nullptr) {
        for (const Backlog::Entry& entry : backlog_->entries) {
            if (n == out.size()) return n;
            out[n++] = {entry.chunk->data() + entry.begin, entry.end - entry.begin};
        }
    }
    for (std::uint32_t i = turn_head_; i != kNone && n < out.size(); i = lane_->nodes_[i].next) {
        const FrameSlice& slice = lane_->nodes_[i].slice;
        out[n++] = {slice.chunk->data() + slice.begin, slice.size()};
    }
    return n;
}

void Outlet::consume(std::size_t bytes) noexcept {
    if (backlog_ != nullptr) {
        bytes = backlog_->consume(bytes, lane_->stats_);
        if (backlog_->entries.empty()) {
            backlog_.reset();
            lane_->stats_.backlog_outlets.subtract(1);
        }
    }
    while (bytes > 0) {
        assert(turn_head_ != kNone);
        Lane::Node& node = lane_->nodes_[turn_head_];
        if (bytes < node.slice.size()) {
            // Cut in the middle: the rest may no longer be dropped, or the peer's stream breaks.
            node.slice.begin += static_cast<std::uint32_t>(bytes);
            node.is_droppable = false;
            return;
        }
        bytes -= node.slice.size();
        turn_head_ = node.next;
        if (turn_head_ == kNone) turn_tail_ = kNone;
    }
}

void Outlet::keep_backlog() noexcept {
    while (turn_head_ != kNone) {
        const Lane::Node node = lane_->nodes_[turn_head_];
        turn_head_ = node.next;
        if (backlog_ == nullptr) {
            backlog_ = std::make_unique<Backlog>();
            lane_->stats_.backlog_outlets.add(1);
        }
        const Backlog::Verdict verdict =
            backlog_->add(node.slice, node.is_droppable, lane_->limits_, *lane_);
        if (verdict == Backlog::Verdict::overflow) {
            turn_head_ = turn_tail_ = kNone;
            overflow();
            return;
        }
    }
    turn_tail_ = kNone;
}

void Outlet::overflow() noexcept {
    if (is_overflowed_) return;
    is_overflowed_ = true;
    lane_->stats_.overflow_closes.add(1);
    on_overflow();
}

void Outlet::discard_output() noexcept {
    is_finished_ = true;
    turn_head_ = turn_tail_ = kNone;
    if (backlog_ != nullptr) {
        lane_->stats_.backlog_bytes.subtract(backlog_->bytes);
        lane_->stats_.backlog_outlets.subtract(1);
        backlog_.reset();
    }
}

void Outlet::drop_backlog() noexcept {
    turn_head_ = turn_tail_ = kNone;
    turn_reply_bytes_ = 0;
    if (backlog_ != nullptr) backlog_->keep_first(lane_->stats_);
}

std::size_t Outlet::backlog_bytes() const noexcept {
    return backlog_ == nullptr ? 0 : backlog_->bytes;
}
std::size_t Outlet::backlog_messages() const noexcept {
    return backlog_ == nullptr ? 0 : backlog_->messages;
}
std::size_t Outlet::backlog_reply_bytes() const noexcept {
    return backlog_ == nullptr ? 0 : backlog_->reply_bytes;
}

}  // namespace pulse::core
