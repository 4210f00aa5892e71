// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pulse/core/error_category.hpp>

namespace pulse::core {

namespace {

constexpr ErrorRow<Error> kErrors[] = {
    {Error::invalid_channel, Condition::invalid_argument, "invalid channel name"},
    {Error::channel_not_found, Condition::not_found, "channel not found"},
    {Error::not_subscribed, Condition::not_found, "not subscribed to the channel"},
    {Error::already_subscribed, Condition::conflict, "already subscribed to the channel"},
    {Error::too_many_subscriptions, Condition::limit_exceeded, "too many subscriptions"},
    {Error::too_many_channels, Condition::limit_exceeded, "too many channels"},
    {Error::message_too_big, Condition::limit_exceeded, "message too big"},
    {Error::not_a_member, Condition::not_found, "not a member of the channel's presence"},
    {Error::unauthorized, Condition::denied, "credentials missing or refused"},
    {Error::forbidden, Condition::denied, "not allowed"},
    {Error::rate_limited, Condition::limit_exceeded, "too many requests"},
    {Error::memory_exhausted, Condition::limit_exceeded, "memory budget exhausted"},
    {Error::broker_unavailable, Condition::unavailable, "broker unavailable"},
    // Not `unavailable`: a channel that keeps no history will not have one after a retry either.
    {Error::history_unavailable, Condition::not_found, "the channel keeps no history"},
    {Error::shutting_down, Condition::unavailable, "shutting down"},
    {Error::presence_full, Condition::limit_exceeded, "the channel's presence is full"},
    {Error::invalid_key, Condition::invalid_argument, "empty document key"},
    {Error::document_conflict, Condition::conflict, "a precondition of the batch does not hold"},
    // Not `conflict`: doing the same again cannot succeed.
    {Error::not_a_counter, Condition::invalid_argument, "no whole number of 64 bits"},
    {Error::document_too_big, Condition::limit_exceeded, "document or batch too big"},
    {Error::store_overloaded, Condition::limit_exceeded, "too much waits in the store"},
    {Error::store_full, Condition::unavailable, "no space left in the store"},
    {Error::store_unavailable, Condition::unavailable, "store unavailable"},
    {Error::store_corrupt, Condition::unavailable, "the store's data is damaged"},
    {Error::store_incompatible, Condition::unavailable, "not a store of this version"},
    {Error::broker_overloaded, Condition::limit_exceeded, "too much waits for the broker"},
};

static_assert(has_every_error(kErrors, Error::broker_overloaded));

class ConditionCategory final : public std::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "pulse.core.condition"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<Condition>(value)) {
            case Condition::invalid_argument:
                return "invalid argument";
            case Condition::not_found:
                return "not found";
            case Condition::conflict:
                return "conflict";
            case Condition::denied:
                return "denied";
            case Condition::limit_exceeded:
                return "limit exceeded";
            case Condition::unavailable:
                return "unavailable";
        }
        return "unknown condition";
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const ErrorCategory<Error> category{"pulse.core", kErrors};
    return category;
}

const std::error_category& condition_category() noexcept {
    static const ConditionCategory category;
    return category;
}

}  // namespace pulse::core
