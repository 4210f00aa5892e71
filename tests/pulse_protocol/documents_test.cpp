// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the documents say of the protocol is what the library does.
#include "support/catch.hpp"
#include "support/document.hpp"

#include <string>

#include <pulse/protocol/close_reason.hpp>
#include <pulse/protocol/error.hpp>

namespace pulse::protocol {

using test::read_document;
using test::read_table;
using test::TableRow;

TEST_CASE("the documented closes are those of the table", "[protocol][documents]") {
    const auto rows =
        read_table(read_document("docs/protocol/errors.md"), "| reason | close code |");
    REQUIRE(rows.size() == close_table().size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const CloseInfo& info = close_table()[i];
        const std::string error =
            info.error ? std::to_string(static_cast<unsigned>(*info.error)) : std::string{};
        CHECK(rows[i] == TableRow{std::string(info.name), std::to_string(info.websocket_code),
                                  error, std::string(info.text),
                                  info.should_reconnect ? "yes" : "no"});
    }
}

TEST_CASE("the documented error codes are those of the library", "[protocol][documents]") {
    const auto rows = read_table(read_document("docs/protocol/errors.md"), "| code | name |");
    std::size_t known = 0;
    for (std::uint64_t number = 0; number < 0x10000; ++number) {
        known += error_code_from(number) ? 1U : 0U;
    }
    CHECK(rows.size() == known);
    for (const TableRow& row : rows) {
        INFO(row.at(0));
        const auto code = error_code_from(std::stoull(row.at(0)));
        REQUIRE(code.has_value());
        CHECK(row.at(1) == to_string(*code));
    }
}

}  // namespace pulse::protocol
