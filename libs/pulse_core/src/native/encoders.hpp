// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the hub delivers, in the two forms of the native dialect.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <pulse/core/encoding.hpp>
#include <pulse/core/presence.hpp>

namespace pulse::core::native {

/// Whether deliveries say where they stand in the channel's history, and gaps where it goes on.
enum class Positions : std::uint8_t { hidden, shown };

/// `publish` and `presence` frames in MessagePack with a length prefix.
class BinaryEncoder final : public Encoder {
  public:
    explicit BinaryEncoder(Positions positions = Positions::hidden) noexcept
        : positions_(positions) {}
    [[nodiscard]] bool encode(const PublicationView& publication,
                              MessageWriter& out) const override;
    [[nodiscard]] bool encode(const PresenceEvent& event, MessageWriter& out) const override;
    [[nodiscard]] bool encode(const GapEvent& event, MessageWriter& out) const override;

  private:
    const Positions positions_;
};

/// The same frames as JSON text.
class JsonEncoder final : public Encoder {
  public:
    explicit JsonEncoder(Positions positions = Positions::hidden) noexcept
        : positions_(positions) {}
    [[nodiscard]] bool encode(const PublicationView& publication,
                              MessageWriter& out) const override;
    [[nodiscard]] bool encode(const PresenceEvent& event, MessageWriter& out) const override;
    [[nodiscard]] bool encode(const GapEvent& event, MessageWriter& out) const override;

  private:
    const Positions positions_;
};

/// The `data` of a presence event: the member's record as canonical MessagePack.
void append_presence_state(const PresenceState& state, std::vector<std::byte>& out);
/// The `data` of a sync: {"members": [record, …]}.
void append_presence_members(std::span<const PresenceState> members, std::vector<std::byte>& out);

}  // namespace pulse::core::native
