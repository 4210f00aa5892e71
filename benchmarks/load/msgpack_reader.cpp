// SPDX-License-Identifier: MIT OR Apache-2.0
#include "msgpack_reader.hpp"

namespace pulse::load {

std::optional<unsigned> MsgpackReader::peek() const {
    if (at_end()) return std::nullopt;
    return static_cast<unsigned char>(bytes_[at_]);
}

std::optional<std::string_view> MsgpackReader::take(std::uint64_t bytes) {
    if (bytes > bytes_.size() - at_) return std::nullopt;
    const std::string_view taken = bytes_.substr(at_, static_cast<std::size_t>(bytes));
    at_ += taken.size();
    return taken;
}

std::optional<std::uint64_t> MsgpackReader::big_endian(std::size_t bytes) {
    const auto raw = take(bytes);
    if (!raw) return std::nullopt;
    std::uint64_t value = 0;
    for (const char byte : *raw) value = value << 8U | static_cast<unsigned char>(byte);
    return value;
}

std::optional<std::uint32_t> MsgpackReader::read_map() {
    const auto type = peek();
    if (!type) return std::nullopt;
    ++at_;
    if ((*type & 0xF0U) == 0x80U) return *type & 0x0FU;
    if (*type != 0xDE && *type != 0xDF) return std::nullopt;
    const auto count = big_endian(*type == 0xDE ? 2 : 4);
    if (!count) return std::nullopt;
    return static_cast<std::uint32_t>(*count);
}

std::optional<std::string_view> MsgpackReader::read_string() {
    const auto type = peek();
    if (!type) return std::nullopt;
    ++at_;
    if ((*type & 0xE0U) == 0xA0U) return take(*type & 0x1FU);
    if (*type < 0xD9 || *type > 0xDB) return std::nullopt;
    const auto length = big_endian(std::size_t{1} << (*type - 0xD9U));
    return length ? take(*length) : std::nullopt;
}

std::optional<std::string_view> MsgpackReader::read_binary() {
    const auto type = peek();
    if (!type || *type < 0xC4 || *type > 0xC6) return std::nullopt;
    ++at_;
    const auto length = big_endian(std::size_t{1} << (*type - 0xC4U));
    return length ? take(*length) : std::nullopt;
}

std::optional<std::uint64_t> MsgpackReader::read_unsigned() {
    const auto type = peek();
    if (!type) return std::nullopt;
    ++at_;
    if (*type < 0x80) return *type;
    if (*type < 0xCC || *type > 0xCF) return std::nullopt;
    return big_endian(std::size_t{1} << (*type - 0xCCU));
}

bool MsgpackReader::skip_container(unsigned type, std::uint64_t& pending) {
    const bool is_map = (type & 0xF0U) == 0x80U || type == 0xDE || type == 0xDF;
    std::optional<std::uint64_t> count;
    if ((type & 0xF0U) == 0x80U || (type & 0xF0U) == 0x90U) {
        count = type & 0x0FU;
    } else {
        count = big_endian(type == 0xDC || type == 0xDE ? 2 : 4);
    }
    if (!count) return false;
    pending += *count * (is_map ? 2U : 1U);
    // Each value due (the container itself is counted out by the caller) takes at least a byte, so
    // a count beyond the input is refused at once.
    return pending - 1 <= bytes_.size() - at_;
}

bool MsgpackReader::skip() {
    for (std::uint64_t pending = 1; pending > 0; --pending) {
        const auto type = peek();
        if (!type) return false;
        const unsigned t = *type;
        bool good = true;
        if ((t & 0xE0U) == 0xA0U || (t >= 0xD9 && t <= 0xDB)) {
            good = read_string().has_value();
        } else if (t >= 0xC4 && t <= 0xC6) {
            good = read_binary().has_value();
        } else if ((t & 0xE0U) == 0x80U || (t >= 0xDC && t <= 0xDF)) {
            ++at_;
            // The container itself is done, its elements are now due.
            good = skip_container(t, pending);
        } else {
            ++at_;
            if (t == 0xC1 || (t >= 0xC7 && t <= 0xC9) || (t >= 0xD4 && t <= 0xD8)) {
                return false;  // never used, and no extension types in Pulse frames
            }
            constexpr unsigned kWidths[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};  // 0xCA float32 ...
            if (t >= 0xCA && t <= 0xD3) good = take(kWidths[t - 0xCAU]).has_value();
        }
        if (!good) return false;
    }
    return true;
}

}  // namespace pulse::load
