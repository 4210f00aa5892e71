// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two kinds of failure: what a peer is told in an error frame (ErrorCode and its texts), and what
// this library reports to its caller (Error).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <pulse/protocol/channel_name.hpp>

namespace pulse::protocol {

/// The `code` of an error frame. The frame's id is the id of the request, or 0 when it is tied to
/// none.
enum class ErrorCode : std::uint16_t {
    unknown_error = 1000,    ///< unexpected condition tied to a request
    invalid_frame = 1001,    ///< undecodable frame, or a type clients may not send
    invalid_channel = 1002,  ///< name refused; also the default for every failed subscribe
    unauthorized = 1003,     ///< authentication missing or refused
    forbidden = 1004,        ///< authenticated, but this is not allowed
    channel_not_found =
        1005,             ///< presence on, or subscribe without auto-creation to, an absent one
    rate_limited = 1006,  ///< too many requests; the request was dropped, try again later
    payload_too_large =
        1007,               ///< payload above the configured limit, or length prefix above 16 MiB
    not_subscribed = 1008,  ///< unsubscribe or presence without a subscription
    already_subscribed = 1009,  ///< documented; invalid_channel is what existing clients have seen
    connection_closed = 1010,   ///< id 0: the server is about to close this connection
    server_error = 1011,        ///< internal failure; connection or channel limit reached
    protocol_mismatch = 1012,   ///< `connect` with a version this server does not speak
};

/// The documented name, such as "InvalidChannel"; "Unknown" for a code not listed above.
[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;
/// What to put into `message` when there is nothing more precise, such as "Invalid frame".
[[nodiscard]] std::string_view default_text(ErrorCode code) noexcept;
/// Nothing for numbers not listed above.
[[nodiscard]] std::optional<ErrorCode> error_code_from(std::uint64_t number) noexcept;

/// Exact texts of error frames. Existing clients and recorded conversations have these bytes.
namespace text {

/// "Invalid channel name: " and the reason. Precondition: `error` is not `none`.
[[nodiscard]] std::string_view invalid_channel(ChannelNameError error) noexcept;
/// "Maximum subscriptions reached"
[[nodiscard]] std::string_view maximum_subscriptions_reached() noexcept;
/// "Already subscribed to channel: <channel>"
[[nodiscard]] std::string already_subscribed(std::string_view channel);
/// "Not subscribed to channel: <channel>"
[[nodiscard]] std::string not_subscribed(std::string_view channel);

}  // namespace text

/// Why the library refused something. Its own functions return it as it is: a std::error_code, into
/// which it converts, costs as much to make as a small frame to encode.
enum class Error : std::uint8_t {
    none = 0,           ///< no error
    incomplete,         ///< the frame goes on beyond the bytes given
    frame_too_large,    ///< body above kMaxFrameBytes, or above the decoder's own limit
    truncated,          ///< a value goes on beyond the end of the body
    invalid_marker,     ///< a byte that starts no MessagePack value (0xc1)
    not_a_frame,        ///< the body is neither a map nor an array (JSON: not an object)
    invalid_key,        ///< a map key that is nil, bool, float, negative, ext or a container
    missing_type,       ///< no `type`
    unknown_type,       ///< a `type` outside the ten, or not a name or documented number
    duplicate_field,    ///< a known field given twice
    missing_field,      ///< a required field absent or nil
    wrong_field_type,   ///< e.g. text where an integer belongs
    out_of_range,       ///< integer too large for its field, or an action outside 0..3
    invalid_utf8,       ///< a text field that is not UTF-8
    wrong_field_count,  ///< array form with too few or too many elements
    invalid_data,       ///< `data` holds bin, ext or a key that is not a string
    too_deep,           ///< containers nested beyond the limit
    trailing_bytes,     ///< bytes after a complete value where nothing may follow
    invalid_json,       ///< not JSON
    invalid_base64,     ///< `payload_base64` is not base64
};

[[nodiscard]] const std::error_category& error_category() noexcept;
/// The category's text for `error`, without making a std::string.
[[nodiscard]] std::string_view to_string(Error error) noexcept;

[[nodiscard]] inline std::error_code make_error_code(Error error) noexcept {
    return {static_cast<int>(error), error_category()};
}

}  // namespace pulse::protocol

template <>
struct std::is_error_code_enum<pulse::protocol::Error> : std::true_type {};
