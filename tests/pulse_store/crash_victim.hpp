// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A process that writes until it is killed, and what has to be there afterwards.
#pragma once

#include "crash_pattern.hpp"
#include "support/catch.hpp"
#include "support/document_calls.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pulse::test::crash {

/// store_crash_writer, with what it says. Killed at the latest when this ends.
class Victim {
  public:
    Victim(const std::string& path, const char* durability, std::size_t value_bytes) {
        const std::string filler = std::to_string(value_bytes);
        const char* const arguments[] = {PULSE_CRASH_WRITER, path.c_str(), durability,
                                         filler.c_str(), nullptr};
        int out[2];
        if (::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("fork");
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(out[1], STDOUT_FILENO);
            ::execv(arguments[0], const_cast<char* const*>(arguments));
            ::_exit(126);
        }
        ::close(out[1]);
        out_ = out[0];
    }
    ~Victim() {
        if (pid_ > 0) (void)kill();
        ::close(out_);
    }
    Victim(const Victim&) = delete;
    Victim& operator=(const Victim&) = delete;

    /// Until it has acknowledged so many, or for so long. False: it has ended by itself.
    bool listen(std::size_t acknowledgements, std::chrono::microseconds at_most) {
        const auto end = std::chrono::steady_clock::now() + at_most;
        while (acknowledged_ < acknowledgements) {
            const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
                end - std::chrono::steady_clock::now());
            if (left.count() <= 0) return true;
            const timespec wait{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
            pollfd entry{out_, POLLIN, 0};
            if (::ppoll(&entry, 1, &wait, nullptr) <= 0) return true;
            if (!read_some()) return false;
        }
        return true;
    }
    /// The signal that ended it. What it had said by then counts.
    int kill() {
        ::kill(pid_, SIGKILL);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        while (read_some()) {
        }
        return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
    }
    /// The highest number acknowledged.
    [[nodiscard]] std::optional<std::uint64_t> last() const { return last_; }
    [[nodiscard]] std::size_t acknowledged() const { return acknowledged_; }

  private:
    bool read_some() {
        char chunk[4096];
        const ssize_t got = ::read(out_, chunk, sizeof chunk);
        if (got <= 0) return false;
        text_.append(chunk, static_cast<std::size_t>(got));
        for (std::size_t end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
            last_ = std::stoull(text_.substr(0, end));
            text_.erase(0, end + 1);
            ++acknowledged_;
        }
        return true;
    }

    pid_t pid_ = -1;
    int out_ = -1;
    std::string text_;
    std::optional<std::uint64_t> last_;
    std::size_t acknowledged_ = 0;
};

/// Looks through what a victim left. Returns the number of batches in it.
[[nodiscard]] inline std::uint64_t check_left(core::DocumentStore& store,
                                              std::optional<std::uint64_t> last_acknowledged) {
    const auto counter = test::get(store, "count").value();
    const auto count = counter ? static_cast<std::uint64_t>(counter->number().value()) : 0;
    // Batches are done in their order, so all up to some number are there and none behind it.
    if (last_acknowledged) CHECK(count >= *last_acknowledged + 1);
    const auto tail = test::scan_all(store, core::DocumentRange::prefix("tail/"));
    if (count == 0) {
        CHECK(tail.empty());
        return 0;
    }
    REQUIRE(tail.size() == 1);
    CHECK(tail[0].key == tail_key(count - 1));
    bool is_whole = true;
    const std::uint64_t oldest = count > kPairs ? count - kPairs : 0;
    for (const auto& document : test::scan_all(store, core::DocumentRange::prefix("pair/"))) {
        // Its own number, so every byte of it, is what the last batch for this pair wrote.
        const std::string text(document.text());
        const std::uint64_t n = std::stoull(text);
        const std::size_t filler = text.size() - std::to_string(n).size() - 1;
        is_whole &= n >= oldest && n < count && text == value_of(n, filler);
        is_whole &= document.key == left_key(n) || document.key == right_key(n);
    }
    CHECK(is_whole);
    CHECK(test::scan_all(store, core::DocumentRange::prefix("pair/")).size() ==
          2 * std::min(count, kPairs));
    return count;
}

}  // namespace pulse::test::crash
