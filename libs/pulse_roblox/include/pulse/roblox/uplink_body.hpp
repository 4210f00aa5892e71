// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What game servers send: bodies of batch and hello requests.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/result.hpp>
#include <pulse/roblox/bridge_stats.hpp>
#include <pulse/roblox/envelope.hpp>
#include <pulse/roblox/frame.hpp>
#include <pulse/roblox/message.hpp>

namespace pulse::roblox {

inline constexpr std::size_t kMaxUplinkMessages = 256;
inline constexpr std::size_t kMaxBodyBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxUnpackedBodyBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMaxMissingRanges = 64;
inline constexpr std::size_t kMaxBatchIdBytes = 80;

/// Frames a server did not get; in a body `[epoch, real topic, [[first, last], …]]`.
struct MissingRange {
    std::string epoch;
    std::string real_topic;
    std::uint64_t first = 0;
    std::uint64_t last = 0;

    friend bool operator==(const MissingRange&, const MissingRange&) = default;
};

/// What a message of a batch says besides topic, message and what items of frames say.
struct UplinkOptions {
    Destination destination = Destination::server;   ///< "d" or "destination"
    std::optional<std::chrono::milliseconds> ttl{};  ///< "ttl", in seconds
    std::optional<std::string> key{};                ///< "key": replaces what waits under that key

    [[nodiscard]] bool is_default() const noexcept {
        return destination == Destination::server && !ttl && !key;
    }
};

/// {"server":JobId,"batch":"<JobId>-<n>","ack":cursor,"missing":[…],"msgs":[[topic,message,opts],…]}
struct UplinkBatch {
    std::string server;
    std::string batch;  ///< the idempotency key
    std::string ack;    ///< empty = none
    std::vector<MissingRange> missing;
    std::vector<Item> messages;
    /// Of the first so many messages; those beyond have the defaults.
    std::vector<UplinkOptions> options;

    [[nodiscard]] const UplinkOptions& options_of(std::size_t message) const noexcept;
};

/// Errors: Error::invalid_json; Error::invalid_message for another shape, more messages or ranges
/// than allowed, a batch id that is not the server's; Error::invalid_topic;
/// Error::invalid_server_id; Error::body_too_large.
[[nodiscard]] core::Result<UplinkBatch> parse_batch_body(std::string_view body);

/// {"server":JobId,"place":n,"version":n,"players":n,"caps":[…],"shards":n,"published":n,
/// "transport":"messaging"|"poll"|"hybrid"|"stream"}
struct ServerHello {
    std::string server;
    std::uint64_t place = 0;
    std::uint64_t version = 0;
    std::uint64_t players = 0;
    std::uint64_t published = 0;  ///< publishes of its own since the last hello
    unsigned shards = 0;          ///< that it listens to; 0 = not said
    bool speaks_v1 = false;
    bool has_zstd = false;
    bool has_http = false;
    bool polls = false;
    /// How it receives; when not said, its capabilities tell.
    std::optional<ServerTransport> transport{};
};

/// Errors: as parse_batch_body(). Capabilities that are not known are ignored.
[[nodiscard]] core::Result<ServerHello> parse_hello_body(std::string_view body);

}  // namespace pulse::roblox
