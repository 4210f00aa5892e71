// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What users say of themselves.
#pragma once

#include <string>

#include <pulse/core/json.hpp>

namespace pulse::rooms {

namespace json = core::json;

/// JSON objects, ready to be sent. A value type.
struct Properties {
    std::string all = "{}";
    /// Without names that begin with '_', and without `subscriptions`.
    std::string open = "{}";
};

/// Of checked JSON; anything but an object has no properties. Names given twice count once, with
/// the last value; the order is that of an ECMAScript object.
[[nodiscard]] Properties make_properties(json::Value data);

}  // namespace pulse::rooms
