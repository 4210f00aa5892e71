// SPDX-License-Identifier: MIT OR Apache-2.0
#include "log_sink.hpp"

#include "support/catch.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

namespace pulse::server {
namespace {

class Pipe {
  public:
    Pipe() {
        if (::pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error{"pipe2"};
        ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    }
    ~Pipe() {
        close_reader();
        ::close(ends_[1]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    [[nodiscard]] int writer() const { return ends_[1]; }
    [[nodiscard]] std::size_t shrink() const {
        return static_cast<std::size_t>(::fcntl(ends_[1], F_SETPIPE_SZ, 4096));
    }
    void close_reader() {
        if (ends_[0] >= 0) ::close(ends_[0]);
        ends_[0] = -1;
    }
    /// Everything that is in the pipe now.
    [[nodiscard]] std::string take() const {
        std::string text;
        char buffer[4096];
        for (ssize_t count = 0; (count = ::read(ends_[0], buffer, sizeof buffer)) > 0;) {
            text.append(buffer, static_cast<std::size_t>(count));
        }
        return text;
    }

  private:
    int ends_[2]{-1, -1};
};

void log(spdlog::sinks::sink& sink, const std::string& line) {
    sink.log(spdlog::details::log_msg{"pulse", spdlog::level::info, line});
}

DescriptorSinkOptions options() {
    return {.describe_dropped = [](std::uint64_t n) { return "dropped " + std::to_string(n); }};
}

TEST_CASE("lines wait for a flush", "[log][sink]") {
    const Pipe pipe;
    const auto sink = make_descriptor_sink(pipe.writer(), options());
    log(*sink, "one");
    log(*sink, "two");
    CHECK(pipe.take().empty());
    sink->flush();
    CHECK(pipe.take() == "one\ntwo\n");
    sink->flush();
    CHECK(pipe.take().empty());
}

TEST_CASE("many lines are written without a flush", "[log][sink]") {
    const Pipe pipe;
    const auto sink = make_descriptor_sink(pipe.writer(), options());
    const std::string line(1023, 'x');
    for (int i = 0; i < 15; ++i) log(*sink, line);
    CHECK(pipe.take().empty());
    log(*sink, line);
    CHECK(pipe.take().size() == 16 * 1024);
}

TEST_CASE("what is left is written at the end", "[log][sink]") {
    const Pipe pipe;
    make_descriptor_sink(pipe.writer(), options())
        ->log(spdlog::details::log_msg{"pulse", spdlog::level::info, "last"});
    CHECK(pipe.take() == "last\n");
}

TEST_CASE("a reader that does not read stops nobody, and losses are told", "[log][sink]") {
    const Pipe pipe;
    const std::size_t capacity = pipe.shrink();
    DescriptorSinkOptions small = options();
    small.write_above_bytes = 1;
    small.max_backlog_bytes = 10'000;
    const auto sink = make_descriptor_sink(pipe.writer(), small);

    // If a write could block, this test would hang here.
    const std::string line(999, 'x');
    constexpr int kLines = 100;
    for (int i = 0; i < kLines; ++i) log(*sink, line);
    sink->flush();

    std::string seen;
    for (std::string part = pipe.take(); !part.empty(); part = pipe.take()) {
        seen += part;
        sink->flush();
    }
    log(*sink, "again");
    sink->flush();
    seen += pipe.take();

    std::size_t whole = 0;
    std::size_t dropped = 0;
    std::string rest = seen;
    for (std::size_t end = 0; (end = rest.find('\n')) != std::string::npos;
         rest.erase(0, end + 1)) {
        const std::string found = rest.substr(0, end);
        if (found == line) {
            ++whole;
        } else if (found.starts_with("dropped ")) {
            dropped += std::stoul(found.substr(8));
        } else {
            CHECK(found == "again");
        }
    }
    CHECK(rest.empty());
    CHECK(whole + dropped == kLines);
    CHECK(whole * 1000 <= capacity + small.max_backlog_bytes);
    CHECK(whole >= 10);
    CHECK(seen.ends_with("again\n"));
}

TEST_CASE("a reader that is gone costs its lines and nothing else", "[log][sink]") {
    struct sigaction ignore {};
    struct sigaction before {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before);
    {
        Pipe pipe;
        pipe.close_reader();
        const auto sink = make_descriptor_sink(pipe.writer(), options());
        for (int i = 0; i < 10'000; ++i) log(*sink, "nobody reads this");
        sink->flush();
        SUCCEED("neither a signal nor an exception");
    }
    ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_CASE("a regular file gets every line in order", "[log][sink]") {
    std::FILE* const file = std::tmpfile();
    REQUIRE(file != nullptr);
    std::string expected;
    {
        const auto sink = make_descriptor_sink(::fileno(file), options());
        for (int i = 0; i < 20'000; ++i) {
            log(*sink, "line " + std::to_string(i));
            expected += "line " + std::to_string(i) + "\n";
        }
    }
    std::string content(expected.size() + 1, '\0');
    content.resize(
        static_cast<std::size_t>(::pread(::fileno(file), content.data(), content.size(), 0)));
    CHECK(content == expected);
    std::fclose(file);
}

TEST_CASE("threads do not mix their lines", "[log][sink]") {
    std::FILE* const file = std::tmpfile();
    REQUIRE(file != nullptr);
    const std::string a(100, 'a');
    const std::string b(100, 'b');
    {
        const auto sink = make_descriptor_sink(::fileno(file), options());
        const auto write = [&sink](const std::string& line) {
            for (int i = 0; i < 2'000; ++i) log(*sink, line);
        };
        std::thread first{[&] { write(a); }};
        std::thread second{[&] { write(b); }};
        first.join();
        second.join();
    }
    std::string content(404'001, '\0');
    content.resize(
        static_cast<std::size_t>(::pread(::fileno(file), content.data(), content.size(), 0)));
    REQUIRE(content.size() == 404'000);
    std::size_t mixed = 0;
    for (std::size_t at = 0; at < content.size(); at += 101) {
        const std::string line = content.substr(at, 101);
        if (line != a + "\n" && line != b + "\n") ++mixed;
    }
    CHECK(mixed == 0);
    std::fclose(file);
}

}  // namespace
}  // namespace pulse::server
