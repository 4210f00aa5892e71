// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A real NATS of the test's own, with JetStream, on a loopback port; and a proxy in front of it.
#pragma once

#include "support/child_process.hpp"
#include "support/eventually.hpp"
#include "support/stream_proxy.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace pulse::test {

/// A connection to the loopback port, or -1.
[[nodiscard]] inline int connect_loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
}

class NatsServer {
  public:
    /// `settings`: more lines for its configuration file.
    explicit NatsServer(std::string settings = {}, bool has_jetstream = true)
        : settings_(std::move(settings)), has_jetstream_(has_jetstream) {
        start();
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] std::string url() const { return "nats://" + address(); }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

    /// On the port that it had before.
    void start() {
        write_configuration();
        process_ = std::make_unique<ChildProcess>(
            std::vector<std::string>{find_program("nats-server"), "-c",
                                     (directory_ / "nats.conf").string()},
            directory_ / "nats.log");
        const bool is_up = eventually([this] {
            if (port_ == 0) port_ = read_port();
            const int fd = port_ == 0 ? -1 : connect_loopback(port_);
            if (fd >= 0) ::close(fd);
            return fd >= 0;
        });
        if (!is_up) throw std::runtime_error("nats-server does not start");
    }
    /// What it had in memory is gone.
    void kill() { process_->kill(); }
    /// What it has in files; of one that was killed.
    void forget() { std::filesystem::remove_all(directory_ / "jetstream"); }
    /// Returns when it has stopped: until then its threads go on with what has come.
    void pause() {
        process_->signal(SIGSTOP);
        if (!eventually([this] { return is_stopped(); })) throw std::runtime_error("SIGSTOP");
    }
    void resume() { process_->signal(SIGCONT); }

  private:
    [[nodiscard]] bool is_stopped() const {
        const std::string tasks = "/proc/" + std::to_string(process_->pid()) + "/task";
        for (const auto& task : std::filesystem::directory_iterator(tasks)) {
            std::ifstream in(task.path() / "stat");
            std::string text;
            std::getline(in, text);
            // "<id> (<name>) <state> …"
            const std::size_t end = text.rfind(')');
            if (end == std::string::npos || text.size() < end + 3 || text[end + 2] != 'T') {
                return false;
            }
        }
        return true;
    }
    void write_configuration() {
        std::ofstream out(directory_ / "nats.conf");
        out << "listen: \"127.0.0.1:" << (port_ == 0 ? "-1" : std::to_string(port_)) << "\"\n"
            << "ports_file_dir: \"" << directory_.path().string() << "\"\n"
            << "max_payload: 8388608\n";
        if (has_jetstream_) {
            out << "jetstream { store_dir: \"" << (directory_ / "jetstream").string()
                << "\", max_memory_store: 1073741824, max_file_store: 1048576 }\n";
        }
        out << settings_ << "\n";
    }
    /// {"nats":["nats://127.0.0.1:40123"], …} in a file named after the process; tls:// with TLS.
    [[nodiscard]] std::uint16_t read_port() const {
        const std::string name = "nats-server_" + std::to_string(process_->pid()) + ".ports";
        std::ifstream in(directory_ / name);
        std::ostringstream text;
        text << in.rdbuf();
        const std::string all = text.str();
        constexpr std::string_view kBefore = "://127.0.0.1:";
        const std::size_t at = all.find(kBefore);
        if (at == std::string::npos) return 0;
        return static_cast<std::uint16_t>(
            std::strtoul(all.c_str() + at + kBefore.size(), nullptr, 10));
    }

    TempDir directory_;
    const std::string settings_;
    const bool has_jetstream_;
    std::uint16_t port_ = 0;
    std::unique_ptr<ChildProcess> process_;
};

class NatsProxy {
  public:
    explicit NatsProxy(std::uint16_t target)
        : listener_(listen_anywhere(port_)),
          proxy_(listener_, [target] { return connect_loopback(target); }) {}

    [[nodiscard]] std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }
    void cut() { proxy_.cut(); }
    void set_open(bool is_open) { proxy_.set_open(is_open); }
    void set_delay(std::chrono::milliseconds delay) { proxy_.set_delay(delay); }
    void set_blotted(std::string text) { proxy_.set_blotted(std::move(text)); }

  private:
    [[nodiscard]] static int listen_anywhere(std::uint16_t& port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(fd, 64) != 0 ||
            ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw std::runtime_error("cannot listen on the loopback");
        }
        port = ntohs(address.sin_port);
        return fd;
    }

    std::uint16_t port_ = 0;
    int listener_;
    StreamProxy proxy_;
};

}  // namespace pulse::test
