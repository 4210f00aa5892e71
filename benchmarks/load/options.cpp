// SPDX-License-Identifier: MIT OR Apache-2.0
#include "options.hpp"

#include "payload.hpp"

#include <charconv>
#include <functional>
#include <limits>
#include <string_view>

#include <arpa/inet.h>

namespace pulse::load {
namespace {

struct NamedScenario {
    std::string_view name;
    Scenario scenario;
    std::string_view what;
};

constexpr NamedScenario kScenarios[] = {
    {"fanout", Scenario::fanout, "publishers -> channels -> subscribers on each"},
    {"rooms", Scenario::rooms, "many small channels, each with a publisher of its own"},
    {"echo", Scenario::echo, "each connection gets back what it sent"},
    {"slow", Scenario::slow, "fan-out with subscribers that never read beside the healthy ones"},
    {"idle", Scenario::idle, "open connections, hold them, weigh the server"},
    {"connect", Scenario::connect, "connect, upgrade, greeting, reset, again"},
    {"churn", Scenario::churn, "open and close connections in waves, look for leaks"},
};

template <class Number>
bool parse_number(std::string_view text, Number& value, Number low, Number high) {
    Number parsed{};
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
    if (error != std::errc{} || stop != text.data() + text.size()) return false;
    if (!(parsed >= low && parsed <= high)) return false;
    value = parsed;
    return true;
}

bool parse_pids(std::string_view text, std::vector<pid_t>& pids) {
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        pid_t pid = 0;
        if (!parse_number<pid_t>(text.substr(0, comma), pid, 1,
                                 std::numeric_limits<pid_t>::max())) {
            return false;
        }
        pids.push_back(pid);
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return !pids.empty();
}

bool parse_host(std::string_view text, std::string& host) {
    host = text;
    in_addr address{};
    if (::inet_pton(AF_INET, host.c_str(), &address) != 1) return false;
    return ntohl(address.s_addr) >> 24U == 127;
}

bool parse_echo(std::string_view text, EchoKind& kind) {
    if (text == "shortest") kind = EchoKind::shortest;
    if (text == "publish") kind = EchoKind::publish;
    if (text == "ping") kind = EchoKind::ping;
    return text == "shortest" || text == "publish" || text == "ping";
}

constexpr std::uint32_t kMaxConnections = 1'000'000;
constexpr double kMaxSeconds = 600;
constexpr std::size_t kMaxPayloadBytes = std::size_t{8} << 20U;

struct Setting {
    std::string_view name;
    std::string_view argument;  ///< empty: a switch
    std::string_view help;
    std::function<bool(Options&, std::string_view)> apply;
};

template <class Number>
std::function<bool(Options&, std::string_view)> number(Number Options::*field, Number low,
                                                       Number high) {
    return [=](Options& options, std::string_view text) {
        return parse_number<Number>(text, options.*field, low, high);
    };
}

const std::vector<Setting>& settings() {
    using Text = std::string_view;
    using O = Options;
    constexpr auto kMaxWindow = 65536U;
    static const std::vector<Setting> table{
        {"protocol", "NAME", "pulse (default), roblox, bench, nats, redis or mqtt",
         [](O& o, Text t) { return o.protocol = t, true; }},
        {"host", "ADDRESS", "a loopback address [127.0.0.1]",
         [](O& o, Text t) { return parse_host(t, o.host); }},
        {"port", "PORT", "[8080]", number<std::uint16_t>(&O::port, 1, 65535)},
        {"publish-port", "PORT", "of another node, where the publishers connect [as --port]",
         number<std::uint16_t>(&O::publish_port, 1, 65535)},
        {"path", "PATH", "of the WebSocket upgrade [/ws for pulse, else /]",
         [](O& o, Text t) { return o.path = t, t.starts_with('/'); }},
        {"pid", "PID[,PID]", "server processes whose CPU time and memory are reported",
         [](O& o, Text t) { return parse_pids(t, o.pids); }},
        {"label", "TEXT", "copied into the report", [](O& o, Text t) { return o.label = t, true; }},
        {"channel-prefix", "TEXT", "[load]",
         [](O& o, Text t) { return o.channel_prefix = t, !t.empty() && t.size() <= 100; }},

        {"channels", "N", "fanout: channels; rooms: rooms [1; rooms 500]",
         number<std::uint32_t>(&O::channels, 1, kMaxConnections)},
        {"subscribers", "N", "per channel [100; rooms 10]",
         number<std::uint32_t>(&O::subscribers, 1, kMaxConnections)},
        {"publishers", "N", "fanout, slow: publishing connections [1]",
         number<std::uint32_t>(&O::publishers, 1, 10'000)},
        {"connections", "N", "echo, idle, connect (at once), churn (per wave) [100]",
         number<std::uint32_t>(&O::connections, 1, kMaxConnections)},
        {"size", "BYTES", "payload, at least 32 [64]",
         number<std::size_t>(&O::size, kHeaderBytes, kMaxPayloadBytes)},
        {"window", "N", "closed loop: publications in flight per channel, refilled in halves [1]",
         number<std::uint32_t>(&O::window, 1, kMaxWindow)},
        {"rate", "PER_SECOND", "open loop instead: publications per second over all channels",
         number<double>(&O::rate, 0.001, 1e8)},
        {"burst", "N", "open loop: publications per tick [1]",
         number<std::uint32_t>(&O::burst, 1, kMaxWindow)},
        {"echo", "KIND",
         "shortest (default), publish or ping: how a connection gets its bytes back",
         [](O& o, Text t) { return parse_echo(t, o.echo); }},
        {"slow", "N", "slow: subscribers that never read [100]",
         number<std::uint32_t>(&O::slow, 0, kMaxConnections)},
        {"slow-receive-buffer", "BYTES", "SO_RCVBUF of those [system default]",
         number<std::uint32_t>(&O::slow_receive_buffer, 0, 1U << 30U)},
        {"no-subscribe", "", "idle: connections subscribe to nothing",
         [](O& o, Text) { return o.subscribe = false, true; }},

        {"warmup", "SECONDS", "[0.5]", number<double>(&O::warmup, 0, kMaxSeconds)},
        {"duration", "SECONDS", "measured time [2]",
         number<double>(&O::duration, 0.01, kMaxSeconds)},
        {"drain", "SECONDS", "longest wait for what was published [10]",
         number<double>(&O::drain, 0, kMaxSeconds)},
        {"setup", "SECONDS", "longest time to open and subscribe [60]",
         number<double>(&O::setup, 0.1, kMaxSeconds)},
        {"hold", "SECONDS", "idle: time to hold the connections [1]",
         number<double>(&O::hold, 0, kMaxSeconds)},
        {"waves", "N", "churn: waves [5]", number<std::uint32_t>(&O::waves, 1, 1000)},
        {"concurrency", "N", "connections being opened at once [64]",
         number<std::uint32_t>(&O::concurrency, 1, 4096)},
        {"sources", "N", "source addresses 127.0.0.1 and up [as needed]",
         number<std::uint32_t>(&O::sources, 0, 250)},

        {"text", "", "payloads of ASCII, as protocols have them that carry text only",
         [](O& o, Text) { return o.text = true, true; }},
        {"verify", "", "parse every frame; check order, content and count of all deliveries",
         [](O& o, Text) { return o.verify = true, true; }},
        {"allow-loss", "", "missing deliveries are reported but no failure",
         [](O& o, Text) { return o.allow_loss = true, true; }},
    };
    return table;
}

std::string apply(Options& options, std::string_view name,
                  std::optional<std::string_view> inline_value, int argc, const char* const* argv,
                  int& at) {
    for (const Setting& setting : settings()) {
        if (setting.name != name) continue;
        std::string_view value;
        if (setting.argument.empty()) {
            if (inline_value) return "--" + std::string(name) + " takes no value";
        } else if (inline_value) {
            value = *inline_value;
        } else if (at + 1 < argc) {
            value = argv[++at];
        } else {
            return "--" + std::string(name) + " needs a value";
        }
        if (setting.apply(options, value)) return {};
        return "bad value for --" + std::string(name) + ": " + std::string(value);
    }
    return "unknown option --" + std::string(name);
}

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
    if (argc < 2) return {{}, "which scenario?"};
    const std::string_view first = argv[1];
    if (first == "--help" || first == "-h") return {};
    Options options;
    bool found = false;
    for (const NamedScenario& known : kScenarios) {
        if (known.name != first) continue;
        options.scenario = known.scenario;
        found = true;
    }
    if (!found) return {{}, "unknown scenario: " + std::string(first)};
    options.scenario_name = first;
    if (options.scenario == Scenario::rooms) {
        options.channels = 500;
        options.subscribers = 10;
    }
    for (int at = 2; at < argc; ++at) {
        std::string_view argument = argv[at];
        if (argument == "--help" || argument == "-h") return {};
        if (!argument.starts_with("--")) return {{}, "unexpected: " + std::string(argument)};
        argument.remove_prefix(2);
        std::optional<std::string_view> value;
        if (const std::size_t equals = argument.find('='); equals != std::string_view::npos) {
            value = argument.substr(equals + 1);
            argument = argument.substr(0, equals);
        }
        if (std::string error = apply(options, argument, value, argc, argv, at); !error.empty()) {
            return {{}, std::move(error)};
        }
    }
    return {std::move(options), {}};
}

std::string usage() {
    std::string text = "usage: pulse-load SCENARIO [--OPTION VALUE]...\n\nscenarios\n";
    const auto line = [&text](std::string name, std::string_view help) {
        name.resize(std::max<std::size_t>(name.size() + 1, 32), ' ');
        text.append("  ").append(name).append(help).append("\n");
    };
    for (const NamedScenario& known : kScenarios) line(std::string(known.name), known.what);
    text += "\noptions [default]\n";
    for (const Setting& setting : settings()) {
        line("--" + std::string(setting.name) + " " + std::string(setting.argument), setting.help);
    }
    text +=
        "\nOne line of JSON goes to standard output, the same for people to standard error.\n"
        "Exit code: 0 done, 1 something was lost or wrong, 2 usage, 3 could not run.\n";
    return text;
}

}  // namespace pulse::load
