// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/server_process.hpp"

#include "support/catch.hpp"
#include "support/http_client.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pulse::test {

namespace {

std::string to_toml(const Settings& wanted) {
    Settings settings{{"server.port", "0"},
                      {"server.threads", "2"},
                      {"server.close_spread_ms", "0"},
                      {"metrics.port", "0"}};
    for (const auto& [key, value] : wanted) settings[key] = value;
    std::string text;
    std::string section;
    // Keys of a section stand together, since the map is sorted.
    for (const auto& [key, value] : settings) {
        const std::size_t dot = key.find('.');
        if (key.substr(0, dot) != section) {
            section = key.substr(0, dot);
            text += "[" + section + "]\n";
        }
        text += key.substr(dot + 1) + " = " + value + "\n";
    }
    return text;
}

/// What the child shall see of our environment: nothing that configures it, all that configures
/// sanitizers.
std::vector<std::string> clean_environment(const std::filesystem::path& home) {
    std::vector<std::string> environment{"HOME=" + home.string(), "PATH=/usr/bin:/bin"};
    for (const char* name : {"ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
        if (const char* value = std::getenv(name)) {
            environment.push_back(std::string(name) + "=" + value);
        }
    }
    return environment;
}

std::vector<char*> to_pointers(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    for (std::string& text : strings) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

std::string server_binary() {
    if (const char* other = std::getenv("PULSE_TEST_SERVER")) return other;
#ifdef PULSE_SERVER_BINARY
    return PULSE_SERVER_BINARY;
#else
    throw std::runtime_error("built without a server; name one in PULSE_TEST_SERVER");
#endif
}

std::uint16_t port_in(const nlohmann::json& line) {
    const std::string address = line.at("address");
    return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ExitStatus& status) {
    return out << (status.is_exit ? "exit status " : "signal ") << status.code;
}

ServerProcess::ServerProcess(const Settings& settings, const LaunchOptions& options)
    : extra_toml_(options.extra_toml) {
    write_settings(settings);
    launch(options);
    if (!options.waits_until_listening) return;
    port_ = port_in(wait_for_event("listening"));
    if (!extra_toml_.empty()) second_port_ = port_in(wait_for_event("listening"));
    const auto enabled = settings.find("metrics.enabled");
    if (enabled == settings.end() || enabled->second == "true") {
        metrics_port_ = port_in(wait_for_event("metrics_listening"));
    }
}

ServerProcess::~ServerProcess() {
    if (!status_) {
        ::kill(pid_, SIGTERM);
        try {
            const ExitStatus status = wait();
            if (status != exited(0)) {
                FAIL_CHECK("the server ended with " << status << "\n" << errors());
            }
        } catch (const std::exception& error) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
            FAIL_CHECK("the server did not end: " << error.what());
        }
    }
    if (out_fd_ >= 0) ::close(out_fd_);
    if (err_fd_ >= 0) ::close(err_fd_);
}

void ServerProcess::write_settings(const Settings& settings) {
    std::ofstream file(directory_ / "pulse.toml");
    file << to_toml(settings) << extra_toml_;
}

void ServerProcess::launch(const LaunchOptions& options) {
    std::vector<std::string> arguments{server_binary()};
    arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
    std::vector<std::string> environment = clean_environment(directory_.path());
    environment.insert(environment.end(), options.environment.begin(), options.environment.end());
    // Between fork and exec nothing may allocate.
    const std::vector<char*> argv = to_pointers(arguments);
    const std::vector<char*> envp = to_pointers(environment);
    const std::string directory = directory_.path().string();

    int out[2];
    int err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) {
        throw std::runtime_error("pipe2");
    }
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ == 0) {
        // Not to outlive a test that crashed.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(125);
        ::dup2(out[1], STDOUT_FILENO);
        ::dup2(err[1], STDERR_FILENO);
        if (::chdir(directory.c_str()) != 0) ::_exit(125);
        // Whatever this process was born with is not the server's.
        ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        if (options.max_descriptors) {
            const rlimit limit{*options.max_descriptors, *options.max_descriptors};
            ::setrlimit(RLIMIT_NOFILE, &limit);
        }
        if (options.soft_descriptors) {
            rlimit limit{};
            ::getrlimit(RLIMIT_NOFILE, &limit);
            limit.rlim_cur = *options.soft_descriptors;
            ::setrlimit(RLIMIT_NOFILE, &limit);
        }
        ::execve(argv[0], argv.data(), envp.data());
        ::_exit(126);
    }
    ::close(out[1]);
    ::close(err[1]);
    out_fd_ = out[0];
    err_fd_ = err[0];
}

void ServerProcess::signal(int number) {
    if (::kill(pid_, number) != 0) throw std::runtime_error("kill");
}

bool ServerProcess::has_ended() {
    if (status_) return true;
    int raw = 0;
    if (::waitpid(pid_, &raw, WNOHANG) != pid_) return false;
    status_ = WIFEXITED(raw) ? exited(WEXITSTATUS(raw)) : killed_by(WTERMSIG(raw));
    return true;
}

ExitStatus ServerProcess::wait(Deadline deadline) {
    while (!has_ended()) {
        if (deadline.has_passed()) throw std::runtime_error("the server is still running");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return *status_;
}

bool ServerProcess::read_line(std::string& line, const Deadline& deadline) {
    for (;;) {
        const std::size_t end = out_.find('\n');
        if (end != std::string::npos) {
            line = out_.substr(0, end);
            out_.erase(0, end + 1);
            return true;
        }
        pollfd entry{out_fd_, POLLIN, 0};
        if (::poll(&entry, 1, deadline.poll_ms()) == 0) return false;
        char chunk[4096];
        const ssize_t got = ::read(out_fd_, chunk, sizeof chunk);
        if (got == 0) return false;
        if (got > 0) out_.append(chunk, static_cast<std::size_t>(got));
    }
}

nlohmann::json ServerProcess::wait_for_event(std::string_view event, Deadline deadline) {
    std::string line;
    std::string seen;
    while (read_line(line, deadline)) {
        const auto parsed = nlohmann::json::parse(line, nullptr, false);
        if (parsed.is_object()) {
            const std::string name = parsed.value("event", "");
            events_.insert(name);
            if (name == event) return parsed;
        }
        seen += line + "\n";
    }
    if (has_ended()) seen += errors();
    throw std::runtime_error("no log line with event \"" + std::string(event) + "\" in:\n" + seen);
}

void ServerProcess::read_rest(int& fd, std::string& into) {
    char chunk[4096];
    for (;;) {
        const ssize_t got = ::read(fd, chunk, sizeof chunk);
        if (got > 0) {
            into.append(chunk, static_cast<std::size_t>(got));
        } else if (got == 0 || errno != EINTR) {
            return;
        }
    }
}

std::string ServerProcess::errors() {
    read_rest(err_fd_, err_);
    return err_;
}

std::string ServerProcess::output() {
    read_rest(out_fd_, out_);
    return out_;
}

std::string ServerProcess::metrics() const {
    return "\n" + http_get(metrics_port_, "/metrics").body;
}

double ServerProcess::metric(std::string_view series) const {
    return test::metric(metrics(), series).value_or(0);
}

std::size_t ServerProcess::open_descriptors() const {
    const std::filesystem::path path = "/proc/" + std::to_string(pid_) + "/fd";
    const std::filesystem::directory_iterator entries(path);
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

std::size_t ServerProcess::resident_bytes() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace pulse::test
