// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that a test starts, and that ends with it.
#pragma once

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pulse::test {

/// The first of these that is there; Debian keeps servers out of users' PATH.
[[nodiscard]] inline std::string find_program(const std::string& name) {
    for (const char* directory :
         {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"}) {
        if (std::filesystem::exists(directory + name)) return directory + name;
    }
    throw std::runtime_error(name + " is not installed");
}

/// Its output goes to a file. Killed, and waited for, when the object ends.
class ChildProcess {
  public:
    ChildProcess(std::vector<std::string> arguments, const std::filesystem::path& log) {
        std::vector<char*> argv;
        for (std::string& argument : arguments) argv.push_back(argument.data());
        argv.push_back(nullptr);
        const std::string path = log.string();
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("fork");
        if (pid_ != 0) return;
        // Not to outlive a test that crashed. Between fork and exec nothing may allocate.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(125);
        const int out = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
        ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        ::execv(argv[0], argv.data());
        ::_exit(126);
    }
    ~ChildProcess() { kill(); }
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    void signal(int number) const {
        if (pid_ > 0) ::kill(pid_, number);
    }
    /// SIGKILL, which also ends what is stopped.
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }

  private:
    pid_t pid_ = -1;
};

}  // namespace pulse::test
