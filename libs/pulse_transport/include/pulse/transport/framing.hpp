// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <pulse/core/encoding.hpp>

namespace pulse::transport {

/// How every message to a WebSocket client is framed; the same object for all connections, and the
/// same bytes in all processes. For code that frames what others will send.
[[nodiscard]] const core::Framing& websocket_framing() noexcept;

}  // namespace pulse::transport
