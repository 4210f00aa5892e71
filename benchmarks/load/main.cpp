// SPDX-License-Identifier: MIT OR Apache-2.0
// pulse-load: load generator for Pulse and for the servers it is compared with.
//
// Scenarios (defaults in options.hpp, meanings in ../README.md):
//   fanout   publishers -> channels -> subscribers, closed loop (--window) or open loop (--rate)
//   rooms    500 rooms of 10, each with a publisher of its own
//   echo     request and response over the same connection
//   slow     fan-out beside subscribers that never read
//   idle     N idle connections: memory and CPU time for each
//   connect  connection set-up rate
//   churn    waves of connections: leaks of descriptors and memory
#include "options.hpp"
#include "protocol.hpp"
#include "report.hpp"
#include "run.hpp"

#include <csignal>
#include <cstdio>
#include <exception>

#include <sys/prctl.h>

namespace {

using namespace pulse::load;

constexpr int kExitWrong = 1;
constexpr int kExitUsage = 2;
constexpr int kExitCannotRun = 3;

std::unique_ptr<Run> make_run(const Options& options, const Protocol& protocol, Report& report) {
    switch (options.scenario) {
        case Scenario::fanout:
        case Scenario::rooms:
        case Scenario::echo:
        case Scenario::slow:
            return make_traffic(options, protocol, report);
        case Scenario::idle:
            return make_idle(options, protocol, report);
        case Scenario::connect:
            return make_connect(options, protocol, report);
        case Scenario::churn:
            return make_churn(options, protocol, report);
    }
    return nullptr;
}

int run(const Options& options) {
    const std::string fallback = options.protocol == "pulse" ? "/ws" : "/";
    const std::unique_ptr<Protocol> protocol =
        make_protocol(options.protocol, {.host = options.host,
                                         .port = options.port,
                                         .path = options.path.value_or(fallback),
                                         .channel_prefix = options.channel_prefix});
    if (!protocol) {
        std::fprintf(stderr, "pulse-load: unknown protocol: %s\n", options.protocol.c_str());
        return kExitUsage;
    }
    Report report;
    make_run(options, *protocol, report)->execute();
    std::fputs(report.text().c_str(), stderr);
    std::printf("%s\n", report.json().c_str());
    return report.ok() ? 0 : kExitWrong;
}

}  // namespace

int main(int argc, char** argv) {
    const ParsedOptions parsed = parse_options(argc, argv);
    if (!parsed.options) {
        if (parsed.error.empty()) {
            std::fputs(usage().c_str(), stdout);
            return 0;
        }
        std::fprintf(stderr, "pulse-load: %s (see --help)\n", parsed.error.c_str());
        return kExitUsage;
    }
    // A publication due in 10 us must not wait for the default timer slack of 50 us.
    ::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(*parsed.options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pulse-load: %s\n", error.what());
        return kExitCannotRun;
    }
}
