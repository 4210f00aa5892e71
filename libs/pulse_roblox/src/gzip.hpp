// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <pulse/core/result.hpp>

namespace pulse::roblox {

struct GunzipLimits {
    std::size_t max_bytes = std::size_t{4} << 20;  ///< unpacked
    /// Unpacked to packed. Deflate manages about 1,000 on zeros, JSON from games rarely 20; small
    /// bodies are exempt, being small.
    std::size_t max_ratio = 100;
    std::size_t ratio_from_bytes = std::size_t{16} * 1024;
};

/// One gzip member that takes up all of `packed`. Memory grows with what comes out, never ahead of
/// it. Errors: Error::body_too_large above max_bytes; Error::invalid_compression for damage,
/// trailing bytes, or a ratio above the limit.
[[nodiscard]] core::Result<std::string> gunzip(std::string_view packed,
                                               const GunzipLimits& limits = {});

/// Level 6; empty when zlib has no memory.
[[nodiscard]] std::string gzip(std::string_view text);

}  // namespace pulse::roblox
