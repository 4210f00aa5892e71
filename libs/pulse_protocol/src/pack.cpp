// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pack.hpp"

namespace pulse::protocol::wire {

std::byte* put_long(std::byte* p, const void* from, std::size_t size) noexcept {
    copy_bytes(p, static_cast<const std::byte*>(from), size);
    return p + size;
}

}  // namespace pulse::protocol::wire
