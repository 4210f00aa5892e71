// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The program: its first line, its port file, its ends.
#include "support/catch.hpp"
#include "support/deadline.hpp"
#include "support/http_client.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pulse::mock::test {

namespace {

using pulse::test::Deadline;

/// The program with pipes for input and output. Killed when the test is over.
class Program {
  public:
    explicit Program(std::vector<std::string> arguments) {
        int in[2];
        int out[2];
        if (::pipe(in) != 0 || ::pipe(out) != 0) throw std::runtime_error("pipe");
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("fork");
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(in[0], STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::dup2(out[1], STDERR_FILENO);  // usage errors are no news of the test's own
            for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
            std::string name = PULSE_MOCK_BINARY;
            std::vector<char*> argv{name.data()};
            for (std::string& argument : arguments) argv.push_back(argument.data());
            argv.push_back(nullptr);
            ::execv(argv[0], argv.data());
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        input_ = in[1];
        output_ = out[0];
    }
    ~Program() {
        close_input();
        ::close(output_);
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    std::string line() {
        std::string text;
        const Deadline deadline;
        for (char c = 0; c != '\n';) {
            pollfd ready{output_, POLLIN, 0};
            if (::poll(&ready, 1, deadline.poll_ms()) != 1) throw std::runtime_error("no output");
            if (::read(output_, &c, 1) != 1) break;
            text.push_back(c);
        }
        return text;
    }
    void signal(int number) const { ::kill(pid_, number); }
    void write(std::string_view text) const {
        REQUIRE(::write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    void close_input() {
        if (input_ >= 0) ::close(input_);
        input_ = -1;
    }
    /// Its exit status. Its output ends when it does.
    int wait() {
        while (!line().empty()) {
        }
        int status = 0;
        ::waitpid(std::exchange(pid_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

  private:
    pid_t pid_ = -1;
    int input_ = -1;
    int output_ = -1;
};

std::uint16_t port_in(const std::string& line) {
    const std::string mark = "mock-open-cloud listening on http://127.0.0.1:";
    REQUIRE(line.starts_with(mark));
    return static_cast<std::uint16_t>(std::stoi(line.substr(mark.size())));
}

}  // namespace

TEST_CASE("the program says where it listens and ends with status 0 when told to",
          "[mock][program]") {
    const pulse::test::TempDir directory;
    for (const int number : {SIGTERM, SIGINT}) {
        Program program({"--port", "0", "--port-file", directory / "port"});
        const std::uint16_t port = port_in(program.line());
        std::ifstream file(directory / "port");
        int written = 0;
        file >> written;
        CHECK(written == port);
        CHECK(pulse::test::http_get(port, "/control/stats").status == 200);
        program.close_input();  // means nothing without --exit-with-parent
        CHECK(pulse::test::http_get(port, "/control/stats").status == 200);
        program.signal(number);
        CHECK(program.wait() == 0);
    }
}

TEST_CASE("with --exit-with-parent it ends when its input does", "[mock][program]") {
    Program program({"--exit-with-parent"});
    const std::uint16_t port = port_in(program.line());
    program.write("still here\n");
    CHECK(pulse::test::http_get(port, "/control/stats").status == 200);
    program.close_input();
    CHECK(program.wait() == 0);
}

TEST_CASE("arguments it does not know are a usage error", "[mock][program]") {
    CHECK(Program({"--prot", "1"}).wait() == 2);
    CHECK(Program({"--port", "65536"}).wait() == 2);
    CHECK(Program({"--port"}).wait() == 2);
    CHECK(Program({"--host", "0.0.0.0"}).wait() == 1);
    CHECK(Program({"--help"}).wait() == 0);
}

}  // namespace pulse::mock::test
