// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.hpp"

#include "support/catch.hpp"

#include <vector>

namespace {

pulse::load::ParsedOptions parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "pulse-load");
    return pulse::load::parse_options(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

TEST_CASE("a scenario alone takes its own defaults", "[load][options]") {
    const auto fanout = parse({"fanout"});
    REQUIRE(fanout.options);
    CHECK(fanout.options->channels == 1);
    const auto rooms = parse({"rooms"});
    REQUIRE(rooms.options);
    CHECK(rooms.options->channels == 500);
    CHECK(rooms.options->subscribers == 10);
}

TEST_CASE("values come behind a space or an equals sign", "[load][options]") {
    const auto parsed = parse({"fanout", "--size=1024", "--window", "64", "--pid", "12,34"});
    REQUIRE(parsed.options);
    CHECK(parsed.options->size == 1024);
    CHECK(parsed.options->window == 64);
    CHECK(parsed.options->pids == std::vector<pid_t>{12, 34});
}

TEST_CASE("only loopback addresses are loaded", "[load][options]") {
    CHECK(parse({"fanout", "--host", "127.0.0.5"}).options);
    for (const char* host :
         {"10.0.0.1", "192.168.1.1", "0.0.0.0", "example.org", "128.0.0.1", ""}) {
        INFO(host);
        CHECK_FALSE(parse({"fanout", "--host", host}).options);
    }
}

TEST_CASE("bad arguments are named", "[load][options]") {
    const std::vector<std::vector<const char*>> bad = {
        {},
        {"unheard-of"},
        {"fanout", "--size", "31"},
        {"fanout", "--size", "64x"},
        {"fanout", "--size", "-1"},
        {"fanout", "--window", "0"},
        {"fanout", "--rate", "nan"},
        {"fanout", "--duration", "601"},
        {"fanout", "--pid", "0"},
        {"fanout", "--pid", ""},
        {"fanout", "--port"},
        {"fanout", "--port", "65536"},
        {"fanout", "--verify=yes"},
        {"fanout", "--no-such-option"},
        {"fanout", "stray"},
        {"fanout", "--path", "ws"},
        {"echo", "--echo", "loud"},
    };
    for (const auto& arguments : bad) {
        const auto parsed = parse(arguments);
        INFO((arguments.empty() ? "none" : arguments.back()));
        CHECK_FALSE(parsed.options);
        CHECK_FALSE(parsed.error.empty());
    }
}

TEST_CASE("asking for help is no error", "[load][options]") {
    const auto parsed = parse({"fanout", "--help"});
    CHECK_FALSE(parsed.options);
    CHECK(parsed.error.empty());
    CHECK(pulse::load::usage().find("--window") != std::string::npos);
}
