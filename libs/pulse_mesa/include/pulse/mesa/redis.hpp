// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A bus on Redis, with the channels, keys and texts of the original.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <pulse/core/log.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/mesa/bus.hpp>

namespace asio {
class io_context;
}

namespace pulse::mesa {

struct RedisOptions {
    // Behaviour
    std::string host = "127.0.0.1";
    std::uint16_t port = 6379;
    std::string username{};
    std::string password{};
    std::uint32_t database = 0;
    std::string name_space{};
    /// Between attempts to connect; doubles from the first to the last, with some chance in it.
    std::chrono::milliseconds first_retry{50};
    std::chrono::milliseconds last_retry{2'000};
    /// Without an answer for this long the connection counts as broken.
    std::chrono::milliseconds answer_timeout{10'000};
    /// How often replicas that died without a word are looked for.
    std::chrono::milliseconds check_interval{5'000};

    // Limits; not 0
    std::size_t max_queued_commands = 100'000;
    std::size_t max_queued_bytes = std::size_t{64} * 1024 * 1024;
    std::size_t max_kept_bytes = std::size_t{4} * 1024 * 1024;  ///< for one id
};

/// "redis://[[user]:password@]host[:port][/database]", or "host[:port]". Errors:
/// Error::invalid_address; Error::not_supported for rediss:// (hiredis of this build has no TLS).
[[nodiscard]] core::Result<RedisOptions> parse_redis_address(std::string_view address);

/// Two connections, one for commands and one for subscriptions, on the loop of `io`, which one
/// thread runs. What is passed in outlives the bus, and the bus is let go of on the loop's thread
/// or when that does not run any more. Connects, and reconnects, by itself.
[[nodiscard]] std::shared_ptr<Bus> make_redis_bus(asio::io_context& io, RedisOptions options,
                                                  core::Rng& rng, core::Log& log);

}  // namespace pulse::mesa
