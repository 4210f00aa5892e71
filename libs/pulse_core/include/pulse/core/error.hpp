// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Why an operation of the engine was refused. What a peer sees of it is the dialect's affair.
#pragma once

#include <system_error>

namespace pulse::core {

enum class Error {
    invalid_channel = 1,     ///< the name breaks the channel-name rules; see protocol::channel_name
    channel_not_found,       ///< no such channel, and it may not be created here
    not_subscribed,          ///< the operation needs a subscription that is not there
    already_subscribed,      ///< one subscription per session and channel
    too_many_subscriptions,  ///< HubOptions::max_subscriptions_per_session
    too_many_channels,       ///< HubOptions::max_channels
    message_too_big,         ///< above the publication size limit
    not_a_member,            ///< presence update or leave by a session that never joined
    unauthorized,            ///< credentials missing or refused
    forbidden,               ///< credentials are fine, this right is not among them
    rate_limited,            ///< a token bucket is empty; try again later
    memory_exhausted,        ///< the memory budget of the process is used up
    broker_unavailable,      ///< the broker refused or lost the publication
    history_unavailable,     ///< the channel keeps no history
    shutting_down,           ///< the engine no longer accepts work
    presence_full,           ///< HubOptions::max_presence_bytes of the channel
    invalid_key,             ///< a document's key must not be empty
    document_conflict,       ///< a precondition of the batch does not hold; nothing was done
    not_a_counter,           ///< the document holds no whole number, or the sum leaves 64 bits
    document_too_big,        ///< key, value or batch above DocumentLimits
    store_overloaded,        ///< too much waits in the store already; try again later
    store_full,              ///< the disk or the store's own limit; removing still may work
    store_unavailable,       ///< the store cannot be reached; DocumentStore::status() says why
    store_corrupt,           ///< the store's data is damaged
    store_incompatible,      ///< the store's file is a newer version's or another program's
    broker_overloaded,       ///< too much waits for the broker already; try again later
};

/// What callers branch on. `error == Condition::limit_exceeded` holds for every error of that kind.
enum class Condition {
    invalid_argument = 1,
    not_found,
    conflict,
    denied,
    limit_exceeded,
    unavailable,
};

[[nodiscard]] const std::error_category& error_category() noexcept;
[[nodiscard]] const std::error_category& condition_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(Error error) noexcept {
    return {static_cast<int>(error), error_category()};
}
[[nodiscard]] inline std::error_condition make_error_condition(Condition condition) noexcept {
    return {static_cast<int>(condition), condition_category()};
}

}  // namespace pulse::core

template <>
struct std::is_error_code_enum<pulse::core::Error> : std::true_type {};
template <>
struct std::is_error_condition_enum<pulse::core::Condition> : std::true_type {};
