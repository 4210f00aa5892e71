// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http_exchange.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>

using pulse::transport::HttpExchange;

TEST_CASE("requests that came in one read move the bytes behind them a few times in all",
          "[transport][http]") {
    constexpr std::string_view kRequest = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    constexpr std::size_t kMany = 10'000;
    std::string bytes;
    for (std::size_t i = 0; i < kMany; ++i) bytes += kRequest;
    bytes += "GET";  // the next one's beginning

    HttpExchange exchange;
    exchange.append(bytes.data(), bytes.size());
    std::string_view rest = bytes;
    std::size_t moved = 0;
    for (std::size_t i = 0; i < kMany; ++i) {
        const char* const before = exchange.unread().data() + kRequest.size();
        exchange.consume(kRequest.size());
        rest.remove_prefix(kRequest.size());
        REQUIRE(exchange.unread().size() == rest.size());
        REQUIRE(exchange.unread().substr(0, 3) == "GET");
        REQUIRE(exchange.buffer.size() <= 2 * rest.size());
        if (exchange.unread().data() != before) moved += rest.size();
    }
    CHECK(moved <= bytes.size());
    CHECK(exchange.buffer == "GET");

    // What is appended stands behind what is unread.
    exchange.append(" /", 2);
    CHECK(exchange.unread() == "GET /");
    exchange.consume(1);
    exchange.append("y", 1);
    CHECK(exchange.unread() == "ET /y");
    exchange.consume(5);
    CHECK(exchange.unread().empty());
    CHECK(exchange.buffer.empty());
}
