// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <pulse/core/result.hpp>

namespace pulse::redis {

/// Where a Redis is, and as whom to log in. A value.
struct Address {
    std::string host = "127.0.0.1";  ///< name, IPv4 or IPv6 without brackets
    std::uint16_t port = 6379;
    std::string path{};      ///< of a Unix socket; then host and port mean nothing
    std::string username{};  ///< an ACL user; empty: the default one
    std::string password{};  ///< empty: no login
    std::uint32_t database = 0;

    friend bool operator==(const Address&, const Address&) = default;
};

/// `redis://[[user]:password@]host[:port][/database]`,
/// `unix://[[user]:password@]/path[?db=number]`. User and password are percent-encoded. Errors:
/// invalid_address, tls_not_supported (rediss://).
[[nodiscard]] core::Result<Address> parse_address(std::string_view url);

/// For logs: without user and password.
[[nodiscard]] std::string to_string(const Address& address);

}  // namespace pulse::redis
