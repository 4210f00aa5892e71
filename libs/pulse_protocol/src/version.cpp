// SPDX-License-Identifier: MIT OR Apache-2.0

#include <pulse/protocol/version.hpp>

namespace pulse::protocol {

std::string to_string(Version version) {
    return std::to_string(version.major) + '.' + std::to_string(version.minor);
}

}  // namespace pulse::protocol
