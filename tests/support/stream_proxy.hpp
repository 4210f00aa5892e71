// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stands between programs and a server, and can cut what goes through it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pulse::test {

class StreamProxy {
  public:
    /// `listener` is taken; `connect` gives a connection to the server, or -1.
    StreamProxy(int listener, std::function<int()> connect)
        : connect_(std::move(connect)), listener_(listener), thread_([this] { run(); }) {}
    ~StreamProxy() {
        is_ending_ = true;
        thread_.join();
        for (const auto& [from, to] : pairs_) ::close(from);
        ::close(listener_);
    }
    StreamProxy(const StreamProxy&) = delete;
    StreamProxy& operator=(const StreamProxy&) = delete;

    /// Ends all connections there are; new ones may come.
    void cut() { is_cut_ = true; }
    /// While it is closed, connections are accepted and ended at once.
    void set_open(bool is_open) {
        is_open_ = is_open;
        if (!is_open) cut();
    }

    /// What goes through waits so long, one piece after the other.
    void set_delay(std::chrono::milliseconds delay) { delay_ = delay; }
    /// Where this text goes through it comes out as so many "x"; empty: as it is.
    void set_blotted(std::string text) {
        const std::lock_guard lock(mutex_);
        blotted_ = std::move(text);
    }

  private:
    void run() {
        std::vector<pollfd> polled;
        while (!is_ending_) {
            if (is_cut_.exchange(false)) {
                for (const auto& [from, to] : pairs_) ::close(from);
                pairs_.clear();
            }
            polled.clear();
            polled.push_back({listener_, POLLIN, 0});
            for (const auto& [from, to] : pairs_) polled.push_back({from, POLLIN, 0});
            if (::poll(polled.data(), polled.size(), 5) <= 0) continue;
            if ((polled[0].revents & POLLIN) != 0) accept();
            for (std::size_t i = 1; i < polled.size(); ++i) {
                if (polled[i].revents != 0) pass_on(polled[i].fd);
            }
        }
    }
    void accept() {
        const int from = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (from < 0) return;
        const int to = is_open_ ? connect_() : -1;
        if (to < 0) {
            ::close(from);
            return;
        }
        pairs_[from] = to;
        pairs_[to] = from;
    }
    void pass_on(int from) {
        const auto found = pairs_.find(from);
        if (found == pairs_.end()) return;  // ended in this round
        const int to = found->second;
        char bytes[16 * 1024];
        const ssize_t n = ::recv(from, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        std::this_thread::sleep_for(delay_.load());
        if (n > 0) blot({bytes, static_cast<std::size_t>(n)});
        ssize_t sent = 0;
        while (sent < n) {
            const ssize_t more =
                ::send(to, bytes + sent, static_cast<std::size_t>(n - sent), MSG_NOSIGNAL);
            if (more <= 0) break;
            sent += more;
        }
        if (n > 0 && sent == n) return;
        pairs_.erase(from);
        pairs_.erase(to);
        ::close(from);
        ::close(to);
    }

    /// Of a piece: texts that are in two stay.
    void blot(std::span<char> piece) {
        const std::lock_guard lock(mutex_);
        if (blotted_.empty()) return;
        auto at = piece.begin();
        while ((at = std::search(at, piece.end(), blotted_.begin(), blotted_.end())) !=
               piece.end()) {
            at = std::fill_n(at, blotted_.size(), 'x');
        }
    }

    const std::function<int()> connect_;
    const int listener_;
    std::map<int, int> pairs_;  ///< the thread's
    std::atomic<std::chrono::milliseconds> delay_{std::chrono::milliseconds(0)};
    std::mutex mutex_;
    std::string blotted_;
    std::atomic<bool> is_cut_{false};
    std::atomic<bool> is_open_{true};
    std::atomic<bool> is_ending_{false};
    std::thread thread_;
};

}  // namespace pulse::test
