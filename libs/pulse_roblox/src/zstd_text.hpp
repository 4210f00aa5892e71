// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Batch bodies as zstd in base64, as Z frames carry them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <pulse/core/result.hpp>

namespace pulse::roblox {

/// Keeps its working memory (some hundred kilobytes) between calls. **Loop-bound.**
class ZstdPacker {
  public:
    ZstdPacker();
    ~ZstdPacker();
    ZstdPacker(ZstdPacker&&) noexcept;
    ZstdPacker& operator=(ZstdPacker&&) noexcept;

    /// Level 3, content size in the header, because Roblox's reader needs it; empty when there is
    /// no zstd in this build.
    [[nodiscard]] std::string pack(std::string_view body);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Errors: Error::invalid_compression for damaged or trailing bytes, a content size that is missing
/// or above kMaxBatchBytes; Error::unsupported_frame without zstd. The size is known before
/// anything is allocated.
[[nodiscard]] core::Result<std::string> unpack_zstd(std::string_view base64);

}  // namespace pulse::roblox
