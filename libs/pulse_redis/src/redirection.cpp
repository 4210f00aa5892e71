// SPDX-License-Identifier: MIT OR Apache-2.0
#include <charconv>

#include <pulse/redis/redirection.hpp>
#include <pulse/redis/slots.hpp>

namespace pulse::redis {

namespace {

[[nodiscard]] bool read_number(std::string_view text, std::uint16_t& out) noexcept {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, out);
    return !text.empty() && error == std::errc{} && at == end;
}

}  // namespace

bool is_redirection(std::string_view error) noexcept {
    for (const std::string_view each : {"MOVED ", "ASK ", "TRYAGAIN", "CLUSTERDOWN"}) {
        if (error.starts_with(each)) return true;
    }
    return false;
}

std::optional<Redirection> read_redirection(std::string_view error) {
    Redirection out;
    out.is_for_once = error.starts_with("ASK ");
    if (!out.is_for_once && !error.starts_with("MOVED ")) return std::nullopt;
    error.remove_prefix(error.find(' ') + 1);
    const std::size_t space = error.find(' ');
    // Of an IPv6 address the last colon counts.
    const std::size_t colon = error.rfind(':');
    if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) {
        return std::nullopt;
    }
    if (!read_number(error.substr(0, space), out.slot) || out.slot >= kSlots) return std::nullopt;
    if (!read_number(error.substr(colon + 1), out.port) || out.port == 0) return std::nullopt;
    out.host = error.substr(space + 1, colon - space - 1);
    // "?" is what a Redis says that does not know its own name yet.
    if (out.host == "?") out.host.clear();
    return out;
}

}  // namespace pulse::redis
