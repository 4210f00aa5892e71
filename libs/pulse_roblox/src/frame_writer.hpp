// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The pieces frames are put together from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <pulse/roblox/frame.hpp>

namespace pulse::roblox {

/// `P1<type> <epoch> <seq>`, without the line feed.
void append_frame_header(std::string& out, FrameType type, std::string_view epoch,
                         std::uint64_t seq);
/// ` <id> <i>/<n> <crc>`.
void append_chunk_fields(std::string& out, const ChunkPart& part);

/// `{...}` for the third place of an item; empty when the options are.
[[nodiscard]] std::string encode_item_options(const ItemOptions& options);

[[nodiscard]] std::uint32_t crc32_of(std::string_view text) noexcept;

}  // namespace pulse::roblox
