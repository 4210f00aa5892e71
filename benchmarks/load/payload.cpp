// SPDX-License-Identifier: MIT OR Apache-2.0
#include "payload.hpp"

namespace pulse::load {
namespace {

/// Every byte depends on its place and on the channel, so that a shifted, truncated or misrouted
/// payload shows.
constexpr char body_byte(std::size_t index, std::uint32_t channel) noexcept {
    const auto place = static_cast<std::uint32_t>(index);
    return static_cast<char>((place * 131U + (place >> 8U) * 17U + channel * 29U) & 0xFFU);
}

}  // namespace

std::string make_payload(std::size_t size, std::uint32_t channel, std::uint32_t publisher) {
    std::string payload(size, '\0');
    const PayloadHeader header{kMarker, 0, 0, channel, publisher};
    std::memcpy(payload.data(), &header, kHeaderBytes);
    for (std::size_t i = kHeaderBytes; i < size; ++i) payload[i] = body_byte(i, channel);
    return payload;
}

bool body_intact(std::string_view payload, std::uint32_t channel) noexcept {
    for (std::size_t i = kHeaderBytes; i < payload.size(); ++i) {
        if (payload[i] != body_byte(i, channel)) return false;
    }
    return true;
}

}  // namespace pulse::load
