// SPDX-License-Identifier: MIT OR Apache-2.0
#include <iterator>

#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

using core::Condition;

/// One row per enumerator, in their order, so that a text and its condition cannot drift apart.
struct ErrorRow {
    Error error;
    Condition condition;
    const char* text;
};

constexpr ErrorRow kErrors[] = {
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
};

constexpr bool rows_match_enumerators() {
    int expected = 1;
    for (const ErrorRow& row : kErrors) {
        if (static_cast<int>(row.error) != expected++) return false;
    }
    return expected == static_cast<int>(Error::unknown_token) + 1;
}
static_assert(rows_match_enumerators());

constexpr const ErrorRow* find_row(int value) noexcept {
    if (value < 1 || value > static_cast<int>(std::size(kErrors))) return nullptr;
    return &kErrors[value - 1];
}

class ErrorCategory final : public std::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "pulse.roblox"; }
    [[nodiscard]] std::string message(int value) const override {
        const ErrorRow* row = find_row(value);
        return row != nullptr ? row->text : "unknown error";
    }
    [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
        const ErrorRow* row = find_row(value);
        return row != nullptr ? make_error_condition(row->condition)
                              : std::error_condition(value, *this);
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const ErrorCategory category;
    return category;
}

}  // namespace pulse::roblox
