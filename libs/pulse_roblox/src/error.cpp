// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pulse/core/error_category.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

using core::Condition;

constexpr core::ErrorRow<Error> kErrors[] = {
    {Error::invalid_json, Condition::invalid_argument, "not JSON"},
    {Error::invalid_message, Condition::invalid_argument, "not a message of this kind"},
    {Error::invalid_universe, Condition::invalid_argument, "not a universe id"},
    {Error::invalid_topic, Condition::invalid_argument, "not a topic name"},
    {Error::invalid_server_id, Condition::invalid_argument, "not a server id"},
    {Error::invalid_frame, Condition::invalid_argument, "not a frame"},
    {Error::unsupported_frame, Condition::invalid_argument, "frame type not supported"},
    {Error::checksum_mismatch, Condition::invalid_argument, "checksum does not match"},
    {Error::message_too_large, Condition::limit_exceeded, "message too large"},
    {Error::body_too_large, Condition::limit_exceeded, "body too large"},
    {Error::invalid_compression, Condition::invalid_argument, "compressed data refused"},
    {Error::queue_full, Condition::limit_exceeded, "queue full"},
    {Error::expired, Condition::unavailable, "message expired before it could be sent"},
    {Error::replaced, Condition::conflict, "replaced by a newer message"},
    {Error::invalid_record, Condition::invalid_argument, "not a record"},
    {Error::invalid_key, Condition::invalid_argument, "not a key"},
    {Error::unknown_master_key, Condition::not_found, "master key not configured"},
    {Error::decryption_failed, Condition::denied, "record cannot be decrypted"},
    {Error::invalid_token, Condition::denied, "token not valid"},
    {Error::invalid_rights, Condition::invalid_argument, "rights that must not go together"},
    {Error::forbidden, Condition::denied, "not allowed"},
    {Error::too_many_entries, Condition::limit_exceeded, "too many entries"},
    {Error::unknown_universe, Condition::not_found, "universe does not exist"},
    {Error::shutting_down, Condition::unavailable, "shutting down"},
    {Error::origin_not_allowed, Condition::denied, "origin not allowed"},
    {Error::universe_exists, Condition::conflict, "universe exists"},
    {Error::unknown_key, Condition::not_found, "no key in that slot"},
    {Error::key_in_use, Condition::conflict, "key in use"},
    {Error::unknown_token, Condition::not_found, "token not known"},
    {Error::served_elsewhere, Condition::unavailable, "served by another node"},
};

static_assert(core::has_every_error(kErrors, Error::served_elsewhere));

}  // namespace

const std::error_category& error_category() noexcept {
    static const core::ErrorCategory<Error> category{"pulse.roblox", kErrors};
    return category;
}

}  // namespace pulse::roblox
