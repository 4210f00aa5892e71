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

/// How a payload's bytes are written. Header and payload are equally long in both.
enum class PayloadForm : std::uint8_t {
    binary,
    /// ASCII that stands in a JSON string as it is. Numbers lose their upper bits: 60 are left of
    /// the time, 36 of the sequence, 24 each of channel and publisher.
    text,
};

/// Occurs once per payload and in no envelope: its bytes are no ASCII and no MessagePack header
/// run.
inline constexpr std::uint64_t kMarker = 0xC1F5'A397'E2BD'8BD1;

inline constexpr char kTextMarker[] = "~~PULSE~";  // '~' occurs nowhere else in the text form

/// Publisher number of the messages that only find out whether a subscription works.
inline constexpr std::uint32_t kProbePublisher = 0xFFFF'FFFF;

/// The marker's bytes as the word they are in memory.
[[nodiscard]] inline std::uint64_t marker_word(PayloadForm form) noexcept {
    if (form == PayloadForm::binary) return kMarker;
    std::uint64_t word = 0;
    std::memcpy(&word, kTextMarker, sizeof(word));
    return word;
}

/// The header in the text form: marker, time (10 digits), sequence (6), channel (4), publisher (4).
namespace text_header {

inline constexpr std::size_t kTimeAt = 8;
inline constexpr std::size_t kTimeDigits = 10;
inline constexpr std::size_t kSequenceAt = kTimeAt + kTimeDigits;
inline constexpr std::size_t kSequenceDigits = 6;
inline constexpr std::size_t kChannelAt = kSequenceAt + kSequenceDigits;
inline constexpr std::size_t kPublisherAt = kChannelAt + 4;
static_assert(kPublisherAt + 4 == kHeaderBytes);

/// Six bits as '#' ... 'c', without the backslash.
[[nodiscard]] constexpr char digit(std::uint64_t value) noexcept {
    const auto at = static_cast<unsigned>('#') + static_cast<unsigned>(value & 63U);
    return static_cast<char>(at + (at >= static_cast<unsigned>('\\') ? 1U : 0U));
}
[[nodiscard]] inline std::uint64_t read(const char* digits, std::size_t count) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = static_cast<unsigned char>(digits[i]);
        value = value << 6U | ((at - unsigned{'#'} - (at > unsigned{'\\'} ? 1U : 0U)) & 63U);
    }
    return value;
}
inline void write(char* digits, std::size_t count, std::uint64_t value) noexcept {
    for (std::size_t i = count; i-- > 0; value >>= 6U) digits[i] = digit(value);
}

}  // namespace text_header

[[nodiscard]] inline PayloadHeader read_header(const char* payload,
                                               PayloadForm form = PayloadForm::binary) noexcept {
    PayloadHeader header;
    std::memcpy(&header, payload, kHeaderBytes);
    if (form == PayloadForm::binary) return header;
    using namespace text_header;
    header.marker = header.marker == marker_word(form) ? kMarker : 0;
    header.sent_ns = read(payload + kTimeAt, kTimeDigits);
    header.sequence = read(payload + kSequenceAt, kSequenceDigits);
    header.channel = static_cast<std::uint32_t>(read(payload + kChannelAt, 4));
    header.publisher = static_cast<std::uint32_t>(read(payload + kPublisherAt, 4));
    if (header.publisher == (kProbePublisher & 0xFF'FFFFU)) header.publisher = kProbePublisher;
    return header;
}

/// Rewrites the two fields that differ from one publication to the next.
inline void stamp(char* payload, std::uint64_t sent_ns, std::uint64_t sequence,
                  PayloadForm form = PayloadForm::binary) noexcept {
    if (form == PayloadForm::text) {
        using namespace text_header;
        write(payload + kTimeAt, kTimeDigits, sent_ns);
        write(payload + kSequenceAt, kSequenceDigits, sequence);
        return;
    }
    std::memcpy(payload + offsetof(PayloadHeader, sent_ns), &sent_ns, sizeof(sent_ns));
    std::memcpy(payload + offsetof(PayloadHeader, sequence), &sequence, sizeof(sequence));
}

/// A payload of `size` bytes (at least kHeaderBytes) with sequence and time 0.
[[nodiscard]] std::string make_payload(std::size_t size, std::uint32_t channel,
                                       std::uint32_t publisher,
                                       PayloadForm form = PayloadForm::binary);

/// Whether everything behind the header is what make_payload() wrote for `channel`.
[[nodiscard]] bool body_intact(std::string_view payload, std::uint32_t channel,
                               PayloadForm form = PayloadForm::binary) noexcept;

}  // namespace pulse::load
