// SPDX-License-Identifier: MIT OR Apache-2.0
#include <iterator>

#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

namespace {

using core::Condition;

/// One row per enumerator, in their order, so that a text and its condition cannot drift apart.
struct ErrorRow {
    Error error;
    Condition condition;
    const char* text;
};

constexpr ErrorRow kErrors[] = {
    {Error::invalid_json, Condition::invalid_argument, "not a JSON message"},
    {Error::nested_too_deeply, Condition::limit_exceeded, "JSON nested too deeply"},
    {Error::invalid_envelope, Condition::invalid_argument, "not an envelope"},
    {Error::no_id, Condition::invalid_argument, "authentication result without an id"},
    {Error::invalid_user, Condition::invalid_argument, "the user object is not JSON"},
    {Error::not_authenticated, Condition::denied, "client is not authenticated"},
    {Error::authentication_failed, Condition::denied, "authentication failed"},
    {Error::too_many_authentications, Condition::limit_exceeded,
     "too many authentications at the same time"},
    {Error::hook_failed, Condition::invalid_argument, "the application's code failed"},
    {Error::broken_store, Condition::invalid_argument, "kept messages cannot be read"},
    {Error::store_full, Condition::limit_exceeded, "too many messages kept for a client"},
    {Error::queue_full, Condition::limit_exceeded, "too much waits for Redis"},
    {Error::bus_unavailable, Condition::unavailable, "Redis cannot be reached"},
    {Error::bus_refused, Condition::unavailable, "Redis answered with an error"},
    {Error::not_supported, Condition::invalid_argument, "not supported by this build"},
    {Error::invalid_address, Condition::invalid_argument, "not the address of a Redis"},
    {Error::closed, Condition::unavailable, "closed"},
};

constexpr bool rows_match_enumerators() {
    int expected = 1;
    for (const ErrorRow& row : kErrors) {
        if (static_cast<int>(row.error) != expected++) return false;
    }
    return expected == static_cast<int>(Error::closed) + 1;
}
static_assert(rows_match_enumerators());

constexpr const ErrorRow* find_row(int value) noexcept {
    if (value < 1 || value > static_cast<int>(std::size(kErrors))) return nullptr;
    return &kErrors[value - 1];
}

class ErrorCategory final : public std::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "pulse.mesa"; }
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

}  // namespace pulse::mesa
