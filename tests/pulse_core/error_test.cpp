// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <set>
#include <string>

#include <pulse/core/error.hpp>

using namespace pulse::core;

namespace {

constexpr int kFirst = static_cast<int>(Error::invalid_channel);
constexpr int kLast = static_cast<int>(Error::broker_overloaded);

}  // namespace

TEST_CASE("every error has a text of its own and a condition", "[core][error]") {
    std::set<std::string> texts;
    for (int value = kFirst; value <= kLast; ++value) {
        const std::error_code code = static_cast<Error>(value);
        CHECK(code.message() != "unknown error");
        CHECK(texts.insert(code.message()).second);
        CHECK(&code.default_error_condition().category() == &condition_category());
        CHECK(code.default_error_condition().message() != "unknown condition");
    }
}

TEST_CASE("callers branch on conditions", "[core][error]") {
    const auto is = [](Error error, Condition condition) {
        return make_error_code(error) == condition;
    };
    CHECK(is(Error::invalid_channel, Condition::invalid_argument));
    CHECK(is(Error::channel_not_found, Condition::not_found));
    CHECK(is(Error::not_subscribed, Condition::not_found));
    CHECK(is(Error::not_a_member, Condition::not_found));
    CHECK(is(Error::history_unavailable, Condition::not_found));
    CHECK(is(Error::already_subscribed, Condition::conflict));
    CHECK(is(Error::unauthorized, Condition::denied));
    CHECK(is(Error::forbidden, Condition::denied));
    CHECK(is(Error::too_many_subscriptions, Condition::limit_exceeded));
    CHECK(is(Error::too_many_channels, Condition::limit_exceeded));
    CHECK(is(Error::message_too_big, Condition::limit_exceeded));
    CHECK(is(Error::rate_limited, Condition::limit_exceeded));
    CHECK(is(Error::memory_exhausted, Condition::limit_exceeded));
    CHECK(is(Error::broker_unavailable, Condition::unavailable));
    CHECK(is(Error::presence_full, Condition::limit_exceeded));
    CHECK(is(Error::invalid_key, Condition::invalid_argument));
    CHECK(is(Error::document_conflict, Condition::conflict));
    CHECK(is(Error::not_a_counter, Condition::invalid_argument));
    CHECK(is(Error::document_too_big, Condition::limit_exceeded));
    CHECK(is(Error::store_overloaded, Condition::limit_exceeded));
    CHECK(is(Error::store_full, Condition::unavailable));
    CHECK(is(Error::store_unavailable, Condition::unavailable));
    CHECK(is(Error::store_corrupt, Condition::unavailable));
    CHECK(is(Error::store_incompatible, Condition::unavailable));
    CHECK(is(Error::broker_overloaded, Condition::limit_exceeded));
    CHECK(is(Error::shutting_down, Condition::unavailable));
}

TEST_CASE("an error is of one condition alone", "[core][error]") {
    for (int value = kFirst; value <= kLast; ++value) {
        int conditions = 0;
        for (int c = static_cast<int>(Condition::invalid_argument);
             c <= static_cast<int>(Condition::unavailable); ++c) {
            conditions += make_error_code(static_cast<Error>(value)) == static_cast<Condition>(c);
        }
        CHECK(conditions == 1);
    }
}

TEST_CASE("numbers that are no errors have a text and no condition", "[core][error]") {
    for (const int value : {-1, 0, kLast + 1, 1 << 30}) {
        const std::error_code code(value, error_category());
        CHECK(code.message() == "unknown error");
        CHECK_FALSE(code == Condition::invalid_argument);
        CHECK(std::error_condition(value, condition_category()).message() ==
              (value == kLast + 1 || value <= 0 || value > 6 ? "unknown condition" : ""));
    }
    CHECK_FALSE(std::error_code(1, std::generic_category()) == Condition::invalid_argument);
}

TEST_CASE("the categories say whose errors they are", "[core][error]") {
    CHECK(std::string(error_category().name()) == "pulse.core");
    CHECK(std::string(condition_category().name()) == "pulse.core.condition");
    CHECK(make_error_code(Error::forbidden) == Error::forbidden);
    CHECK(make_error_code(Error::forbidden) != Error::unauthorized);
}
