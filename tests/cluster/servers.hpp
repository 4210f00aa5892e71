// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/server_process.hpp"

#include <string>

namespace pulse::test {

inline Settings cluster_settings(const std::string& url, const Settings& others = {}) {
    const bool is_nats = url.starts_with("nats://");
    Settings settings{{"cluster.engine", is_nats ? "\"nats\"" : "\"redis\""},
                      {"cluster.url", "\"" + url + "\""},
                      {"cluster.answer_timeout_ms", "1000"},
                      {"history.keep", "[\"kept* 100000 10m\", \"few 10 10m\"]"},
                      {"server.threads", "1"}};
    for (const auto& [key, value] : others) settings[key] = value;
    return settings;
}

[[nodiscard]] inline HttpAnswer readiness(const ServerProcess& server) {
    return http_get(server.port(), "/readyz");
}
[[nodiscard]] inline bool becomes_ready(const ServerProcess& server) {
    return eventually([&] { return readiness(server).status == 200; }, std::chrono::seconds(30));
}

}  // namespace pulse::test
