// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <pulse/mesa/id.hpp>
#include <pulse/mesa/message.hpp>
#include <pulse/mesa/recipients.hpp>

namespace pulse::mesa {

/// One message on its way to clients of this replica, written once. **Immutable.**
struct Delivery {
    Message message;
    std::string text;  ///< as clients get it
    Recipients recipients = Recipients::all();
    std::vector<Id> excluding;
    bool is_from_this_replica = true;
};
using DeliveryPtr = std::shared_ptr<const Delivery>;

}  // namespace pulse::mesa
