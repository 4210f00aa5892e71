// SPDX-License-Identifier: MIT OR Apache-2.0
//
// mock-open-cloud: the mock as a program, for demos and for tests in other languages.
#include "mock_open_cloud.hpp"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <unistd.h>

namespace {

constexpr const char* kUsage =
    "Usage: mock-open-cloud [--host ADDRESS] [--port N] [--port-file PATH] [--exit-with-parent]\n"
    "\n"
    "Roblox Open Cloud's messaging routes and simulated game servers on the loopback interface.\n"
    "  --host ADDRESS       loopback address to listen on (127.0.0.1)\n"
    "  --port N             port, 0 = any (0)\n"
    "  --port-file PATH     writes the port to this file once it listens\n"
    "  --exit-with-parent   ends when standard input is closed\n"
    "  --help\n";

struct Arguments {
    pulse::mock::MockOptions mock;
    std::string port_file;
    bool exits_with_parent = false;
    bool wants_help = false;
};

std::optional<Arguments> parse(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        const bool has_value = i + 1 < argc;
        if (name == "--help") {
            arguments.wants_help = true;
        } else if (name == "--exit-with-parent") {
            arguments.exits_with_parent = true;
        } else if (name == "--host" && has_value) {
            arguments.mock.host = argv[++i];
        } else if (name == "--port-file" && has_value) {
            arguments.port_file = argv[++i];
        } else if (name == "--port" && has_value) {
            const std::string_view text = argv[++i];
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), arguments.mock.port);
            if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        } else {
            return std::nullopt;
        }
    }
    return arguments;
}

/// Whoever waits for the file finds it whole.
bool write_port(const std::string& path, std::uint16_t port) {
    const std::string draft = path + ".part";
    {
        std::ofstream file(draft);
        file << port << '\n';
        if (!file.flush()) return false;
    }
    return std::rename(draft.c_str(), path.c_str()) == 0;
}

/// Until a signal, or until standard input ends if that counts.
class Ending {
  public:
    explicit Ending(bool with_parent) : signals_(io_, SIGTERM, SIGINT), input_(io_) {
        signals_.async_wait([this](const std::error_code&, int) { io_.stop(); });
        if (!with_parent) return;
        std::error_code error;
        // A copy: the descriptor goes with the object.
        input_.assign(::dup(STDIN_FILENO), error);
        if (error) {
            io_.stop();  // a file or /dev/null, which ends where it begins
        } else {
            await_input();
        }
    }
    void wait() { io_.run(); }

  private:
    void await_input() {
        input_.async_wait(
            asio::posix::descriptor_base::wait_read, [this](const std::error_code& error) {
                char ignored[256];
                const bool has_ended =
                    !error && ::read(input_.native_handle(), ignored, sizeof ignored) <= 0;
                if (error || has_ended) return io_.stop();
                await_input();
            });
    }

    asio::io_context io_{1};
    asio::signal_set signals_;
    asio::posix::stream_descriptor input_;
};

int run(const Arguments& arguments) {
    Ending ending(arguments.exits_with_parent);  // before the port is known to anybody
    auto mock = pulse::mock::MockOpenCloud::start(arguments.mock);
    if (!mock) {
        std::fprintf(stderr, "mock-open-cloud: %s port %u: %s\n", arguments.mock.host.c_str(),
                     static_cast<unsigned>(arguments.mock.port), mock.error().message().c_str());
        return 1;
    }
    if (!arguments.port_file.empty() && !write_port(arguments.port_file, (*mock)->port())) {
        std::fprintf(stderr, "mock-open-cloud: cannot write %s\n", arguments.port_file.c_str());
        return 1;
    }
    std::printf("mock-open-cloud listening on %s\n", (*mock)->url().c_str());
    std::fflush(stdout);
    ending.wait();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    try {
        const auto arguments = parse(argc, argv);
        if (!arguments || arguments->wants_help) {
            std::fputs(kUsage, arguments ? stdout : stderr);
            return arguments ? 0 : 2;
        }
        return run(*arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mock-open-cloud: %s\n", error.what());
        return 1;
    }
}
