// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a native client's conversation has when it does more than subscribe and publish.
#pragma once

#include "conversation.hpp"
#include "native/position.hpp"

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pulse/core/receiver.hpp>

namespace pulse::core::native {

struct NativeConversation::Joining {
    std::uint64_t id;
    std::string channel;
    std::optional<RecoverRequest> wish;
    Receiver receiver;
};

struct NativeConversation::Publishing {
    struct Unanswered {
        std::optional<std::uint64_t> id;
        std::optional<std::error_code> outcome;
    };
    /// In the order of requests; bounded by holding the connection.
    std::deque<Unanswered> unanswered;
    std::uint64_t first_ticket = 0;
    /// A request of another kind, which waits for them.
    std::optional<protocol::Frame> stashed;
};

struct NativeConversation::Extras {
    Extras(MonotonicTime now, const NativeOptions& options)
        : publishes(now, options.publishes), subscribes(now, options.subscribes) {}

    TokenBucket publishes;
    TokenBucket subscribes;
    std::string origin;
    /// What arrived while nothing was handled. Bounded by the transport's read buffer: the
    /// connection is not read meanwhile.
    std::vector<std::pair<MessageKind, std::vector<std::byte>>> waiting;
    std::size_t first_waiting = 0;  ///< those before it have been handled
    /// When to give up waiting; zero: not waiting.
    MonotonicTime authentication_due{};
    MonotonicTime frame_due{};
    /// When to ask whether the client's rights still hold; zero: they cannot be taken back.
    MonotonicTime review_due{};
    /// Bytes of member lists sent in the turn that began then.
    std::size_t sync_bytes = 0;
    MonotonicTime sync_turn{};
    std::unique_ptr<Joining> joining;
    /// Made by the first publication through a broker.
    std::unique_ptr<Publishing> publishing;
};

}  // namespace pulse::core::native
