// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <pulse/core/encoding.hpp>

namespace pulse::transport::websocket {

/// Every message as one unfragmented, unmasked frame. The same object for all connections, so that
/// they share encoded frames.
[[nodiscard]] const core::Framing& framing() noexcept;

}  // namespace pulse::transport::websocket
