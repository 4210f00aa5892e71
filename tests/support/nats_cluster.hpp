// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Three real NATS servers that are one.
#pragma once

#include "support/nats_server.hpp"
#include "support/tcp_ports.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace pulse::test {

class NatsCluster {
  public:
    static constexpr std::size_t kServers = 3;

    NatsCluster() {
        const std::vector<std::uint16_t> ports = free_ports(kServers);
        std::string routes;
        for (const std::uint16_t port : ports) {
            routes += "\"nats://127.0.0.1:" + std::to_string(port) + "\", ";
        }
        for (std::size_t i = 0; i < kServers; ++i) {
            servers_.push_back(std::make_unique<NatsServer>(
                "server_name: s" + std::to_string(i) +
                "\ncluster { name: c, listen: \"127.0.0.1:" + std::to_string(ports[i]) +
                "\", routes: [" + routes + "] }"));
        }
    }

    [[nodiscard]] NatsServer& server(std::size_t i) noexcept { return *servers_[i]; }
    /// Of all, beginning with one.
    [[nodiscard]] std::string url(std::size_t first = 0) const {
        std::string out = "nats://";
        for (std::size_t i = 0; i < kServers; ++i) {
            if (i > 0) out += ',';
            out += servers_[(first + i) % kServers]->address();
        }
        return out;
    }

  private:
    std::vector<std::unique_ptr<NatsServer>> servers_;
};

}  // namespace pulse::test
