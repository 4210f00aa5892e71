// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/catch.hpp"

#include <set>
#include <string>

#include <pulse/protocol/close_reason.hpp>
#include <pulse/protocol/utf8.hpp>

using namespace pulse::protocol;

TEST_CASE("each close reason has one row, found by its enumerator", "[protocol][close]") {
    std::set<std::string> names;
    for (const CloseInfo& row : close_table()) {
        CAPTURE(row.name);
        CHECK(&close_info(row.reason) == &row);
        CHECK(names.insert(std::string(row.name)).second);
    }
    CHECK(names.size() == close_table().size());
    CHECK(static_cast<std::size_t>(CloseReason::internal_error) + 1 == close_table().size());
}

TEST_CASE("close rows can be sent in a WebSocket close frame", "[protocol][close]") {
    for (const CloseInfo& row : close_table()) {
        CAPTURE(row.name);
        // RFC 6455 §7.4: 1005, 1006 and 1015 are never on the wire.
        CHECK((row.websocket_code >= 1000 && row.websocket_code <= 1014));
        CHECK((row.websocket_code != 1004 && row.websocket_code != 1005 &&
               row.websocket_code != 1006));
        CHECK(row.text.size() <= 123);
        CHECK(is_valid_utf8(row.text));
        if (row.error) CHECK_FALSE(row.text.empty());
    }
}

TEST_CASE("the reasons that clients and operators rely on keep their codes", "[protocol][close]") {
    const auto check = [](CloseReason reason, std::uint16_t code, std::optional<ErrorCode> error,
                          bool should_reconnect) {
        const CloseInfo& info = close_info(reason);
        CAPTURE(info.name);
        CHECK(info.websocket_code == code);
        CHECK(info.error == error);
        CHECK(info.should_reconnect == should_reconnect);
    };
    check(CloseReason::shutdown, 1001, ErrorCode::connection_closed, true);
    check(CloseReason::slow_consumer, 1008, ErrorCode::connection_closed, true);
    check(CloseReason::frame_too_large, 1009, ErrorCode::payload_too_large, false);
    check(CloseReason::message_too_big, 1009, std::nullopt, false);
    check(CloseReason::invalid_utf8, 1007, std::nullopt, false);
    check(CloseReason::protocol_mismatch, 1002, ErrorCode::protocol_mismatch, false);
    check(CloseReason::authentication_failed, 1008, ErrorCode::unauthorized, false);
}
