// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace pulse::load {

/// First bytes of every payload, the same for all servers and protocols. Sender and receiver are
/// one process, so host byte order will do.
struct PayloadHeader {
    std::uint64_t marker;
    std::uint64_t sent_ns;
    std::uint64_t sequence;
    std::uint32_t channel;
    std::uint32_t publisher;
};
static_assert(sizeof(PayloadHeader) == 32);

inline constexpr std::size_t kHeaderBytes = sizeof(PayloadHeader);

/// Occurs once per payload and in no envelope: its bytes are no ASCII and no MessagePack header
/// run.
inline constexpr std::uint64_t kMarker = 0xC1F5'A397'E2BD'8BD1;

/// Publisher number of the messages that only find out whether a subscription works.
inline constexpr std::uint32_t kProbePublisher = 0xFFFF'FFFF;

[[nodiscard]] inline PayloadHeader read_header(const char* payload) noexcept {
    PayloadHeader header;
    std::memcpy(&header, payload, kHeaderBytes);
    return header;
}

/// Rewrites the two fields that differ from one publication to the next.
inline void stamp(char* payload, std::uint64_t sent_ns, std::uint64_t sequence) noexcept {
    std::memcpy(payload + offsetof(PayloadHeader, sent_ns), &sent_ns, sizeof(sent_ns));
    std::memcpy(payload + offsetof(PayloadHeader, sequence), &sequence, sizeof(sequence));
}

/// A payload of `size` bytes (at least kHeaderBytes) with sequence and time 0.
[[nodiscard]] std::string make_payload(std::size_t size, std::uint32_t channel,
                                       std::uint32_t publisher);

/// Whether everything behind the header is what make_payload() wrote for `channel`.
[[nodiscard]] bool body_intact(std::string_view payload, std::uint32_t channel) noexcept;

}  // namespace pulse::load
