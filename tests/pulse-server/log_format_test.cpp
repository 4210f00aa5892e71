// SPDX-License-Identifier: MIT OR Apache-2.0
#include "log_format.hpp"

#include "config/utf8.hpp"
#include "support/catch.hpp"

#include <initializer_list>
#include <limits>
#include <random>
#include <vector>

#include <nlohmann/json.hpp>

namespace pulse::server {
namespace {

using core::LogField;
using core::LogLevel;
using std::string_view_literals::operator""sv;

constexpr LogTime kTime{std::chrono::microseconds{1'795'262'400'123'456}};

std::string text_of(std::initializer_list<LogField> fields, LogLevel level = LogLevel::info,
                    std::uint64_t suppressed = 0, bool colour = false) {
    std::string line;
    append_text(
        line,
        {kTime, level, "something_happened", "node-1", {fields.begin(), fields.size()}, suppressed},
        colour);
    return line;
}

std::string json_of(std::initializer_list<LogField> fields, LogLevel level = LogLevel::info,
                    std::uint64_t suppressed = 0) {
    std::string line;
    append_json(line, {kTime,
                       level,
                       "something_happened",
                       "node-1",
                       {fields.begin(), fields.size()},
                       suppressed});
    return line;
}

const std::string kTextPrefix = "2026-11-21T12:00:00.123456Z INFO something_happened";
const std::string kJsonPrefix =
    R"({"time":"2026-11-21T12:00:00.123456Z","level":"info","event":"something_happened",)"
    R"("node":"node-1")";

TEST_CASE("times are UTC with microseconds", "[log][format]") {
    const auto at = [](std::int64_t microseconds) {
        std::string text;
        append_time(text, LogTime{std::chrono::microseconds{microseconds}});
        return text;
    };
    CHECK(at(0) == "1970-01-01T00:00:00.000000Z");
    CHECK(at(1) == "1970-01-01T00:00:00.000001Z");
    CHECK(at(-1) == "1969-12-31T23:59:59.999999Z");
    CHECK(at(951'782'400'000'000) == "2000-02-29T00:00:00.000000Z");
    CHECK(at(4'102'444'799'999'999) == "2099-12-31T23:59:59.999999Z");
}

TEST_CASE("text is time, level, event and fields", "[log][format]") {
    CHECK(text_of({}) == kTextPrefix);
    CHECK(text_of({{"host", "127.0.0.1"sv},
                   {"port", std::uint64_t{8080}},
                   {"delta", std::int64_t{-3}},
                   {"ratio", 0.25},
                   {"tls", false}}) ==
          kTextPrefix + " host=127.0.0.1 port=8080 delta=-3 ratio=0.25 tls=false");
    CHECK(text_of({{"a", true}}, LogLevel::info, 17) == kTextPrefix + " a=true suppressed=17");
    CHECK(text_of({}, LogLevel::trace).find("Z TRACE something") != std::string::npos);
    CHECK(text_of({}, LogLevel::debug).find("Z DEBUG something") != std::string::npos);
    CHECK(text_of({}, LogLevel::warn).find("Z WARN something") != std::string::npos);
    CHECK(text_of({}, LogLevel::error).find("Z ERROR something") != std::string::npos);
}

TEST_CASE("text values are quoted when they are not plain words", "[log][format]") {
    const auto value = [](std::string_view text) {
        return text_of({{"v", text}}).substr(kTextPrefix.size() + 3);
    };
    CHECK(value("/ws") == "/ws");
    CHECK(value("[::1]:8080") == "[::1]:8080");
    CHECK(value("") == R"("")");
    CHECK(value("two words") == R"("two words")");
    CHECK(value("a=b") == R"("a=b")");
    CHECK(value("say \"x\\y\"") == R"("say \"x\\y\"")");
    CHECK(value("line\nINFO forged\r\t") == R"("line\nINFO forged\r\t")");
    CHECK(value("\x1b[31mred\x7f") == R"("\u001b[31mred\u007f")");
    CHECK(value("a\0b"sv) == R"("a\u0000b")");
    CHECK(value("na\u00efve") == "\"na\u00efve\"");
    CHECK(value("\u0085\u2028\u202e\u2066\ufeff") == R"("\u0085\u2028\u202e\u2066\ufeff")");
    CHECK(value("x\xff\xe2\x82y") == "\"x\uFFFD\uFFFDy\"");
}

TEST_CASE("colours surround time and level only", "[log][format]") {
    CHECK(text_of({{"a", "b"sv}}, LogLevel::info, 0, true) ==
          "\x1b[2m2026-11-21T12:00:00.123456Z\x1b[0m \x1b[32mINFO\x1b[0m something_happened a=b");
    CHECK(text_of({}, LogLevel::error, 0, true).find("\x1b[31mERROR\x1b[0m") != std::string::npos);
}

TEST_CASE("JSON is one object with the fields beside the fixed members", "[log][format]") {
    CHECK(json_of({}) == kJsonPrefix + "}");
    CHECK(
        json_of({{"host", "127.0.0.1"sv},
                 {"port", std::uint64_t{18'446'744'073'709'551'615u}},
                 {"delta", std::int64_t{-3}},
                 {"ratio", 0.25},
                 {"tls", false}}) ==
        kJsonPrefix +
            R"(,"host":"127.0.0.1","port":18446744073709551615,"delta":-3,"ratio":0.25,"tls":false})");
    CHECK(json_of({{"a", "b"sv}}, LogLevel::info, 17) ==
          kJsonPrefix + R"(,"a":"b","suppressed":17})");
    CHECK(json_of({{"x", std::numeric_limits<double>::infinity()},
                   {"y", std::numeric_limits<double>::quiet_NaN()},
                   {"z", 1e300}}) == kJsonPrefix + R"(,"x":null,"y":null,"z":1e+300})");
}

TEST_CASE("JSON strings are escaped and malformed UTF-8 is replaced", "[log][format]") {
    CHECK(json_of({{"v", "\"\\/\n\r\t\b\x01\x7f"sv}}) ==
          kJsonPrefix + R"(,"v":"\"\\/\n\r\t\u0008\u0001\u007f"})");
    CHECK(json_of({{"v", "\xc3\x28 \xf0\x9f\x98\x80 \xed\xa0\x80"sv}}) ==
          kJsonPrefix + ",\"v\":\"\uFFFD( \U0001F600 \uFFFD\uFFFD\uFFFD\"}");
}

TEST_CASE("a field cannot stand in for a fixed member", "[log][format]") {
    CHECK(json_of({{"level", "error"sv}, {"time", std::uint64_t{0}}}) ==
          kJsonPrefix + R"(,"field_level":"error","field_time":0})");
    CHECK(json_of({{"a b\"", true}, {"", true}}) == kJsonPrefix + R"(,"a_b_":true,"_":true})");
    CHECK(text_of({{"a b\n", true}}) == kTextPrefix + " a_b_=true");
}

TEST_CASE("values of secret fields are never written", "[log][format][secret]") {
    for (const char* key : {"token", "auth_token", "Password", "secret", "authorization", "cookie",
                            "api_key", "payload"}) {
        CAPTURE(key);
        CHECK(is_sensitive_field(key));
        CHECK(text_of({{key, "hunter2"sv}}).find("hunter2") == std::string::npos);
        CHECK(json_of({{key, "hunter2"sv}}).find("hunter2") == std::string::npos);
    }
    CHECK(json_of({{"token", std::uint64_t{5}}}) == kJsonPrefix + R"(,"token":"***"})");
    for (const char* key : {"payload_bytes", "token_count", "host", "channel"}) {
        CHECK_FALSE(is_sensitive_field(key));
    }
}

TEST_CASE("a line is bounded, whatever it is given", "[log][format]") {
    const std::string huge(1'000'000, 'x');
    CHECK(text_of({{"v", std::string_view{huge}}}) ==
          kTextPrefix + " v=\"" + std::string(1024, 'x') + "... (998976 bytes more)\"");

    // The cut falls between characters.
    std::string wide;
    for (int i = 0; i < 400; ++i) wide += "\u20ac";
    CHECK(json_of({{"v", std::string_view{wide}}}).find("\uFFFD") == std::string::npos);

    std::vector<LogField> fields(100, LogField{"k", true});
    std::string line;
    append_text(line, {kTime, LogLevel::info, "e", "n", fields, 0}, false);
    CHECK(line.size() == std::string_view{"2026-11-21T12:00:00.123456Z INFO e"}.size() + 32 * 7);
}

TEST_CASE("any bytes give a JSON object of one line", "[log][format]") {
    std::mt19937 random{20261121};
    for (int round = 0; round < 2'000; ++round) {
        std::string bytes(random() % 40, '\0');
        for (char& c : bytes) c = static_cast<char>(random() & 0xFFu);
        const std::string line = json_of({{"v", std::string_view{bytes}}});
        const auto parsed = nlohmann::json::parse(line, nullptr, false);
        REQUIRE_FALSE(parsed.is_discarded());
        CHECK(line.find('\n') == std::string::npos);

        // What was valid comes back; each maximal malformed part comes back as one U+FFFD.
        std::string expected;
        for (std::string_view rest = bytes; !rest.empty();) {
            const std::string_view whole = rest;
            const Utf8Char next = take_utf8(rest);
            expected += next.is_valid ? whole.substr(0, next.length) : "\uFFFD";
        }
        CHECK(parsed.at("v").get<std::string>() == expected);
    }
}

}  // namespace
}  // namespace pulse::server
