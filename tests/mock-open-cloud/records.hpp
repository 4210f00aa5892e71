// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the mock remembers of what happened: bounded, the oldest goes first.
#pragma once

#include "keys.hpp"
#include "limits.hpp"
#include "time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace pulse::mock {

enum class Source : std::uint8_t {
    cloud,   ///< Open Cloud: what the bridge publishes
    engine,  ///< a game server's PublishAsync and SubscribeAsync
};
[[nodiscard]] constexpr std::string_view to_string(Source source) noexcept {
    return source == Source::cloud ? "cloud" : "engine";
}

/// One try to publish.
struct LogEntry {
    std::uint64_t n = 0;
    Time at;
    std::string_view api;  ///< "v1", "v2", "engine"
    UniverseId universe = 0;
    std::string topic;    ///< its beginning
    std::string message;  ///< its beginning
    std::size_t message_bytes = 0;
    std::uint64_t receivers = 0;
    int status = 0;  ///< as answered; 0 when the connection was reset instead
    bool is_scripted = false;
    bool is_delivered = false;
};

struct Violation {
    Time at;
    Source source = Source::cloud;
    Limit limit{};
    UniverseId universe = 0;
    std::string subject;  ///< the topic, the owner, the address, the JobId
    std::uint64_t used = 0;
    std::uint64_t allowed = 0;
};

/// The fullest minute (for sizes: the largest) that was let through.
struct Peak {
    std::uint64_t used = 0;
    std::uint64_t allowed = 0;  ///< at that time
};

/// What arrived at a server.
struct Delivery {
    std::uint64_t n = 0;
    Time at;
    UniverseId universe = 0;
    std::string job;
    std::string topic;
    std::string data;
    Time sent;
    std::uint64_t message = 0;  ///< Message::number
    bool is_duplicate = false;
};

struct Records {
    static constexpr std::size_t kMaxLog = 10'000;
    static constexpr std::size_t kMaxViolations = 1'000;
    static constexpr std::size_t kMaxDeliveries = 10'000;
    static constexpr std::size_t kMaxTextBytes = 4'096;

    std::deque<LogEntry> log;
    std::uint64_t next_log = 1;
    std::deque<Violation> violations;
    std::deque<Delivery> deliveries;
    std::uint64_t next_delivery = 1;
    std::map<int, std::uint64_t> publishes_by_status;
    std::uint64_t engine_publishes = 0;
    std::uint64_t introspects = 0;
    std::array<std::array<std::uint64_t, kLimitCount>, 2> violation_counts{};
    std::array<std::array<Peak, kLimitCount>, 2> peaks{};

    void add(LogEntry entry);
    void add(Violation violation);
    void add(Delivery delivery);
    void saw(Source source, Limit limit, std::uint64_t used, std::uint64_t allowed);
    [[nodiscard]] std::uint64_t violations_of(Source source, Limit limit) const noexcept {
        return violation_counts[static_cast<std::size_t>(source)][static_cast<std::size_t>(limit)];
    }
    [[nodiscard]] std::uint64_t violations_of(Source source) const noexcept;
    [[nodiscard]] const Peak& peak(Source source, Limit limit) const noexcept {
        return peaks[static_cast<std::size_t>(source)][static_cast<std::size_t>(limit)];
    }
    [[nodiscard]] std::uint64_t publishes(int status) const;
};

}  // namespace pulse::mock
