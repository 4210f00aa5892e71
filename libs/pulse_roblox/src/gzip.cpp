// SPDX-License-Identifier: MIT OR Apache-2.0
#include "gzip.hpp"

#include <algorithm>
#include <array>

#include <zlib.h>

#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest window, gzip's wrapping

/// zlib takes a pointer to what it only reads.
[[nodiscard]] Bytef* input(std::string_view text) noexcept {
    return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

struct Inflater {
    z_stream stream{};
    bool is_open = ::inflateInit2(&stream, kGzipWindow) == Z_OK;
    Inflater() = default;
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() {
        if (is_open) ::inflateEnd(&stream);
    }
};

}  // namespace

core::Result<std::string> gunzip(std::string_view packed, const GunzipLimits& limits) {
    const tl::unexpected refused{make_error_code(Error::invalid_compression)};
    if (packed.size() > limits.max_bytes)
        return tl::unexpected{make_error_code(Error::body_too_large)};
    Inflater inflater;
    if (!inflater.is_open) return refused;
    z_stream& stream = inflater.stream;
    stream.next_in = input(packed);
    stream.avail_in = static_cast<uInt>(packed.size());
    std::string text;
    std::array<char, std::size_t{16} * 1024> piece;
    int status = Z_OK;
    while (status != Z_STREAM_END) {
        stream.next_out = reinterpret_cast<Bytef*>(piece.data());
        stream.avail_out = static_cast<uInt>(piece.size());
        status = ::inflate(&stream, Z_NO_FLUSH);
        const std::size_t got = piece.size() - stream.avail_out;
        if ((status != Z_OK && status != Z_STREAM_END) || (got == 0 && status == Z_OK)) {
            return refused;  // damaged, or at an end before its end
        }
        if (text.size() + got > limits.max_bytes) {
            return tl::unexpected{make_error_code(Error::body_too_large)};
        }
        text.append(piece.data(), got);
        if (text.size() > limits.ratio_from_bytes &&
            text.size() / limits.max_ratio > packed.size()) {
            return refused;
        }
    }
    if (stream.avail_in != 0) return refused;
    return text;
}

std::string gzip(std::string_view text) {
    z_stream stream{};
    if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8,
                       Z_DEFAULT_STRATEGY) != Z_OK) {
        return {};
    }
    std::string packed(::deflateBound(&stream, text.size()), '\0');
    stream.next_in = input(text);
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    const int status = ::deflate(&stream, Z_FINISH);
    packed.resize(status == Z_STREAM_END ? packed.size() - stream.avail_out : 0);
    ::deflateEnd(&stream);
    return packed;
}

}  // namespace pulse::roblox
