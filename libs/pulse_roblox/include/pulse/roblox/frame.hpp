// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Frames ("P1"): what one publish to a real topic carries, many messages in one. Pure functions;
// the format in full is docs/protocol/roblox.md.
//
//   P1<type> <epoch> <seq>[ <fields>] LF <body>
//
//   B   batch         JSON array of items [topic, message] or [topic, message, opts]; a topic that
//   was
//                     used in the frame before may be the index of the item that named it first
//   Z   batch         the same, zstd with content size, in base64
//   C   chunk         <id> <i>/<n> <crc32>: piece i of n of one item's JSON text; i counts from 1
//   G   claim check   <bytes>: [topic, token, opts], the item is to be fetched over HTTP
//   W   wake          <cursor>: poll, there is something for you up to here
//
// A header line instead of a JSON object lets a chunk carry JSON text without escaping it again.
// (epoch, real topic, seq) names a frame, and with the index in it a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/result.hpp>

namespace pulse::roblox {

/// How the length of a published text is counted. Roblox's documentation says "1,024 characters"
/// and leaves open which; the default assumes the worst.
enum class Counting : unsigned char {
    escaped,  ///< UTF-8 bytes of the text as it stands within a JSON string
    bytes,    ///< UTF-8 bytes
    chars,    ///< UTF-16 units, which are never fewer than code points
};

[[nodiscard]] std::size_t counted_size(std::string_view text, Counting counting) noexcept;

/// What Roblox takes in one publish.
inline constexpr std::size_t kMaxPublishedSize = 1'024;
/// No published text is longer in UTF-8, however it is counted.
inline constexpr std::size_t kMaxFrameBytes = 4 * kMaxPublishedSize;
/// Bounds of a frame's content; every decoder enforces them.
inline constexpr std::size_t kMaxBatchBytes = std::size_t{64} * 1024;  ///< after decompression
inline constexpr std::size_t kMaxBatchItems = 2'048;
inline constexpr unsigned kMaxChunks = 64;
inline constexpr std::size_t kEpochBytes = 6;
inline constexpr std::size_t kMaxChunkIdBytes = 12;
inline constexpr std::size_t kMaxCursorBytes = 64;
inline constexpr std::size_t kMaxClaimTokenBytes = 64;
inline constexpr std::size_t kMaxTargets = 64;

enum class FrameType : char { batch = 'B', chunk = 'C', compressed = 'Z', claim = 'G', wake = 'W' };

/// What an item says besides topic and message. A value type.
struct ItemOptions {
    std::vector<std::string> servers{};  ///< "s": only for these; empty = for all
    std::string sender{};                ///< "f": who sent it; empty = not said
    std::uint64_t sent_at_ms = 0;        ///< "t": Unix milliseconds; 0 = not said
    std::uint64_t spread_seq = 0;        ///< "n": place among the topic's messages, over all shards

    [[nodiscard]] bool is_empty() const noexcept {
        return servers.empty() && sender.empty() && sent_at_ms == 0 && spread_seq == 0;
    }
    friend bool operator==(const ItemOptions&, const ItemOptions&) = default;
};

struct Item {
    std::string topic{};
    std::string message{};  ///< JSON text in normal form
    ItemOptions options{};

    friend bool operator==(const Item&, const Item&) = default;
};

struct ChunkPart {
    std::string_view id{};
    unsigned index = 0;  ///< 1 … count
    unsigned count = 0;
    std::uint32_t crc = 0;  ///< CRC-32 (zlib's) of the whole item text
};

/// A frame taken apart; borrows the text.
struct FrameView {
    FrameType type = FrameType::batch;
    std::string_view epoch;
    std::uint64_t seq = 0;          ///< 1 … 2^53-1
    ChunkPart chunk;                ///< of C
    std::uint64_t claim_bytes = 0;  ///< of G
    std::string_view cursor;        ///< of W
    std::string_view body;
};

struct Claim {
    std::string topic{};
    std::string token;
    ItemOptions options;
};

/// Whether a published text is a frame of ours rather than an envelope of the original's.
[[nodiscard]] inline bool is_frame(std::string_view text) noexcept {
    return text.starts_with("P1");
}

/// Header and fields; the body is not looked at. Errors: Error::invalid_frame,
/// Error::unsupported_frame for a type that is not known.
[[nodiscard]] core::Result<FrameView> decode_frame(std::string_view text);

/// The items of a B or Z frame. Errors: Error::invalid_frame; Error::invalid_compression;
/// Error::unsupported_frame for Z where the library was built without zstd.
[[nodiscard]] core::Result<std::vector<Item>> decode_items(const FrameView& frame);

/// One item's JSON text, as chunks and claim checks carry it.
[[nodiscard]] core::Result<Item> decode_item(std::string_view text);
[[nodiscard]] std::string encode_item(const Item& item);

/// The body of a G frame.
[[nodiscard]] core::Result<Claim> decode_claim(const FrameView& frame);

/// Whether Z frames can be made and read.
[[nodiscard]] bool has_zstd() noexcept;

/// Frames by hand, for tools and tests; the bridge itself packs with an outbox. Nothing is checked
/// against the size budget. `epoch` is six characters of [a-z0-9].
[[nodiscard]] std::string encode_batch(std::string_view epoch, std::uint64_t seq,
                                       const std::vector<Item>& items);
[[nodiscard]] std::string encode_wake(std::string_view epoch, std::uint64_t seq,
                                      std::string_view cursor);

}  // namespace pulse::roblox
