// SPDX-License-Identifier: MIT OR Apache-2.0
#include "envelope.hpp"

#include "bytes.hpp"

#include <charconv>

namespace pulse::cluster {

namespace {

constexpr std::string_view kMagic = "P1";
constexpr std::size_t kHeadBytes = 2 + 1 + 16 + 8;
constexpr std::size_t kEpochDigits = 16;
/// No channel gets so far: who says so would leave its successors no numbers.
constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;
constexpr std::uint8_t kHasTimestamp = 1;
constexpr std::uint8_t kHasSource = 2;
constexpr std::uint8_t kHasEvent = 4;

[[nodiscard]] bool take_place(std::string_view& in, core::StreamPosition& first) noexcept {
    if (in.size() < kEpochDigits + 3 || in[kEpochDigits] != ' ') return false;
    first.epoch = parse_epoch(in.substr(0, kEpochDigits));
    in.remove_prefix(kEpochDigits + 1);
    const auto [at, error] = std::from_chars(in.data(), in.data() + in.size(), first.offset);
    if (error != std::errc{} || at == in.data() + in.size() || *at != '\n') return false;
    in.remove_prefix(static_cast<std::size_t>(at - in.data()) + 1);
    return first.epoch != 0 && first.offset != 0 && first.offset <= kMaxOffset;
}

}  // namespace

std::string envelope_head(bool is_kept, const NodeId& node, std::uint64_t batch) {
    std::string out(kMagic);
    out.reserve(kHeadBytes);
    out += is_kept ? 'h' : 'p';
    append_number(node[0], out);
    append_number(node[1], out);
    append_number(batch, out);
    return out;
}

void append_record(const core::PublicationView& publication, std::string& out) {
    const bool has_timestamp = publication.timestamp_ms != 0;
    std::uint8_t flags = 0;
    if (has_timestamp) flags |= kHasTimestamp;
    if (publication.source) flags |= kHasSource;
    if (publication.event) flags |= kHasEvent;
    out += static_cast<char>(flags);
    if (has_timestamp) append_number(publication.timestamp_ms, out);
    if (publication.source) {
        for (const std::uint64_t word : publication.source->words) append_number(word, out);
    }
    if (publication.event) append_bytes(*publication.event, out);
    append_bytes(protocol::as_text(publication.payload), out);
}

bool read_record(std::string_view& bytes, core::PublicationView& out) {
    std::uint8_t flags = 0;
    if (!take_number(bytes, flags)) return false;
    if ((flags & ~(kHasTimestamp | kHasSource | kHasEvent)) != 0) return false;
    if ((flags & kHasTimestamp) != 0 && !take_number(bytes, out.timestamp_ms)) return false;
    if ((flags & kHasSource) != 0) {
        core::SessionId source;
        for (std::uint64_t& word : source.words) {
            if (!take_number(bytes, word)) return false;
        }
        out.source = source;
    }
    if ((flags & kHasEvent) != 0) {
        std::string_view event;
        if (!take_bytes(bytes, event)) return false;
        out.event = event;
    }
    std::string_view payload;
    if (!take_bytes(bytes, payload)) return false;
    out.payload = protocol::as_bytes(payload);
    return true;
}

std::optional<Envelope> read_envelope(std::string_view bytes) {
    if (bytes.size() < kHeadBytes || !bytes.starts_with(kMagic)) return std::nullopt;
    Envelope envelope;
    const char kind = bytes[kMagic.size()];
    if (kind != 'p' && kind != 'h') return std::nullopt;
    envelope.is_kept = kind == 'h';
    bytes.remove_prefix(kMagic.size() + 1);
    if (!take_number(bytes, envelope.node[0]) || !take_number(bytes, envelope.node[1]) ||
        !take_number(bytes, envelope.batch)) {
        return std::nullopt;
    }
    if (envelope.is_kept && !take_place(bytes, envelope.first)) return std::nullopt;
    envelope.records = bytes;
    while (!bytes.empty()) {
        core::PublicationView ignored;
        if (!read_record(bytes, ignored)) return std::nullopt;
        ++envelope.count;
    }
    if (envelope.count == 0 || envelope.count > kMaxOffset - envelope.first.offset) {
        return std::nullopt;
    }
    return envelope;
}

std::string epoch_text(std::uint64_t epoch) {
    std::array<char, kEpochDigits> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), epoch, 16).ptr;
    const auto n = static_cast<std::size_t>(end - digits.data());
    return std::string(kEpochDigits - n, '0').append(digits.data(), n);
}

std::uint64_t parse_epoch(std::string_view text) noexcept {
    std::uint64_t epoch = 0;
    if (text.size() != kEpochDigits) return 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, epoch, 16);
    return error == std::errc{} && at == end ? epoch : 0;
}

}  // namespace pulse::cluster
