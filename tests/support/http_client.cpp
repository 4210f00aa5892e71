// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/http_client.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace pulse::test {

namespace {

bool is_same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

void parse_head(std::string_view head, HttpAnswer& answer) {
    const auto next_line = [&head] {
        const std::size_t end = head.find("\r\n");
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end + 2);
        return line;
    };
    const std::string_view status = next_line();
    if (!status.starts_with("HTTP/1.1 ") || status.size() < 12) {
        throw ClientError("not an HTTP/1.1 status line: " + std::string(status));
    }
    answer.status = std::atoi(std::string(status.substr(9, 3)).c_str());
    answer.reason = status.size() > 13 ? status.substr(13) : std::string_view{};
    for (std::string_view line = next_line(); !line.empty(); line = next_line()) {
        const std::size_t colon = line.find(": ");
        if (colon == std::string_view::npos) {
            throw ClientError("not a header line: " + std::string(line));
        }
        answer.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
}

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (is_same_name(key, name)) return value;
    }
    return {};
}

bool HttpAnswer::has_header(std::string_view name) const {
    return std::any_of(headers.begin(), headers.end(),
                       [name](const auto& header) { return is_same_name(header.first, name); });
}

HttpAnswer read_answer(TcpClient& tcp, bool is_head, Deadline deadline) {
    HttpAnswer answer;
    parse_head(tcp.read_through("\r\n\r\n", deadline), answer);
    const std::string length = answer.header("content-length");
    if (!length.empty() && !is_head) {
        answer.body = tcp.read_exactly(std::strtoul(length.c_str(), nullptr, 10), deadline);
    }
    return answer;
}

std::string get_request(std::string_view path, std::string_view header_lines) {
    std::string request = "GET ";
    request.append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    return request.append(header_lines).append("\r\n");
}

HttpAnswer http_get(std::uint16_t port, std::string_view path) {
    return http_exchange(port, get_request(path));
}

HttpAnswer http_exchange(std::uint16_t port, std::string_view request) {
    TcpClient tcp(port);
    tcp.send(request);
    return read_answer(tcp, request.starts_with("HEAD "));
}

std::optional<double> metric(std::string_view exposition, std::string_view series) {
    std::string mark = "\n";
    mark.append(series).append(" ");
    const std::size_t at = exposition.find(mark);
    if (at == std::string_view::npos) return std::nullopt;
    return std::strtod(std::string(exposition.substr(at + mark.size(), 64)).c_str(), nullptr);
}

}  // namespace pulse::test
