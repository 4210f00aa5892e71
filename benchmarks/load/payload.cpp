// SPDX-License-Identifier: MIT OR Apache-2.0
#include "payload.hpp"

namespace pulse::load {
namespace {

/// Every byte depends on its place and on the channel, so that a shifted, truncated or misrouted
/// payload shows.
constexpr char body_byte(std::size_t index, std::uint32_t channel, PayloadForm form) noexcept {
    const auto place = static_cast<std::uint32_t>(index);
    const std::uint32_t mixed = place * 131U + (place >> 8U) * 17U + channel * 29U;
    if (form == PayloadForm::text) return text_header::digit(mixed);
    return static_cast<char>(mixed & 0xFFU);
}

}  // namespace

std::string make_payload(std::size_t size, std::uint32_t channel, std::uint32_t publisher,
                         PayloadForm form) {
    std::string payload(size, '\0');
    if (form == PayloadForm::text) {
        std::memcpy(payload.data(), kTextMarker, sizeof(kMarker));
        text_header::write(payload.data() + text_header::kChannelAt, 4, channel);
        text_header::write(payload.data() + text_header::kPublisherAt, 4, publisher);
        stamp(payload.data(), 0, 0, form);
    } else {
        const PayloadHeader header{kMarker, 0, 0, channel, publisher};
        std::memcpy(payload.data(), &header, kHeaderBytes);
    }
    for (std::size_t i = kHeaderBytes; i < size; ++i) payload[i] = body_byte(i, channel, form);
    return payload;
}

bool body_intact(std::string_view payload, std::uint32_t channel, PayloadForm form) noexcept {
    for (std::size_t i = kHeaderBytes; i < payload.size(); ++i) {
        if (payload[i] != body_byte(i, channel, form)) return false;
    }
    return true;
}

}  // namespace pulse::load
