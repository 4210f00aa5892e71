// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [metrics]: the Prometheus endpoint.
#pragma once

#include "config/row.hpp"

#include <cstdint>
#include <string>

namespace pulse::server {

struct MetricsOptions {
    bool enabled = true;
    std::string host = "127.0.0.1";
    std::uint16_t port = 9090;
    bool on_main_port = false;

    bool operator==(const MetricsOptions&) const = default;
};

inline constexpr Row<MetricsOptions> kMetricsRows[] = {
    row<&MetricsOptions::enabled>({
        .name = "enabled",
        .doc = "Listen for Prometheus on a port of its own.",
    }),
    row<&MetricsOptions::host>({
        .name = "host",
        .doc =
            "Address of the metrics listener. Metrics are served without authentication: give it "
            "an address that only the monitoring network reaches.",
    }),
    row<&MetricsOptions::port>({
        .name = "port",
        .doc = "TCP port of the metrics listener. 0 takes any free port and logs which.",
    }),
    row<&MetricsOptions::on_main_port>({
        .name = "on_main_port",
        .doc = "Serve /metrics on the main listener too.",
    }),
};

inline constexpr SectionTable<MetricsOptions> kMetricsSection{
    .name = "metrics",
    .doc = "The Prometheus endpoint.",
    .rows = kMetricsRows,
};

}  // namespace pulse::server
