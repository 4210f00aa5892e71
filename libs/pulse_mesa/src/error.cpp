// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pulse/core/error_category.hpp>
#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

namespace {

using core::Condition;

constexpr core::ErrorRow<Error> kErrors[] = {
    {Error::invalid_json, Condition::invalid_argument, "not a JSON message"},
    {Error::nested_too_deeply, Condition::limit_exceeded, "JSON nested too deeply"},
    {Error::invalid_envelope, Condition::invalid_argument, "not an envelope"},
    {Error::no_id, Condition::invalid_argument, "authentication result without an id"},
    {Error::reserved_id, Condition::invalid_argument,
     "authentication result with the id of everybody"},
    {Error::invalid_user, Condition::invalid_argument, "the user object is not JSON"},
    {Error::not_authenticated, Condition::denied, "client is not authenticated"},
    {Error::authentication_failed, Condition::denied, "authentication failed"},
    {Error::authentication_unavailable, Condition::unavailable,
     "who judges authentications cannot be asked"},
    {Error::too_many_authentications, Condition::limit_exceeded,
     "too many authentications at the same time"},
    {Error::hook_failed, Condition::invalid_argument, "the application's code failed"},
    {Error::broken_store, Condition::invalid_argument, "kept messages cannot be read"},
    {Error::store_full, Condition::limit_exceeded, "too many messages kept for a client"},
    {Error::queue_full, Condition::limit_exceeded, "too much waits for Redis"},
    {Error::delivery_lost, Condition::limit_exceeded, "a loop is too far behind for a message"},
    {Error::bus_unavailable, Condition::unavailable, "Redis cannot be reached"},
    {Error::bus_refused, Condition::unavailable, "Redis answered with an error"},
    {Error::not_supported, Condition::invalid_argument, "not supported by this build"},
    {Error::invalid_address, Condition::invalid_argument, "not an address"},
    {Error::closed, Condition::unavailable, "closed"},
};

static_assert(core::has_every_error(kErrors, Error::closed));

}  // namespace

const std::error_category& error_category() noexcept {
    static const core::ErrorCategory<Error> category{"pulse.mesa", kErrors};
    return category;
}

}  // namespace pulse::mesa
