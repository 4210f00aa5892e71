// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "cloud.hpp"

namespace pulse::mock {

struct Cloud::Publish {
    Api api = Api::none;
    std::string universe_text{};  ///< as in the path, decoded
    UniverseId id = 0;
    Universe* universe = nullptr;
    const ApiKey* key = nullptr;
    std::string topic{};
    std::string message{};
    bool is_path_readable = true;
    bool is_scripted = false;
};

}  // namespace pulse::mock
