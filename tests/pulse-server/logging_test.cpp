// SPDX-License-Identifier: MIT OR Apache-2.0
#include "logging.hpp"

#include "contract/log_contract.hpp"
#include "support.hpp"
#include "support/catch.hpp"

#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <spdlog/sinks/base_sink.h>

namespace pulse::server::test {
namespace {

using core::LogLevel;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Recorder final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    std::vector<std::string> lines;
    int flushes = 0;
    bool fails = false;

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (fails) throw std::runtime_error{"disk on fire"};
        lines.emplace_back(message.payload.data(), message.payload.size());
    }
    void flush_() override { ++flushes; }
};

struct Fixture {
    ManualClock clock;
    std::shared_ptr<Recorder> sink = std::make_shared<Recorder>();

    LogSetup setup(LogLevel level = LogLevel::info) const {
        return {.level = level, .node = "n1", .lines_per_event_per_second = 2, .time_of_day = [] {
                    return LogTime{std::chrono::microseconds{1'795'262'400'123'456}};
                }};
    }
};

TEST_CASE("events become lines of the chosen format", "[log]") {
    Fixture f;
    {
        ServerLog log{f.setup(), f.clock, f.sink};
        log.write(LogLevel::info, "listener_started",
                  {{"host", std::string_view{"127.0.0.1"}}, {"port", std::uint64_t{8080}}});
        LogSetup json = f.setup();
        json.json = true;
        ServerLog{json, f.clock, f.sink}.write(LogLevel::warn, "going_down");
    }
    CHECK(f.sink->lines ==
          Lines{"2026-11-21T12:00:00.123456Z INFO listener_started host=127.0.0.1 port=8080",
                R"({"time":"2026-11-21T12:00:00.123456Z","level":"warn","event":"going_down",)"
                R"("node":"n1"})"});
}

TEST_CASE("the server's log keeps the contract of logs, in both of its formats",
          "[log][contract]") {
    const bool is_json = GENERATE(false, true);
    Fixture f;
    contract::log_contract([&] {
        LogSetup setup = f.setup(LogLevel::info);
        setup.json = is_json;
        setup.lines_per_event_per_second = 10'000;
        return contract::LogUnderTest{std::make_unique<ServerLog>(setup, f.clock, f.sink),
                                      LogLevel::info, [&] { return f.sink->lines; }};
    });
}

TEST_CASE("the level can change while the log is used", "[log]") {
    Fixture f;
    ServerLog log{f.setup(LogLevel::warn), f.clock, f.sink};
    CHECK_FALSE(log.enabled(LogLevel::info));
    CHECK(log.enabled(LogLevel::warn));
    log.write(LogLevel::info, "a");
    log.write(LogLevel::info, "a", std::span<const core::LogField>{});
    CHECK(f.sink->lines.empty());
    log.set_level(LogLevel::trace);
    CHECK(log.enabled(LogLevel::trace));
    log.write(LogLevel::trace, "a");
    CHECK(f.sink->lines.size() == 1);
    log.set_level(LogLevel::off);
    CHECK_FALSE(log.enabled(LogLevel::error));
    CHECK_FALSE(log.enabled(LogLevel::off));
    log.write(LogLevel::error, "a");
    CHECK(f.sink->lines.size() == 1);
}

TEST_CASE("a flood of one event is cut and counted on the next line", "[log]") {
    Fixture f;
    ServerLog log{f.setup(), f.clock, f.sink};
    for (int i = 0; i < 10; ++i) log.write(LogLevel::warn, "bad_frame");
    CHECK(f.sink->lines.size() == 2);
    log.write(LogLevel::info, "other");
    CHECK(f.sink->lines.size() == 3);
    f.clock.advance(seconds{1});
    log.write(LogLevel::warn, "bad_frame");
    CHECK(f.sink->lines.back() == "2026-11-21T12:00:00.123456Z WARN bad_frame suppressed=8");
    log.set_rate(0);
    for (int i = 0; i < 10; ++i) log.write(LogLevel::warn, "bad_frame");
    CHECK(f.sink->lines.size() == 14);
}

TEST_CASE("who asks for debug lines gets all of them", "[log]") {
    Fixture f;
    ServerLog log{f.setup(LogLevel::debug), f.clock, f.sink};
    for (int i = 0; i < 10; ++i) log.write(LogLevel::debug, "frame");
    CHECK(f.sink->lines.size() == 10);
}

TEST_CASE("a line is flushed when it is urgent or alone", "[log]") {
    Fixture f;
    ServerLog log{f.setup(), f.clock, f.sink};
    log.write(LogLevel::info, "alone");
    CHECK(f.sink->flushes == 1);
    log.write(LogLevel::info, "soon_after");
    CHECK(f.sink->flushes == 1);
    log.write(LogLevel::warn, "urgent");
    CHECK(f.sink->flushes == 2);
    f.clock.advance(milliseconds{100});
    log.write(LogLevel::info, "later");
    CHECK(f.sink->flushes == 3);
    log.flush();
    CHECK(f.sink->flushes == 4);
}

TEST_CASE("on a terminal every line is flushed", "[log]") {
    Fixture f;
    LogSetup setup = f.setup();
    setup.flush_every_line = true;
    ServerLog log{setup, f.clock, f.sink};
    const int before = f.sink->flushes;
    log.write(LogLevel::info, "a");
    const int between = f.sink->flushes;
    log.write(LogLevel::info, "b");
    CHECK(between > before);
    CHECK(f.sink->flushes > between);
}

TEST_CASE("a sink that fails harms nobody", "[log]") {
    Fixture f;
    f.sink->fails = true;
    ServerLog log{f.setup(), f.clock, f.sink};
    log.write(LogLevel::error, "lost");
    f.sink->fails = false;
    log.write(LogLevel::error, "kept");
    CHECK(f.sink->lines.size() == 1);
}

TEST_CASE("the log may be used from several threads", "[log]") {
    Fixture f;
    LogSetup setup = f.setup();
    setup.lines_per_event_per_second = 0;
    ServerLog log{setup, f.clock, f.sink};
    const auto work = [&log] {
        for (int i = 0; i < 500; ++i) {
            log.write(LogLevel::info, "tick", {{"i", std::int64_t{i}}});
            log.set_level(LogLevel::info);
        }
    };
    std::thread first{work};
    std::thread second{work};
    first.join();
    second.join();
    CHECK(f.sink->lines.size() == 1'000);
}

TEST_CASE("format and colours follow the configuration and the terminal", "[log]") {
    Config config;
    config.server.name = "edge-1";
    config.logging.level = LogLevel::debug;
    config.logging.lines_per_event_per_second = 7;
    const LogSetup terminal = make_log_setup(config, {}, true);
    CHECK_FALSE(terminal.json);
    CHECK(terminal.colour);
    CHECK(terminal.flush_every_line);
    CHECK(terminal.node == "edge-1");
    CHECK(terminal.level == LogLevel::debug);
    CHECK(terminal.lines_per_event_per_second == 7);

    const LogSetup pipe = make_log_setup(config, {}, false);
    CHECK(pipe.json);
    CHECK_FALSE(pipe.colour);
    CHECK_FALSE(pipe.flush_every_line);

    CHECK_FALSE(make_log_setup(config, {{"NO_COLOR", "1"}}, true).colour);
    CHECK(make_log_setup(config, {{"NO_COLOR", ""}}, true).colour);
    CHECK_FALSE(make_log_setup(config, {{"TERM", "dumb"}}, true).colour);

    config.logging.format = LogFormat::text;
    CHECK_FALSE(make_log_setup(config, {}, false).json);
    CHECK_FALSE(make_log_setup(config, {}, false).colour);
    config.logging.format = LogFormat::json;
    CHECK(make_log_setup(config, {}, true).json);
}

}  // namespace
}  // namespace pulse::server::test
