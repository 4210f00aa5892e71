// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "support/nats_server.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pulse::test {

/// Somebody else on the server, who speaks its protocol by hand.
class Stranger {
  public:
    explicit Stranger(const NatsServer& nats) : fd_(connect_loopback(nats.port())) {
        if (fd_ < 0) throw std::runtime_error("no NATS");
        send("CONNECT {\"verbose\":false,\"headers\":true}\r\n");
    }
    ~Stranger() { ::close(fd_); }
    Stranger(const Stranger&) = delete;
    Stranger& operator=(const Stranger&) = delete;

    /// Returns when the server has it.
    void publish(const std::string& subject, const std::string& bytes) {
        send("PUB " + subject + " " + std::to_string(bytes.size()) + "\r\n" + bytes +
             "\r\nPING\r\n");
        wait_for("PONG\r\n");
    }
    /// The answer, roughly.
    std::string ask(const std::string& subject, const std::string& bytes) {
        const std::string inbox = "_INBOX.stranger" + std::to_string(++asked_);
        send("SUB " + inbox + " " + std::to_string(asked_) + "\r\nPUB " + subject + " " + inbox +
             " " + std::to_string(bytes.size()) + "\r\n" + bytes + "\r\n");
        wait_for("MSG " + inbox);
        return wait_for("}\r\n");
    }

    /// What comes next on the subject, its headers left out; it has some.
    std::string hear(const std::string& subject) {
        send("SUB " + subject + " " + std::to_string(++asked_) + "\r\n");
        wait_for("HMSG ");
        wait_for("\r\n\r\n");
        const std::string line = wait_for("\r\n");
        return line.substr(0, line.size() - 2);
    }

  private:
    void send(const std::string& text) {
        std::size_t sent = 0;
        while (sent < text.size()) {
            const auto n = ::send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) throw std::runtime_error("NATS is gone");
            sent += static_cast<std::size_t>(n);
        }
    }
    std::string wait_for(const std::string& what) {
        while (read_.find(what) == std::string::npos) {
            char bytes[4096];
            const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
            if (n <= 0) throw std::runtime_error("NATS is gone: " + read_);
            read_.append(bytes, static_cast<std::size_t>(n));
        }
        const std::size_t end = read_.find(what) + what.size();
        std::string before = read_.substr(0, end);
        read_.erase(0, end);
        return before;
    }

    const int fd_;
    int asked_ = 0;
    std::string read_;
};

/// What a stream has.
[[nodiscard]] inline std::size_t messages_of(const NatsServer& nats, const std::string& stream) {
    const std::string info = Stranger(nats).ask("$JS.API.STREAM.INFO." + stream, "");
    constexpr std::string_view kName = "\"messages\":";
    const std::size_t at = info.find(kName);
    if (at == std::string::npos) return 0;
    return std::strtoul(info.c_str() + at + kName.size(), nullptr, 10);
}

}  // namespace pulse::test
