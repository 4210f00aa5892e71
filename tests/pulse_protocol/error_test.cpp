// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/catch.hpp"

#include <set>
#include <string>

#include <pulse/protocol/error.hpp>

using namespace pulse::protocol;

TEST_CASE("error codes are 1000 to 1012 with their documented names", "[protocol][error]") {
    const char* const names[] = {
        "UnknownError",     "InvalidFrame", "InvalidChannel",  "Unauthorized",  "Forbidden",
        "ChannelNotFound",  "RateLimited",  "PayloadTooLarge", "NotSubscribed", "AlreadySubscribed",
        "ConnectionClosed", "ServerError",  "ProtocolMismatch"};
    for (std::uint16_t i = 0; i < 13; ++i) {
        const auto code = error_code_from(1000U + i);
        REQUIRE(code.has_value());
        CHECK(static_cast<std::uint16_t>(*code) == 1000 + i);
        CHECK(to_string(*code) == names[i]);
        CHECK_FALSE(default_text(*code).empty());
    }
    CHECK(default_text(ErrorCode::invalid_frame) == "Invalid frame");
}

TEST_CASE("numbers outside the table are no error codes", "[protocol][error]") {
    for (const std::uint64_t number : {0ULL, 999ULL, 1013ULL, 66536ULL, ~0ULL}) {
        CHECK_FALSE(error_code_from(number).has_value());
    }
    CHECK(to_string(static_cast<ErrorCode>(999)) == "Unknown");
    CHECK(to_string(static_cast<ErrorCode>(1013)) == "Unknown");
    CHECK(default_text(static_cast<ErrorCode>(0)) == "Unknown error");
}

TEST_CASE("the texts with a channel name are those clients know", "[protocol][error]") {
    CHECK(text::already_subscribed("chat:lobby") == "Already subscribed to channel: chat:lobby");
    CHECK(text::not_subscribed("nope") == "Not subscribed to channel: nope");
    CHECK(text::maximum_subscriptions_reached() == "Maximum subscriptions reached");
}

TEST_CASE("library errors are error codes of their own category", "[protocol][error]") {
    const std::error_code error = Error::frame_too_large;
    CHECK(error == Error::frame_too_large);
    CHECK(error != Error::truncated);
    CHECK(std::string(error.category().name()) == "pulse.protocol");
    CHECK(error.message() == "frame is too large");
    CHECK_FALSE(std::error_code(Error::none));
}

TEST_CASE("every library error has a text of its own", "[protocol][error]") {
    std::set<std::string> texts;
    for (int i = 0; i <= static_cast<int>(Error::invalid_base64); ++i) {
        texts.emplace(to_string(static_cast<Error>(i)));
    }
    CHECK(texts.size() == static_cast<std::size_t>(Error::invalid_base64) + 1);
    CHECK(texts.count("unknown error") == 0);
    CHECK(to_string(static_cast<Error>(200)) == "unknown error");
}
