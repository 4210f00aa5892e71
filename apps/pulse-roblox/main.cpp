// SPDX-License-Identifier: MIT OR Apache-2.0
//
// pulse-roblox: parse, run, print.
#include "cli.hpp"
#include "pulse-roblox/arguments.hpp"
#include "pulse-roblox/run.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include <unistd.h>

namespace {

using namespace pulse::roblox_command;

int finish(const Outcome& outcome) {
    std::fputs(outcome.out.c_str(), stdout);
    std::fputs(outcome.err.c_str(), stderr);
    // A key that was printed to a full disk is lost: say so.
    if (std::fflush(stdout) != 0) return static_cast<int>(ExitCode::failed);
    return static_cast<int>(outcome.code);
}

}  // namespace

int main(int argc, char** argv, char** variables) {
    std::signal(SIGPIPE, SIG_IGN);
    try {
        const std::string version =
            "pulse-roblox " + pulse::server::make_build_info({}).version + "\n";
        const ParsedArguments parsed = parse_arguments({argv + 1, argv + argc}, version);
        if (!parsed.arguments) return finish(parsed.answer);
        const std::string& directory = parsed.arguments->directory;
        if (!directory.empty() && ::chdir(directory.c_str()) != 0) {
            std::fprintf(stderr, "pulse-roblox: cannot enter %s: %s\n", directory.c_str(),
                         std::strerror(errno));
            return static_cast<int>(ExitCode::usage);
        }
        return finish(run(*parsed.arguments, pulse::server::make_environment(variables)));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pulse-roblox: %s\n", error.what());
        return static_cast<int>(ExitCode::failed);
    }
}
