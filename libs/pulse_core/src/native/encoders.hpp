// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the hub delivers, in the two forms of the native dialect.
#pragma once

#include <span>
#include <vector>

#include <pulse/core/encoding.hpp>
#include <pulse/core/presence.hpp>

namespace pulse::core::native {

/// `publish` and `presence` frames in MessagePack with a length prefix.
class BinaryEncoder final : public Encoder {
  public:
    [[nodiscard]] bool encode(const PublicationView& publication,
                              MessageWriter& out) const override;
    [[nodiscard]] bool encode(const PresenceEvent& event, MessageWriter& out) const override;
};

/// The same frames as JSON text.
class JsonEncoder final : public Encoder {
  public:
    [[nodiscard]] bool encode(const PublicationView& publication,
                              MessageWriter& out) const override;
    [[nodiscard]] bool encode(const PresenceEvent& event, MessageWriter& out) const override;
};

/// The `data` of a presence event: the member's record as canonical MessagePack.
void append_presence_state(const PresenceState& state, std::vector<std::byte>& out);
/// The `data` of a sync: {"members": [record, …]}.
void append_presence_members(std::span<const PresenceState> members, std::vector<std::byte>& out);

}  // namespace pulse::core::native
