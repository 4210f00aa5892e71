// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "json/reader.hpp"

#include <vector>

#include <pulse/roblox/frame.hpp>
#include <pulse/roblox/uplink_body.hpp>

namespace pulse::roblox {

/// Reads `[topic, message]` or `[topic, message, opts]`. With `before`, the topic may be the index
/// of one of those items instead. `uplink` is for what only game servers say; null = passed over.
[[nodiscard]] bool read_message_item(json::Reader& reader, const std::vector<Item>* before,
                                     Item& item, UplinkOptions* uplink = nullptr);

}  // namespace pulse::roblox
