// SPDX-License-Identifier: MIT OR Apache-2.0
#include "native/position.hpp"

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include <pulse/protocol/value.hpp>

namespace pulse::core::native {

using protocol::Value;

namespace {

/// More than any sensible `recover` has: a tree of values takes far more than its bytes.
constexpr std::size_t kMaxRecoverBytes = 256;
constexpr std::size_t kEpochDigits = 16;

std::string epoch_text(std::uint64_t epoch) {
    std::string out(kEpochDigits, '0');
    std::array<char, kEpochDigits> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), epoch, 16).ptr;
    const auto n = static_cast<std::size_t>(end - digits.data());
    out.replace(kEpochDigits - n, n, digits.data(), n);
    return out;
}

std::uint64_t parse_epoch(std::string_view text) noexcept {
    std::uint64_t epoch = 0;
    if (text.size() != kEpochDigits) return 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, epoch, 16);
    return error == std::errc{} && at == end ? epoch : 0;
}

void append_text(std::vector<std::byte>& out, std::string_view text) {
    out.push_back(static_cast<std::byte>(0xa0 | text.size()));
    const ByteView bytes = protocol::as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_members(const StreamPosition& position, std::vector<std::byte>& out) {
    append_text(out, "epoch");
    append_text(out, epoch_text(position.epoch));
    append_text(out, "offset");
    (void)protocol::encode_value(Value(position.offset), out);  // a number is never too deep
}

}  // namespace

void append_position(const StreamPosition& position, std::vector<std::byte>& out) {
    out.push_back(std::byte{0x82});  // a map of two
    append_members(position, out);
}

std::optional<RecoverRequest> parse_recover(ByteView raw) {
    if (raw.size() > kMaxRecoverBytes) return std::nullopt;
    const protocol::ValueResult decoded = protocol::decode_value(raw);
    if (!decoded || decoded.value.as_object() == nullptr) return std::nullopt;
    const Value* const epoch = decoded.value.find("epoch");
    const Value* const offset = decoded.value.find("offset");
    const auto is_absent = [](const Value* value) { return value == nullptr || value->is_nil(); };
    if (is_absent(epoch) && is_absent(offset)) return RecoverRequest{};
    if (epoch == nullptr || epoch->as_string() == nullptr) return std::nullopt;
    if (offset == nullptr || offset->as_uint() == nullptr) return std::nullopt;
    return RecoverRequest{StreamPosition{*offset->as_uint(), parse_epoch(*epoch->as_string())}};
}

void append_recovery(bool is_recovered, const StreamPosition& position,
                     std::vector<std::byte>& out) {
    const bool has_position = position.epoch != 0;
    out.push_back(has_position ? std::byte{0x83} : std::byte{0x81});
    if (has_position) append_members(position, out);
    append_text(out, "recovered");
    out.push_back(is_recovered ? std::byte{0xc3} : std::byte{0xc2});
}

}  // namespace pulse::core::native
