// SPDX-License-Identifier: MIT OR Apache-2.0

#include "header.hpp"

#include "pack.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace pulse::protocol::wire {

using Kind = Header::Kind;

double as_double(const Header& header) noexcept {
    if (header.kind == Kind::float32) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(header.value));
    }
    return std::bit_cast<double>(header.value);
}

std::byte* put_header(std::byte* out, const Header& header) noexcept {
    const auto size = static_cast<std::size_t>(header.value);
    switch (header.kind) {
        case Kind::nil:
            break;
        case Kind::boolean:
            *out = std::byte{header.value != 0 ? kTrue : kFalse};
            return out + 1;
        case Kind::uint:
            return put_uint(out, header.value);
        case Kind::negative:
            return put_negative(out, static_cast<std::int64_t>(header.value));
        case Kind::float32:
        case Kind::float64: {
            const double number = as_double(header);
            if (!std::isfinite(number)) break;
            *out = std::byte{kFloat64};
            return store_be(out + 1, std::bit_cast<std::uint64_t>(number));
        }
        case Kind::str:
            return put_length<kStrForm>(out, size);
        case Kind::bin:
            return put_length<kBinForm>(out, size);
        case Kind::array:
            return put_length<kArrayForm>(out, size);
        case Kind::map:
            return put_length<kMapForm>(out, size);
        case Kind::ext:
            break;
    }
    *out = std::byte{kNil};
    return out + 1;
}

void append_header(std::vector<std::byte>& out, const Header& header) {
    std::array<std::byte, kMaxHeaderBytes> bytes;
    const std::byte* const end = put_header(bytes.data(), header);
    out.insert(out.end(), static_cast<const std::byte*>(bytes.data()), end);
}

}  // namespace pulse::protocol::wire
