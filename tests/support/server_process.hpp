// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The real server binary, with a configuration, a directory and an environment of its own.
#pragma once

#include "support/deadline.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

namespace pulse::test {

/// Keys as "section.key", values as TOML: {"limits.max_channels", "3"}. Ports are 0, the shutdown
/// is not spread and there are two event loops unless a test says otherwise.
using Settings = std::map<std::string, std::string>;

struct LaunchOptions {
    std::vector<std::string> arguments{};
    /// "NAME=value", beside what every server gets.
    std::vector<std::string> environment{};
    /// In front of the file's tables; for [[listener]].
    std::string extra_toml{};
    std::optional<std::uint64_t> max_descriptors{};   ///< RLIMIT_NOFILE
    std::optional<std::uint64_t> soft_descriptors{};  ///< only the soft limit of it
    bool waits_until_listening = true;
};

struct ExitStatus {
    bool is_exit = false;  ///< else ended by a signal
    int code = 0;          ///< exit status or signal number

    friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};
[[nodiscard]] inline ExitStatus exited(int code) { return {true, code}; }
[[nodiscard]] inline ExitStatus killed_by(int signal) { return {false, signal}; }
std::ostream& operator<<(std::ostream& out, const ExitStatus& status);

/// Runs the binary of this build, or the one that the environment names in PULSE_TEST_SERVER.
///
/// Ends with the object: by SIGTERM, and the test fails unless the server then exits with status 0,
/// which is also how a sanitizer's report inside it fails the test. Not thread-safe.
class ServerProcess {
  public:
    explicit ServerProcess(const Settings& settings = {}, const LaunchOptions& options = {});
    ~ServerProcess();
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] std::uint16_t metrics_port() const noexcept { return metrics_port_; }
    /// Of the first [[listener]] table.
    [[nodiscard]] std::uint16_t second_port() const noexcept { return second_port_; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// Its working directory, which goes with it.
    [[nodiscard]] const std::filesystem::path& directory() const noexcept {
        return directory_.path();
    }

    void signal(int number);
    /// Until it has ended. Throws at the deadline.
    ExitStatus wait(Deadline deadline = {});
    [[nodiscard]] bool has_ended();

    /// The next log line with this event, reading past others. Throws when it does not come.
    nlohmann::json wait_for_event(std::string_view event, Deadline deadline = {});
    /// Whether a line that wait_for_event() has read, or read past, has this event.
    [[nodiscard]] bool has_logged(std::string_view event) const { return events_.contains(event); }
    /// All of standard error; once it has ended.
    [[nodiscard]] std::string errors();
    /// Standard output not consumed by wait_for_event; once it has ended.
    [[nodiscard]] std::string output();

    /// Writes the configuration file anew; a SIGHUP makes the server read it.
    void write_settings(const Settings& settings);

    /// The exposition, from the metrics port.
    [[nodiscard]] std::string metrics() const;
    /// One series of it; 0 when it is not there.
    [[nodiscard]] double metric(std::string_view series) const;

    [[nodiscard]] std::size_t open_descriptors() const;
    [[nodiscard]] std::size_t resident_bytes() const;

  private:
    void launch(const LaunchOptions& options);
    bool read_line(std::string& line, const Deadline& deadline);
    void read_rest(int& fd, std::string& into);

    TempDir directory_;
    std::string extra_toml_;
    pid_t pid_ = -1;
    std::optional<ExitStatus> status_;
    int out_fd_ = -1;
    int err_fd_ = -1;
    std::string out_;
    std::string err_;
    std::set<std::string, std::less<>> events_;
    std::uint16_t port_ = 0;
    std::uint16_t metrics_port_ = 0;
    std::uint16_t second_port_ = 0;
};

}  // namespace pulse::test
