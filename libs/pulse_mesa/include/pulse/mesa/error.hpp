// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What error events are about. Coarse conditions are core::Condition's.
#pragma once

#include <system_error>

#include <pulse/core/error.hpp>

namespace pulse::mesa {

enum class Error {
    invalid_json = 1,            ///< text that is not JSON, or is null
    nested_too_deeply,           ///< JSON nested deeper than 512
    invalid_envelope,            ///< JSON on a channel that is not what belongs there
    no_id,                       ///< an authentication succeeded without an id
    reserved_id,                 ///< or with "*", which recipients of everything are written as
    invalid_user,                ///< the user object of an authentication is not JSON
    not_authenticated,           ///< the client has no user that could be changed
    authentication_failed,       ///< the application refused the client
    authentication_unavailable,  ///< whoever judges clients could not; not their fault
    too_many_authentications,    ///< more of them wait for an answer than the limits allow
    hook_failed,                 ///< the application's code threw
    broken_store,                ///< kept messages of a client cannot be read; they are given up
    store_full,                  ///< the messages kept for a client are at their limit
    queue_full,                  ///< too much waits for Redis already
    delivery_lost,    ///< too much waits for a loop already: clients there missed a message
    bus_unavailable,  ///< Redis cannot be reached
    bus_refused,      ///< Redis answered with an error
    not_supported,    ///< this build cannot do that
    invalid_address,  ///< not the address of a Mesa server
    closed,           ///< the server, dispatcher or portal is closed
};

[[nodiscard]] const std::error_category& error_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(Error error) noexcept {
    return {static_cast<int>(error), error_category()};
}

}  // namespace pulse::mesa

template <>
struct std::is_error_code_enum<pulse::mesa::Error> : std::true_type {};
