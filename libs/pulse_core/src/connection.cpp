// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <utility>

#include <arpa/inet.h>

#include <pulse/core/connection.hpp>
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
    target_->lane->post([target = target_, run = std::move(function)] {
        if (target->connection != nullptr) run(*target->connection);
    });
}

Connection::~Connection() {
    if (target_ != nullptr) target_->connection = nullptr;
}

void Connection::expire_handles() noexcept {
    if (target_ != nullptr) target_->connection = nullptr;
    target_.reset();
}

ConnectionHandle Connection::handle() {
    if (target_ == nullptr) {
        target_ =
            std::make_shared<ConnectionHandle::Target>(ConnectionHandle::Target{&lane(), this});
    }
    ConnectionHandle handle;
    handle.target_ = target_;
    return handle;
}

}  // namespace pulse::core
