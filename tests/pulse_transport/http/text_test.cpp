// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http/text.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace http = pulse::transport::http;

namespace {

std::vector<std::string> elements(std::string_view list) {
    std::vector<std::string> result;
    while (const auto element = http::next_list_element(list)) result.emplace_back(*element);
    return result;
}

std::vector<std::string> fields(std::string_view query) {
    std::vector<std::string> result;
    while (const auto field = http::next_query_field(query)) {
        result.push_back(std::string(field->name) + "->" + std::string(field->value));
    }
    return result;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("token characters are those of RFC 9110", "[http][text]") {
    const std::string_view tokens =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (int c = 0; c < 256; ++c) {
        const char byte = static_cast<char>(c);
        CHECK(http::is_token_char(byte) == (tokens.find(byte) != std::string_view::npos));
    }
    CHECK(http::is_token("GET"));
    CHECK_FALSE(http::is_token(""));
    CHECK_FALSE(http::is_token("a b"));
}

TEST_CASE("field values hold no control character but tab", "[http][text]") {
    for (int c = 0; c < 256; ++c) {
        const char byte = static_cast<char>(c);
        CHECK(http::is_field_value({&byte, 1}) == (c == '\t' || (c >= 0x20 && c != 0x7F)));
    }
    CHECK(http::is_field_value(""));
    CHECK_FALSE(http::is_field_value("a\r\nb"));
}

TEST_CASE("comparison without case touches ASCII letters only", "[http][text]") {
    CHECK(http::iequals("Content-Length", "content-LENGTH"));
    CHECK(http::iequals("", ""));
    CHECK_FALSE(http::iequals("a", "ab"));
    CHECK_FALSE(http::iequals("[", "{"));  // 0x20 apart, as letters are
    CHECK_FALSE(http::iequals("@", "`"));
    CHECK_FALSE(http::iequals("\xC3\x89", "\xC3\xA9"));
}

TEST_CASE("trimming takes space and tab from both ends", "[http][text]") {
    CHECK(http::trim(" \t a b \t").compare("a b") == 0);
    CHECK(http::trim(" \t ").empty());
    CHECK(http::trim("").empty());
    CHECK(http::trim("\va").size() == 2);
}

TEST_CASE("lists are walked element by element", "[http][text]") {
    CHECK(elements("a, b ,c") == Strings{"a", "b", "c"});
    CHECK(elements(" ,, a,\t,") == Strings{"a"});
    CHECK(elements("").empty());
    CHECK(http::list_contains("keep-alive, Upgrade", "upgrade"));
    CHECK_FALSE(http::list_contains("keep-alive, Upgraded", "upgrade"));
    CHECK_FALSE(http::list_contains("not-upgrade", "upgrade"));
}

TEST_CASE("percent-encoding is decoded, and refused where it is malformed", "[http][text]") {
    CHECK(http::percent_decode("a%20b%2Fc%2f") == "a b/c/");
    CHECK(http::percent_decode("%00") == std::string("\0", 1));
    CHECK(http::percent_decode("%ff%C3%A9") == "\xFF\xC3\xA9");
    CHECK(http::percent_decode("a+b") == "a+b");
    CHECK(http::percent_decode("a+b%2B", true) == "a b+");
    CHECK(http::percent_decode("") == "");
    CHECK(http::percent_decode("%2525") == "%25");  // once only
    for (const std::string_view bad : {"%", "a%", "a%2", "%2g", "%g2", "%%20", "% 20", "%-1"}) {
        INFO(bad);
        CHECK_FALSE(http::percent_decode(bad));
    }
}

TEST_CASE("query strings are walked field by field", "[http][text]") {
    CHECK(fields("a=1&b=2") == Strings{"a->1", "b->2"});
    CHECK(fields("a&b=&=c&a=x=y") == Strings{"a->", "b->", "->c", "a->x=y"});
    CHECK(fields("&&a=1&&") == Strings{"a->1"});
    CHECK(fields("").empty());
}

TEST_CASE("a query value is found by its decoded name", "[http][text]") {
    CHECK(http::query_value("token=a%20b&x=1", "token") == "a b");
    CHECK(http::query_value("to%6Ben=a+b", "token") == "a b");
    CHECK(http::query_value("token=1&token=2", "token") == "1");
    CHECK(http::query_value("token", "token") == "");
    CHECK_FALSE(http::query_value("tokens=1", "token"));
    CHECK_FALSE(http::query_value("%zz=1", "token"));
    CHECK_FALSE(http::query_value("token=%zz", "token"));
    CHECK_FALSE(http::query_value("", "token"));
}
