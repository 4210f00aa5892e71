// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What travels between nodes: publications of one channel in a row, behind a head.
//
//   envelope = "P1" kind node batch [place] record*
//   kind     = "p" without history | "h" with
//   node     = 16 bytes, drawn by the sender at its start
//   batch    = u64, counted by the sender
//   place    = epoch (16 hexadecimal digits) SP offset of the first record (decimal) LF; kind "h".
//              Text, because the server's script writes it.
//   record   = flags [timestamp] [source] [event] payload
//   flags    = u8: 1 timestamp (u64), 2 source (2 x u64), 4 event (u32 length, bytes)
//   payload  = u32 length, bytes
//
// Numbers are little-endian.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <pulse/core/publication.hpp>

namespace pulse::cluster {

using NodeId = std::array<std::uint64_t, 2>;

/// All of it before the place.
[[nodiscard]] std::string envelope_head(bool is_kept, const NodeId& node, std::uint64_t batch);

void append_record(const core::PublicationView& publication, std::string& out);

/// Takes the next record from the front of `bytes`; its views are into them. False when it is none.
[[nodiscard]] bool read_record(std::string_view& bytes, core::PublicationView& out);

struct Envelope {
    bool is_kept = false;
    NodeId node{};
    std::uint64_t batch = 0;
    core::StreamPosition first;  ///< of the first record, when kept
    std::string_view records;
    std::size_t count = 0;
};

/// Nothing unless all of it makes sense.
[[nodiscard]] std::optional<Envelope> read_envelope(std::string_view bytes);

/// 16 hexadecimal digits.
[[nodiscard]] std::string epoch_text(std::uint64_t epoch);
/// 0 when it is none.
[[nodiscard]] std::uint64_t parse_epoch(std::string_view text) noexcept;

}  // namespace pulse::cluster
