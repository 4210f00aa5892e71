// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "answers.hpp"

#include <string>
#include <string_view>

namespace pulse::mock {

/// What a path of Open Cloud means.
struct Target {
    Api api = Api::none;
    std::string universe{};
    std::string topic{};      ///< v1's, decoded
    bool is_readable = true;  ///< false when a part does not decode
};

/// `path` as sent, percent-encoded.
[[nodiscard]] Target parse_target(std::string_view path);

/// Whether the API takes bodies of that type; parameters do not matter.
[[nodiscard]] bool is_json_type(std::string_view content_type, Api api);

}  // namespace pulse::mock
