// SPDX-License-Identifier: MIT OR Apache-2.0
#include "work.hpp"

namespace pulse::store {

std::size_t held_bytes(const WriteWork& work) noexcept {
    // Removing one-byte keys costs more around the keys than in them.
    constexpr std::size_t kBytesPerOperation = 64;
    return work.batch.bytes() + work.batch.size() * kBytesPerOperation;
}

std::size_t held_bytes(const ReadWork& work) noexcept {
    if (const auto* get = std::get_if<GetWork>(&work)) return get->key.size();
    const core::DocumentRange& range = std::get<ScanWork>(work).range;
    return range.begin.size() + (range.end ? range.end->size() : 0);
}

}  // namespace pulse::store
