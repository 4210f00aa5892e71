// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Messages as the original bridge writes and checks them ("v0"), byte for byte. Pure functions.
//
//   over HTTP         {"topic":"chat","message":<any>,"serverId":"<JobId>","destination":"roblox"}
//   over WebSocket    the same without destination; always to game servers
//   to game servers   {"topic":"chat","message":<any>,"serverId":"<JobId>"}, one per publish, as
//                     text to the one real topic
//   to web clients    {"topic":"chat","message":<any>}
//
// `message` and `serverId` may be absent and are then absent on the other side. Message values are
// kept as JSON text in the form that JSON.stringify gives, since that is what the original sends.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

/// Where a message goes, in the original's words: "server" is the Pulse server with the web clients
/// behind it, "roblox" the game servers.
enum class Destination : unsigned char { server, roblox };

/// A value type.
struct Envelope {
    std::string topic{};
    std::optional<std::string> message{};  ///< JSON text in normal form; absent is not null
    std::optional<std::string> server_id{};

    friend bool operator==(const Envelope&, const Envelope&) = default;
};

struct SendRequest {
    Envelope envelope;
    std::optional<Destination> destination;  ///< always there when checked strictly
    /// The text for game servers, its keys in the order in which the original would send them.
    std::string text;

    // Beyond the original; never there when checked strictly.
    bool is_async = false;                         ///< "async": answer when queued
    std::optional<std::chrono::milliseconds> ttl;  ///< "ttl", in seconds on the wire
    std::optional<std::string> key;                ///< "key": replaces what waits under that key
};

/// Why a message was refused: `text` is what the sender is told, in the original's words.
struct Refusal {
    Error error = Error::invalid_message;
    std::string text;
};

enum class Checking : unsigned char {
    strict,    ///< as the original: destination required, no other keys
    extended,  ///< destination optional; "async", "ttl" and "key" allowed
};

inline constexpr std::chrono::milliseconds kMinTtl{1'000};
inline constexpr std::chrono::milliseconds kMaxTtl{300'000};
inline constexpr std::size_t kMaxCoalesceKeyBytes = 128;

/// The body of a send request. Of several mistakes the one the original would report is reported:
/// topic, serverId, destination, the extended keys, then unknown ones.
[[nodiscard]] tl::expected<SendRequest, Refusal> parse_send_body(std::string_view body,
                                                                 Checking checking);

/// A WebSocket client's text message, always checked strictly. `destination` stays empty.
[[nodiscard]] tl::expected<SendRequest, Refusal> parse_socket_message(std::string_view text);

/// The text for game servers: keys in the order topic, message, serverId.
[[nodiscard]] std::string encode_envelope(const Envelope& envelope);

/// The text for web clients: without the server id, as the original leaves it out.
[[nodiscard]] std::string encode_for_web(const Envelope& envelope);

/// Reads the text for game servers, as their clients do: unknown keys are ignored. Errors:
/// Error::invalid_json, Error::invalid_message.
[[nodiscard]] tl::expected<Envelope, Error> decode_envelope(std::string_view text);

}  // namespace pulse::roblox
