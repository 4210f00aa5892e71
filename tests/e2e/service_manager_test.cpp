// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the server tells a service manager (sd_notify(3)): ready, reloading, stopping, alive.
#include "support/catch.hpp"
#include "support/server_process.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace pulse::test;

namespace {

/// The socket that a service manager gives its services.
class ServiceManager {
  public:
    ServiceManager() : path_((directory_ / "notify").string()) {
        fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (fd_ < 0 || path_.size() >= sizeof address.sun_path) throw std::runtime_error("socket");
        std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
        if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            throw std::runtime_error("bind");
        }
    }
    ~ServiceManager() { ::close(fd_); }
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    [[nodiscard]] LaunchOptions launch() const {
        LaunchOptions options;
        options.environment = {"NOTIFY_SOCKET=" + path_, "WATCHDOG_USEC=300000"};
        return options;
    }

    /// The next message that begins with `first`, passing over others.
    std::string wait_for(std::string_view first) {
        const Deadline deadline;
        for (;;) {
            pollfd ready{fd_, POLLIN, 0};
            if (::poll(&ready, 1, deadline.poll_ms()) <= 0) {
                throw std::runtime_error("no " + std::string(first));
            }
            char text[1024];
            const ssize_t n = ::recv(fd_, text, sizeof text, 0);
            if (n < 0) throw std::runtime_error("recv");
            std::string message(text, static_cast<std::size_t>(n));
            if (message.starts_with(first)) return message;
        }
    }

  private:
    TempDir directory_;
    std::string path_;
    int fd_ = -1;
};

}  // namespace

TEST_CASE("a service manager is told when the server is ready, reloads, lives and stops",
          "[e2e][lifecycle]") {
    ServiceManager manager;
    ServerProcess server(Settings{}, manager.launch());
    CHECK(manager.wait_for("READY=1") ==
          "READY=1\nSTATUS=Serving on port " + std::to_string(server.port()));
    for (int i = 0; i < 3; ++i) CHECK(manager.wait_for("WATCHDOG=1") == "WATCHDOG=1");
    server.signal(SIGHUP);
    CHECK(manager.wait_for("RELOADING=1").starts_with("RELOADING=1\nMONOTONIC_USEC="));
    CHECK(manager.wait_for("READY=1").starts_with("READY=1\n"));
    server.signal(SIGTERM);
    CHECK(manager.wait_for("STOPPING=1").starts_with("STOPPING=1\n"));
    CHECK(server.wait() == exited(0));
}
