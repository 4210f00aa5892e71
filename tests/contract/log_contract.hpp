// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every Log keeps to. Call it in a TEST_CASE of its own.
#pragma once

#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <pulse/core/log.hpp>

namespace pulse::contract {

struct LogUnderTest {
    std::unique_ptr<core::Log> log;
    core::LogLevel level = core::LogLevel::off;  ///< the lowest that it writes
    /// The lines so far; null for a log that keeps nothing.
    std::function<std::vector<std::string>()> lines{};
};

inline void log_contract(const std::function<LogUnderTest()>& make) {
    using core::LogLevel;
    LogUnderTest subject = make();
    core::Log& log = *subject.log;
    constexpr std::array kLevels{LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warn,
                                 LogLevel::error};

    SECTION("it is enabled from its level on, and never for off") {
        for (const LogLevel level : kLevels) CHECK(log.enabled(level) == (level >= subject.level));
        CHECK_FALSE(log.enabled(LogLevel::off));
    }

    SECTION("what is enabled is a line, what is not is nothing") {
        const std::span<const core::LogField> none;
        std::size_t expected = 0;
        for (const LogLevel level : kLevels) {
            log.write(level, "something_happened");
            log.write(level, "something_else", none);
            if (log.enabled(level)) expected += 2;
        }
        if (subject.lines) CHECK(subject.lines().size() == expected);
    }

    SECTION("fields are read within the call, whatever their kind") {
        std::string text = "a peer's words";
        const std::vector<core::LogField> fields{
            {"text", std::string_view(text)},
            {"least", std::numeric_limits<std::int64_t>::min()},
            {"most", std::numeric_limits<std::uint64_t>::max()},
            {"number", std::numeric_limits<double>::quiet_NaN()},
            {"truth", true},
        };
        log.write(LogLevel::error, "fields", fields);
        text.assign(text.size(), '#');
        if (!subject.lines) return;
        REQUIRE(subject.lines().size() == 1);
        CHECK(subject.lines().front().find("a peer's words") != std::string::npos);
        CHECK(subject.lines().front().find("18446744073709551615") != std::string::npos);
        CHECK(subject.lines().front().find("-9223372036854775808") != std::string::npos);
    }

    SECTION("no value makes two lines of one, nor an escape of a terminal") {
        for (const std::string_view value :
             {std::string_view("a\nb"), std::string_view("a\r\nb"), std::string_view("\x1b[2J"),
              std::string_view("\xff\xfe"), std::string_view("nul\0nul", 7),
              std::string_view("\"\\")}) {
            log.write(LogLevel::error, "hostile", {{"value", value}});
        }
        log.write(LogLevel::error, "hostile",
                  {{"value", std::string_view(std::string(100'000, 'x'))}});
        if (!subject.lines) return;
        const std::vector<std::string> lines = subject.lines();
        CHECK(lines.size() == 7);
        for (const std::string& line : lines) {
            CHECK(line.find_first_of(std::string_view("\n\r\x1b\0", 4)) == std::string::npos);
        }
    }

    SECTION("it may be written to from everywhere at once") {
        constexpr int kEach = 200;
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&log, i] {
                for (int n = 0; n < kEach; ++n) {
                    log.write(LogLevel::error, "from_a_thread", {{"thread", std::int64_t{i}}});
                }
            });
        }
        for (std::thread& each : threads) each.join();
        if (subject.lines) CHECK(subject.lines().size() == 4 * kEach);
    }
}

}  // namespace pulse::contract
