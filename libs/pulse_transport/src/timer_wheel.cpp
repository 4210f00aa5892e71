// SPDX-License-Identifier: MIT OR Apache-2.0
#include "timer_wheel.hpp"

namespace pulse::transport {

TimerWheel::TimerWheel() noexcept {
    for (TimerNode& head : slots_) head.previous = head.next = &head;
}

void TimerWheel::link(TimerNode& head, TimerNode& node) noexcept {
    node.previous = head.previous;
    node.next = &head;
    head.previous->next = &node;
    head.previous = &node;
}

void TimerWheel::unlink(TimerNode& node) noexcept {
    node.previous->next = node.next;
    node.next->previous = node.previous;
    node.previous = node.next = nullptr;
}

void TimerWheel::schedule(TimerNode& node, Tick due) noexcept {
    if (node.is_scheduled()) {
        unlink(node);
        --size_;
    }
    if (is_due(due, current_)) due = current_;
    node.due = due;
    link(slots_[due % kSlots], node);
    ++size_;
}

void TimerWheel::cancel(TimerNode& node) noexcept {
    if (!node.is_scheduled()) return;
    unlink(node);
    --size_;
}

void TimerWheel::take(Tick slot, Tick now, TimerNode& out) noexcept {
    out.previous = out.next = &out;
    TimerNode& head = slots_[slot % kSlots];
    for (TimerNode* node = head.next; node != &head;) {
        TimerNode* following = node->next;
        if (is_due(node->due, now)) {
            unlink(*node);
            link(out, *node);
        }
        node = following;
    }
}

}  // namespace pulse::transport
