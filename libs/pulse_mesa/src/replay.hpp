// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <pulse/mesa/message.hpp>

namespace pulse::mesa {

/// Kept messages on their way to a client.
struct Replay {
    std::string name;                   ///< whose they are
    std::vector<std::string> elements;  ///< as they were kept
    std::vector<Message> messages;      ///< the same, numbered
    std::size_t next = 0;
};

}  // namespace pulse::mesa
