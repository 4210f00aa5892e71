// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admission.hpp"

#include "room.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <pulse/core/http_text.hpp>
#include <pulse/core/json.hpp>
#include <pulse/protocol/utf8.hpp>

namespace pulse::rooms {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_escape = text[i] == '%' && i + 2 < text.size() &&
                               hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
        if (is_escape) {
            out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        } else {
            out += plus_is_space && text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

bool is_header_safe(std::string_view text) noexcept {
    return !text.empty() && text.front() != ' ' && text.back() != ' ' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

bool is_all_digits(std::string_view text) noexcept {
    return !text.empty() && text.size() < 16 && (text.size() == 1 || text.front() != '0') &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void set(std::vector<std::pair<std::string, std::string>>& facts, std::string_view name,
         std::string value) {
    for (auto& [known, old] : facts) {
        if (known == name) {
            old = std::move(value);
            return;
        }
    }
    facts.emplace_back(name, std::move(value));
}

/// Of the client itself, as a trusted proxy tells it.
core::PeerAddress address_of(const core::OpenRequest& request, const RoomsOptions& options) {
    if (options.address_header.empty()) return request.peer;
    std::string_view text = request.header(options.address_header);
    // What stands in front of it was sent by the client.
    if (const std::size_t comma = text.rfind(','); comma != std::string_view::npos) {
        text.remove_prefix(comma + 1);
    }
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    core::PeerAddress address = request.peer;
    (void)Places::read_address(text, address);
    return address;
}

/// Always an object, with a place on Earth in it: pages draw it.
std::string connection_details(const core::OpenRequest& request, const RoomsOptions& options,
                               const Places* places) {
    std::vector<std::pair<std::string, std::string>> facts{
        {"httpProtocol", "HTTP/1.1"}, {"latitude", "0"}, {"longitude", "0"}};
    for (const auto& [name, value] : options.details) set(facts, name, value);
    const auto& proxies = options.trusted_proxies;
    const bool is_trusted = request.header && std::find(proxies.begin(), proxies.end(),
                                                        request.peer.to_string()) != proxies.end();
    if (places != nullptr) {
        const core::PeerAddress client = is_trusted ? address_of(request, options) : request.peer;
        for (auto& [name, value] : places->find(client)) set(facts, name, std::move(value));
    }
    if (is_trusted) {
        for (const auto& [name, header] : options.detail_headers) {
            const std::string_view value = request.header(header);
            if (!value.empty()) set(facts, name, repair(std::string(value)));
        }
    }
    std::string out = "{";
    for (const auto& [name, value] : facts) {
        if (out.size() > 1) out += ',';
        json::append_text(out, name);
        out += ':';
        // A number in the original.
        if (name == "asn" && is_all_digits(value)) {
            out += value;
        } else {
            json::append_text(out, value);
        }
    }
    return out += '}';
}

}  // namespace

std::string repair(std::string text) {
    if (protocol::is_valid_utf8(text)) return text;
    std::string out;
    std::size_t i = 0;
    while (i < text.size()) {
        std::size_t length = 1;
        while (length <= 4 && i + length <= text.size() &&
               !protocol::is_valid_utf8(std::string_view(text).substr(i, length))) {
            ++length;
        }
        if (length <= 4 && i + length <= text.size()) {
            out.append(text, i, length);
            i += length;
        } else {
            out += "\xEF\xBF\xBD";
            ++i;
        }
    }
    return out;
}

std::optional<std::string> query_field(std::string_view query, std::string_view name) {
    while (const auto field = core::http::next_query_field(query)) {
        if (decode(field->name, true) == name) return repair(decode(field->value, true));
    }
    return std::nullopt;
}

std::string room_of_query(std::string_view query) {
    auto room = query_field(query, "room");
    if (!room || room->empty()) return std::string(kDefaultRoom);
    return std::move(*room);
}

std::string encode_uri_component(std::string_view text) {
    constexpr std::string_view kPlain = "-_.!~*'()";
    std::string out;
    for (const char c : text) {
        const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                              (c >= 'A' && c <= 'Z') || kPlain.find(c) != std::string_view::npos;
        if (is_plain) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        constexpr std::string_view kUpperHex = "0123456789ABCDEF";
        out += '%';
        out += kUpperHex[byte >> 4U];
        out += kUpperHex[byte & 0xFU];
    }
    return out;
}

std::optional<std::string> cookie_value(std::string_view header, std::string_view name) {
    while (!header.empty()) {
        const std::size_t end = std::min(header.find(';'), header.size());
        std::string_view pair = header.substr(0, end);
        header.remove_prefix(std::min(end + 1, header.size()));
        while (!pair.empty() && (pair.front() == ' ' || pair.front() == '\t')) {
            pair.remove_prefix(1);
        }
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
        return repair(decode(pair.substr(equals + 1), false));
    }
    return std::nullopt;
}

std::string make_uuid(core::Rng& rng) {
    std::array<unsigned char, 16> bytes{};
    rng.fill(std::as_writable_bytes(std::span{bytes}));
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
    std::string out;
    out.reserve(36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
        out += kHex[bytes[i] >> 4U];
        out += kHex[bytes[i] & 0xFU];
    }
    return out;
}

Admission read_admission(const core::OpenRequest& request, const RoomsOptions& options,
                         const Places* places, core::Rng& rng) {
    Admission admission;
    const RoomsLimits& limits = options.limits;
    admission.room = room_of_query(request.query);
    if (limits.max_room_name_bytes != 0 && admission.room.size() > limits.max_room_name_bytes) {
        admission.refusal = "The room's name is too long";
        return admission;
    }
    auto session = query_field(request.query, "session");
    if ((!session || session->empty()) && request.header) {
        session = cookie_value(request.header("cookie"), room_id(admission.room) + "_session");
    }
    if (session && !session->empty()) {
        admission.session = std::move(*session);
    } else {
        admission.session = make_uuid(rng);
        admission.is_fresh = true;
    }
    if (limits.max_session_id_bytes != 0 &&
        admission.session.size() > limits.max_session_id_bytes) {
        admission.refusal = "The session's id is too long";
        return admission;
    }
    admission.details =
        std::make_shared<const std::string>(connection_details(request, options, places));
    return admission;
}

void add_headers(const core::OpenRequest& request, const Admission& admission) {
    if (!admission.refusal.empty()) return;
    const std::string encoded = encode_uri_component(admission.session);
    auto& headers = request.response_headers;
    headers.emplace_back(
        "set-cookie", room_id(admission.room) + "_session=" + encoded + "; SameSite=None; Secure");
    headers.emplace_back("x-session-id",
                         is_header_safe(admission.session) ? admission.session : encoded);
    headers.emplace_back("x-socket-server", "Pulse");
}

}  // namespace pulse::rooms
