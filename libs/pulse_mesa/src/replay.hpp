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

    // Taking messages off costs the store the whole length of what is kept; so it is done after
    // each message where few are left, and for several at once where they are many.
    std::size_t dropped = 0;     ///< of those sent, taken off what is kept
    std::size_t sent_bytes = 0;  ///< of those sent, but not taken off yet
    std::size_t left_bytes = 0;  ///< of those not sent
};

}  // namespace pulse::mesa
