// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/result.hpp>

namespace pulse::redis {

/// How a connection is encrypted. The other end's certificate is verified, with its name.
struct TlsOptions {
    std::string ca_file{};           ///< PEM; empty: whom the system trusts
    std::string certificate_file{};  ///< PEM, with its chain, when the server wants one
    std::string key_file{};          ///< PEM, without password; empty: in certificate_file
    std::string name{};              ///< that the certificate is for; empty: the host's

    friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

/// Where a Redis is, and as whom to log in. A value.
struct Address {
    std::string host = "127.0.0.1";  ///< name, IPv4 or IPv6 without brackets
    std::uint16_t port = 6379;
    std::string path{};      ///< of a Unix socket; then host and port mean nothing
    std::string username{};  ///< an ACL user; empty: the default one
    std::string password{};  ///< empty: no login
    std::uint32_t database = 0;
    std::optional<TlsOptions> tls{};

    friend bool operator==(const Address&, const Address&) = default;
};

/// One Redis, or several that are one to their users.
struct Location {
    enum class Kind : std::uint8_t {
        single,    ///< the one of `hosts`
        sentinel,  ///< the master that the sentinels, `hosts`, name
        cluster,   ///< a Redis Cluster that `hosts` belong to
    };
    Kind kind = Kind::single;
    std::vector<Address> hosts;  ///< at least one
    /// Of kind sentinel: what the sentinels call it, and the login of the Redis itself. That of the
    /// sentinels is in `hosts`.
    std::string master{};
    Address redis{};

    friend bool operator==(const Location&, const Location&) = default;
};

/// As docs/operations/clustering.md has them:
///
///   redis://[[user]:password@]host[:port][/database]
///   unix://[[user]:password@]/path[?db=number]
///   redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/master[/database]
///       [?sentinel_user=…][&sentinel_password=…]
///   redis+cluster://[[user]:password@]host[:port][,host[:port]…]
///
/// and the three over TCP with TLS as rediss…://, with cafile, certfile, keyfile and tls_name in
/// the query. Everything is percent-encoded. Error: invalid_address.
[[nodiscard]] core::Result<Location> parse_location(std::string_view url);

/// The same for one Redis.
[[nodiscard]] core::Result<Address> parse_address(std::string_view url);

/// The same for what has one master at a time: no Redis Cluster.
[[nodiscard]] core::Result<Location> parse_master_location(std::string_view url);

/// For logs: without user and password.
[[nodiscard]] std::string to_string(const Address& address);
/// Also without the master's name: its hosts.
[[nodiscard]] std::string to_string(const Location& location);

}  // namespace pulse::redis
