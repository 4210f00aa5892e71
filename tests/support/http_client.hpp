// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "support/tcp_client.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pulse::test {

struct HttpAnswer {
    int status = 0;
    std::string reason;
    std::vector<std::pair<std::string, std::string>> headers;  ///< names as sent
    std::string body;

    /// The first of that name, case ignored; empty when there is none.
    [[nodiscard]] std::string header(std::string_view name) const;
    [[nodiscard]] bool has_header(std::string_view name) const;
};

/// Reads one answer. `is_head`: it has no body whatever its length says.
[[nodiscard]] HttpAnswer read_answer(TcpClient& tcp, bool is_head = false, Deadline deadline = {});

/// "GET /path HTTP/1.1" with Host and the given header lines (each ended by CRLF).
[[nodiscard]] std::string get_request(std::string_view path, std::string_view header_lines = {});

/// One request on a connection of its own.
[[nodiscard]] HttpAnswer http_get(std::uint16_t port, std::string_view path);
/// Sends these bytes on a connection of its own and reads one answer.
[[nodiscard]] HttpAnswer http_exchange(std::uint16_t port, std::string_view request);

/// The value of a series in a Prometheus exposition, e.g.
/// `pulse_messages_total{direction="inbound"}`. Nothing when it is not there.
[[nodiscard]] std::optional<double> metric(std::string_view exposition, std::string_view series);

}  // namespace pulse::test
