// SPDX-License-Identifier: MIT OR Apache-2.0
#include "nats/nats_names.hpp"

#include <algorithm>
#include <cstdint>

#include <pulse/protocol/base64.hpp>

namespace pulse::cluster {

namespace {

/// Of a name that is written byte by byte, and of any: a subject and its reply share a line of the
/// protocol, which servers limit to 4096 bytes.
constexpr std::size_t kMaxPlainBytes = 300;
constexpr std::size_t kMaxNameBytes = 2'000;

[[nodiscard]] bool is_plain(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == ':';
}

}  // namespace

std::string subject_token(std::string_view name) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    if (name.size() > kMaxNameBytes) return {};
    if (name.size() > kMaxPlainBytes) {
        return "=_" + protocol::encode_base64(name, protocol::Base64::url);
    }
    std::string out;
    out.reserve(name.size());
    for (const char c : name) {
        if (is_plain(c)) {
            out += c;
            continue;
        }
        const auto byte = static_cast<std::uint8_t>(c);
        out += '=';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
    }
    // No token may be empty; a channel's name cannot be either.
    return out.empty() ? "=_" : out;
}

std::string policy_name(const core::HistoryPolicy& policy) {
    if (!policy.is_kept()) return "live";
    return std::to_string(policy.size) + "x" +
           std::to_string(std::max<std::int64_t>(policy.ttl.count(), 0));
}

std::string node_token(const NodeId& node) {
    return "=n" + epoch_text(node[0]) + epoch_text(node[1]);
}

}  // namespace pulse::cluster
