// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/value.hpp"

#include "support/catch.hpp"

#include <limits>

namespace pulse::server {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST_CASE("integers are digits with an optional sign", "[config][value]") {
    CHECK(parse_integer("0") == 0);
    CHECK(parse_integer(" 8080 ") == 8080);
    CHECK(parse_integer("-7") == -7);
    CHECK(parse_integer("+7") == 7);
    CHECK(parse_integer("9223372036854775807") == kMax);
    CHECK(parse_integer("9223372036854775808").error() == "the number is too large");
    for (const char* text : {"", " ", "abc", "8080x", "0x10", "1_000", "1.5", "+-7", "--7", "+"}) {
        CAPTURE(text);
        REQUIRE_FALSE(parse_integer(text));
        CHECK(parse_integer(text).error().starts_with("expected a whole number, got \""));
    }
}

TEST_CASE("sizes are bytes or carry a decimal or binary unit", "[config][value]") {
    CHECK(parse_bytes("0") == 0);
    CHECK(parse_bytes("65536") == 65'536);
    CHECK(parse_bytes("512B") == 512);
    CHECK(parse_bytes("64KiB") == 65'536);
    CHECK(parse_bytes("64 kib") == 65'536);
    CHECK(parse_bytes(" 1MiB ") == 1'048'576);
    CHECK(parse_bytes("2GiB") == 2'147'483'648);
    CHECK(parse_bytes("1KB") == 1'000);
    CHECK(parse_bytes("1MB") == 1'000'000);
    CHECK(parse_bytes("3GB") == 3'000'000'000);
    CHECK(parse_bytes("8589934591GiB") == 8'589'934'591 * (std::int64_t{1} << 30));
    CHECK(parse_bytes("8589934592GiB").error() == "the size is too large");
    for (const char* text :
         {"", "KiB", "64K", "64 Kbit", "1.5MiB", "-1", "1MiB2KiB", "1 2", "1TiB"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_bytes(text));
    }
    CHECK(parse_bytes("64K").error() ==
          "expected a size such as 65536, \"64KiB\" or \"1MiB\", got \"64K\"");
}

TEST_CASE("durations are milliseconds or carry units from large to small", "[config][value]") {
    CHECK(parse_duration("0") == 0);
    CHECK(parse_duration("30000") == 30'000);
    CHECK(parse_duration("250ms") == 250);
    CHECK(parse_duration("30s") == 30'000);
    CHECK(parse_duration("30 S") == 30'000);
    CHECK(parse_duration("1m") == 60'000);
    CHECK(parse_duration("1m30s") == 90'000);
    CHECK(parse_duration("1m 30s") == 90'000);
    CHECK(parse_duration("1d2h3m4s5ms") == 93'784'005);
    CHECK(parse_duration("106751991167d") == 106'751'991'167 * std::int64_t{86'400'000});
    CHECK(parse_duration("106751991168d").error() == "the duration is too long");
    for (const char* text : {"", "s", "30 sec", "30s1m", "30s30s", "1m30", "1.5s", "-1s", "30us"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_duration(text));
    }
}

TEST_CASE("booleans are read in the forms environments use", "[config][value]") {
    for (const char* text : {"true", "TRUE", "1", "yes", "on", " on "}) {
        CHECK(parse_boolean(text) == true);
    }
    for (const char* text : {"false", "0", "no", "Off"}) CHECK(parse_boolean(text) == false);
    for (const char* text : {"", "2", "enabled", "tru"}) CHECK_FALSE(parse_boolean(text));
}

TEST_CASE("lists drop blanks around items and empty items", "[config][value]") {
    CHECK(parse_list("").empty());
    CHECK(parse_list(" , ,").empty());
    CHECK(parse_list("a") == StringList{"a"});
    CHECK(parse_list(" a , b,,c ") == StringList{"a", "b", "c"});
}

TEST_CASE("numbers with a round unit are described by it", "[config][value]") {
    CHECK(describe_bytes(65'536) == "64 KiB");
    CHECK(describe_bytes(16'777'216) == "16 MiB");
    CHECK(describe_bytes(1'500).empty());
    CHECK(describe_bytes(0).empty());
    CHECK(describe_duration(30'000) == "30 s");
    CHECK(describe_duration(60'000) == "1 min");
    CHECK(describe_duration(90'000) == "90 s");
    CHECK(describe_duration(86'400'000) == "1 d");
    CHECK(describe_duration(250).empty());
}

TEST_CASE("values are written as TOML", "[config][value]") {
    CHECK(toml_value(Value{}).empty());
    CHECK(toml_value(Value{true}) == "true");
    CHECK(toml_value(Value{std::int64_t{-5}}) == "-5");
    CHECK(toml_value(Value{std::string{"a\"b\\c"}}) == R"("a\"b\\c")");
    CHECK(toml_value(Value{StringList{}}) == "[]");
    CHECK(toml_value(Value{StringList{"a", "b"}}) == R"(["a", "b"])");
}

TEST_CASE("quoting keeps any bytes on one line of valid text", "[config][value]") {
    CHECK(toml_quote("\n\t\x1b\x7f") == R"("\u000A\u0009\u001B\u007F")");
    CHECK(toml_quote("\u0085") == R"("\u0085")");
    CHECK(toml_quote("gr\u00fc\u00df \U0001F600") == "\"gr\u00fc\u00df \U0001F600\"");
    CHECK(toml_quote("a\xff\xc3") == "\"a\uFFFD\uFFFD\"");
    CHECK(quote_excerpt(std::string(100, 'x')) ==
          "\"" + std::string(60, 'x') + "\" and 40 bytes more");
    CHECK(toml_key("max_channels") == "max_channels");
    CHECK(toml_key("") == "\"\"");
    CHECK(toml_key("a b") == "\"a b\"");
    CHECK(one_line("dir/pulse.toml") == "dir/pulse.toml");
    CHECK(one_line("dir/\npulse.toml") == R"("dir/\u000Apulse.toml")");
}

TEST_CASE("plain text is UTF-8 without control characters", "[config][value]") {
    CHECK(is_plain_text(""));
    CHECK(is_plain_text("na\u00efve \U0001F600"));
    for (const char* text : {"\n", "a\tb", "\x7f", "\u009b", "\xff", "\xc3", "\xc0\x80",
                             "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
        CHECK_FALSE(is_plain_text(text));
    }
}

}  // namespace
}  // namespace pulse::server
