// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <exception>
#include <utility>

#include <arpa/inet.h>

#include <pulse/core/connection.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/lane.hpp>

namespace pulse::core {

std::string PeerAddress::to_string() const {
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
    return text;
}

bool PeerAddress::is_loopback() const noexcept {
    if (!is_v6) return bytes[0] == 127;
    constexpr std::array<std::uint8_t, 16> kLoopback{0, 0, 0, 0, 0, 0, 0, 0,
                                                     0, 0, 0, 0, 0, 0, 0, 1};
    // How a dual-stack socket shows an IPv4 peer: ::ffff:127.0.0.1 (RFC 4291 §2.5.5.2).
    constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return bytes == kLoopback ||
           (std::equal(kMapped.begin(), kMapped.end(), bytes.begin()) && bytes[12] == 127);
}

void ConnectionHandle::post(std::function<void(Connection&)> function) const {
    if (target_ == nullptr) return;
    // The target is looked at on the lane's thread only, where the connection lives and dies.
    target_->port->post([target = target_, run = std::move(function)] {
        if (target->connection == nullptr) return;
        try {
            run(*target->connection);
            return;
        } catch (const std::exception& error) {
            // It may have thrown because the connection is gone.
            if (target->connection != nullptr) target->connection->fail(error.what());
        } catch (...) {
            if (target->connection != nullptr) target->connection->fail("not a std::exception");
        }
    });
}

Connection::~Connection() {
    if (target_ != nullptr) target_->connection = nullptr;
}

void Connection::fail(std::string_view what) noexcept {
    lane().hub().log().write(LogLevel::error, "connection_failed", {{"reason", what}});
    try {
        close(CloseReason::internal_error);
    } catch (...) {
        // Without memory for a close frame: the peer will find out by silence.
        discard_output();
    }
}

void Connection::expire_handles() noexcept {
    if (target_ != nullptr) target_->connection = nullptr;
    target_.reset();
}

ConnectionHandle Connection::handle() {
    if (target_ == nullptr) {
        target_ = std::make_shared<ConnectionHandle::Target>(
            ConnectionHandle::Target{lane().port(), this});
    }
    ConnectionHandle handle;
    handle.target_ = target_;
    return handle;
}

}  // namespace pulse::core
