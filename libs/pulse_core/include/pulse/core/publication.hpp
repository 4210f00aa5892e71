// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/ids.hpp>
#include <pulse/protocol/bytes.hpp>

namespace pulse::core {

using protocol::ByteView;

/// Where a publication stands in its channel's history. `epoch` changes when the numbering starts
/// anew (the history was lost or the channel forgotten); offsets are comparable within one epoch.
/// Offsets begin at 1; 0 means "not kept".
struct StreamPosition {
    std::uint64_t offset = 0;
    std::uint64_t epoch = 0;
    friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

/// One message in a channel, borrowed for the length of a call.
struct PublicationView {
    std::string_view channel;
    std::optional<std::string_view> event = std::nullopt;
    ByteView payload{};
    /// Who published it, where known. Never on the native wire.
    std::optional<SessionId> source = std::nullopt;
    /// Unix milliseconds; 0 = not stamped.
    std::uint64_t timestamp_ms = 0;
    StreamPosition position{};
};

/// One message in a channel, owned. A value type; shared as PublicationPtr.
struct Publication {
    std::string channel;
    std::optional<std::string> event;
    std::vector<std::byte> payload;
    std::optional<SessionId> source;
    std::uint64_t timestamp_ms = 0;
    StreamPosition position;

    Publication() = default;
    Publication(std::string channel_name, ByteView bytes)
        : channel(std::move(channel_name)), payload(bytes.begin(), bytes.end()) {}
    explicit Publication(const PublicationView& view)
        : channel(view.channel),
          event(view.event),
          payload(view.payload.begin(), view.payload.end()),
          source(view.source),
          timestamp_ms(view.timestamp_ms),
          position(view.position) {}

    [[nodiscard]] PublicationView view() const noexcept {
        PublicationView out{channel, std::nullopt, payload, source, timestamp_ms, position};
        if (event) out.event = *event;
        return out;
    }
};

/// Immutable and shared: what history, receivers and brokers pass around.
using PublicationPtr = std::shared_ptr<const Publication>;

}  // namespace pulse::core
