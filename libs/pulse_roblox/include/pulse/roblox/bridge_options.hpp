// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What can be set, and the bounds of everything a bridge holds.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <pulse/roblox/frame.hpp>
#include <pulse/roblox/message.hpp>
#include <pulse/roblox/publish_budget.hpp>

namespace pulse::roblox {

/// What waits for game servers, per universe.
struct OutboxOptions {
    // Behaviour
    std::string prefix = "pulse";      ///< of a bridge: the universe's, see UniverseConfig
    unsigned shards = kDefaultShards;  ///< 1 … kMaxShards; of a bridge: the universe's
    /// Largest frame. Below kMaxPublishedSize, to be safe from a reading we did not think of.
    std::size_t budget = 1'000;
    Counting counting = Counting::escaped;
    std::chrono::milliseconds default_ttl{15'000};

    // Performance
    /// How long a message waits for company while it could be sent at once.
    std::chrono::milliseconds linger{30};
    std::size_t max_messages = 10'000;
    std::size_t max_bytes = std::size_t{8} << 20;
    /// An item of up to so many chunks goes as chunks even where it could be fetched over HTTP.
    unsigned max_chunks_before_claim = 4;
    std::size_t max_claim_bytes = std::size_t{1} << 20;
};

/// Frames that were sent, for servers that miss some, per universe.
struct FrameRingOptions {
    std::size_t keep_messages = 1'024;
    std::chrono::milliseconds keep_for{60'000};
    std::size_t max_bytes = std::size_t{8} << 20;
    std::size_t max_answer = 256;  ///< frames in one answer
};

/// Messages for readers that come for them, per universe and direction.
struct DownlinkRingOptions {
    std::size_t max_messages = 1'024;
    std::size_t max_bytes = std::size_t{8} << 20;
    std::chrono::milliseconds keep_for{60'000};
};

/// Answers to requests that may be repeated, per universe.
struct AnswerBookOptions {
    std::chrono::milliseconds keep_for{600'000};
    std::size_t max_entries = 100'000;
    std::size_t max_bytes = std::size_t{32} << 20;
};

/// A value type.
struct BridgeOptions {
    // Behaviour
    OutboxOptions outbox{};
    BackoffOptions backoff{};
    /// How long send() waits for Roblox before it answers 504; the message may still arrive.
    std::chrono::milliseconds answer_wait{5'000};
    std::chrono::seconds heartbeat{30};          ///< game servers are asked to say hello so often
    std::chrono::seconds server_gone_after{90};  ///< without hello, batch or poll
    /// Longest time a poll is held. Below HttpService's time-out, which is not documented.
    std::chrono::milliseconds poll_wait{20'000};
    std::chrono::milliseconds poll_min_interval{250};  ///< told to clients
    /// How long an answer waits for more messages once there is one.
    std::chrono::milliseconds poll_gather{100};
    std::size_t poll_max_messages = 256;  ///< in one answer; more go with the next
    std::size_t poll_max_bytes = std::size_t{256} * 1024;
    /// A server that polled less than this ago is about to poll again and is not woken.
    std::chrono::milliseconds wake_after{1'500};
    std::chrono::milliseconds wake_again_after{3'000};  ///< doubled each time
    unsigned max_wakes = 5;                             ///< for the same messages
    /// So many sleeping servers are woken one by one (a delivery each), more by a broadcast.
    unsigned max_targeted_wakes = 4;

    // Bounds
    FrameRingOptions frame_ring{};
    DownlinkRingOptions poll_ring{.max_messages = 8'192, .max_bytes = std::size_t{4} << 20};
    DownlinkRingOptions web_ring{};
    AnswerBookOptions answers{};
    std::size_t max_universes = 100'000;
    std::size_t max_servers = 20'000;                   ///< per universe
    std::size_t max_polls = 50'000;                     ///< in all
    std::size_t max_open_sends = 10'000;                ///< per universe, waiting for an answer
    std::size_t max_blob_bytes = std::size_t{8} << 20;  ///< per universe
    std::size_t max_topics = 1'024;                     ///< per universe, with figures of their own
};

}  // namespace pulse::roblox
