// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stands between a program and a server on Unix sockets, and can cut what goes through it.
#pragma once

#include "support/redis_server.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

namespace pulse::test {

class UnixProxy {
  public:
    explicit UnixProxy(std::string target) : target_(std::move(target)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string own = path();
        std::memcpy(address.sun_path, own.c_str(), own.size() + 1);
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_, 64) != 0) {
            throw std::runtime_error("cannot bind " + own);
        }
        thread_ = std::thread([this] { run(); });
    }
    ~UnixProxy() {
        is_ending_ = true;
        thread_.join();
        for (const auto& [from, to] : pairs_) ::close(from);
        ::close(listener_);
    }
    UnixProxy(const UnixProxy&) = delete;
    UnixProxy& operator=(const UnixProxy&) = delete;

    [[nodiscard]] std::string path() const { return (directory_ / "proxy.sock").string(); }
    [[nodiscard]] std::string url() const { return "unix://" + path(); }

    /// Ends all connections there are; new ones may come.
    void cut() { is_cut_ = true; }
    /// While it is closed, connections are accepted and ended at once.
    void set_open(bool is_open) {
        is_open_ = is_open;
        if (!is_open) cut();
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
        const int to = is_open_ ? connect_unix(target_) : -1;
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

    TempDir directory_;
    const std::string target_;
    int listener_ = -1;
    std::map<int, int> pairs_;  ///< the thread's
    std::atomic<bool> is_cut_{false};
    std::atomic<bool> is_open_{true};
    std::atomic<bool> is_ending_{false};
    std::thread thread_;
};

}  // namespace pulse::test
