// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Positions as clients see them: {"epoch": str, "offset": u64}. The epoch is opaque to them; text,
// because JavaScript rounds numbers of 64 bits.
#pragma once

#include <optional>
#include <vector>

#include <pulse/core/publication.hpp>

namespace pulse::core::native {

/// As canonical MessagePack.
void append_position(const StreamPosition& position, std::vector<std::byte>& out);

/// What stands in a subscribe's `recover`.
struct RecoverRequest {
    /// Absent: the client wants to know positions, but has none yet.
    std::optional<StreamPosition> since;
};
/// Nothing when it makes no sense. A position that no server of ours has given is one of another
/// epoch.
[[nodiscard]] std::optional<RecoverRequest> parse_recover(ByteView raw);

/// An ack's `recovery`: {"epoch", "offset", "recovered"}; without the first two where the channel
/// has no positions.
void append_recovery(bool is_recovered, const StreamPosition& position,
                     std::vector<std::byte>& out);

}  // namespace pulse::core::native
