// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A bus on Redis, with the channels, keys and texts of the original.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa/bus.hpp>
#include <pulse/redis/address.hpp>

namespace asio {
class io_context;
}

namespace pulse::mesa {

struct RedisOptions {
    // Behaviour
    /// One Redis or its sentinels, no Redis Cluster; redis::parse_master_location() reads one.
    redis::Location location{.hosts = {redis::Address{}}};
    std::string name_space{};
    /// The longest wait before connecting again; doubles from the first to the last, and is drawn
    /// anew each time.
    std::chrono::milliseconds first_retry{50};
    std::chrono::milliseconds last_retry{2'000};
    /// Without an answer for this long the connection counts as broken.
    std::chrono::milliseconds answer_timeout{10'000};
    /// How often replicas that died without a word are looked for.
    std::chrono::milliseconds check_interval{5'000};

    // Limits; not 0
    /// Of commands that wait while Redis is away, and of those without an answer while it is not.
    std::size_t max_queued_commands = 100'000;
    std::size_t max_queued_bytes = std::size_t{64} * 1024 * 1024;
    std::size_t max_kept_bytes = kMaxKeptBytes;  ///< for one id
};

/// Two connections, one for commands and one for subscriptions, on the loop of `io`, which one
/// thread runs. What is passed in outlives the bus, and the bus is let go of on the loop's thread
/// or when that does not run any more. Connects, and reconnects, by itself.
[[nodiscard]] std::shared_ptr<Bus> make_redis_bus(asio::io_context& io, RedisOptions options,
                                                  core::Rng& rng, core::Log& log);

}  // namespace pulse::mesa
