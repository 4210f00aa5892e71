// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Why the bridge refused something. Coarse conditions are core::Condition's.
#pragma once

#include <system_error>

#include <pulse/core/error.hpp>

namespace pulse::roblox {

enum class Error {
    invalid_json = 1,     ///< not JSON, not UTF-8, or nested deeper than 32
    invalid_message,      ///< JSON of another shape than asked for
    invalid_universe,     ///< not a canonical universe id
    invalid_topic,        ///< empty, too long, or with control characters
    invalid_server_id,    ///< not a JobId; see is_valid_server_id()
    invalid_frame,        ///< no frame of ours, or a damaged one
    unsupported_frame,    ///< a frame type or compression this build does not read
    checksum_mismatch,    ///< the chunks of an item do not add up to it
    message_too_large,    ///< does not fit however it is sent
    body_too_large,       ///< a request body above its limit, before or after unpacking
    invalid_compression,  ///< not gzip or zstd, damaged, or packed suspiciously well
    queue_full,           ///< the universe's queue is at its bound
    expired,              ///< the time to live was over before it could be sent
    replaced,             ///< a newer message with the same key took its place
    invalid_record,       ///< a stored record that cannot be read
    invalid_key,          ///< a master key, password or API key of the wrong form
    unknown_master_key,   ///< a record names a master key that is not configured
    decryption_failed,    ///< wrong master key, another universe's record, or tampered with
    invalid_token,        ///< no token of ours, unknown, or expired
    invalid_rights,       ///< rights that one token must not have together
    forbidden,            ///< a good token without this right, or for another universe
    too_many_entries,     ///< a bounded table is full
    unknown_universe,     ///< not in the registry
    shutting_down,        ///< nothing new is taken any more
    origin_not_allowed,   ///< another site's page asks
    universe_exists,      ///< is in the registry already
    unknown_key,          ///< no key in that slot
    key_in_use,           ///< the active or only key cannot be removed
    unknown_token,        ///< no token of that id
    served_elsewhere,     ///< another node of the cluster has the universe, or is about to
};

[[nodiscard]] const std::error_category& error_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(Error error) noexcept {
    return {static_cast<int>(error), error_category()};
}

}  // namespace pulse::roblox

template <>
struct std::is_error_code_enum<pulse::roblox::Error> : std::true_type {};
