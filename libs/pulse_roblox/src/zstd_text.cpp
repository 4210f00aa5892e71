// SPDX-License-Identifier: MIT OR Apache-2.0
#include "zstd_text.hpp"

#include <pulse/protocol/base64.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/frame.hpp>

#if PULSE_HAS_ZSTD
#include <zstd.h>
#endif

namespace pulse::roblox {

#if PULSE_HAS_ZSTD

struct ZstdPacker::State {
    struct Free {
        void operator()(ZSTD_CCtx* used) const noexcept { ZSTD_freeCCtx(used); }
    };
    std::unique_ptr<ZSTD_CCtx, Free> context;
    std::string buffer;
};

ZstdPacker::ZstdPacker() : state_(std::make_unique<State>()) {}

std::string ZstdPacker::pack(std::string_view body) {
    constexpr int kLevel = 3;
    State& state = *state_;
    if (!state.context) state.context.reset(ZSTD_createCCtx());
    if (!state.context) return {};
    state.buffer.resize(ZSTD_compressBound(body.size()));
    // The one-shot call writes the content size and no checksum: base64 in JSON is whole or absent.
    const std::size_t size =
        ZSTD_compressCCtx(state.context.get(), state.buffer.data(), state.buffer.size(),
                          body.data(), body.size(), kLevel);
    if (ZSTD_isError(size) != 0) return {};
    return protocol::encode_base64({state.buffer.data(), size}, protocol::Base64::standard);
}

core::Result<std::string> unpack_zstd(std::string_view base64) {
    const tl::unexpected refused{make_error_code(Error::invalid_compression)};
    std::string packed;
    if (!decode_base64(base64, protocol::Base64::standard, packed)) return refused;
    const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ||
        size > kMaxBatchBytes) {
        return refused;
    }
    // One frame: several in a row would each have a size of their own.
    if (ZSTD_findFrameCompressedSize(packed.data(), packed.size()) != packed.size()) return refused;
    std::string body(static_cast<std::size_t>(size), '\0');
    const std::size_t got = ZSTD_decompress(body.data(), body.size(), packed.data(), packed.size());
    if (ZSTD_isError(got) != 0 || got != body.size()) return refused;
    return body;
}

bool has_zstd() noexcept { return true; }

#else

struct ZstdPacker::State {};
ZstdPacker::ZstdPacker() = default;
std::string ZstdPacker::pack(std::string_view) { return {}; }

core::Result<std::string> unpack_zstd(std::string_view) {
    return tl::unexpected{make_error_code(Error::unsupported_frame)};
}

bool has_zstd() noexcept { return false; }

#endif

ZstdPacker::~ZstdPacker() = default;
ZstdPacker::ZstdPacker(ZstdPacker&&) noexcept = default;
ZstdPacker& ZstdPacker::operator=(ZstdPacker&&) noexcept = default;

}  // namespace pulse::roblox
