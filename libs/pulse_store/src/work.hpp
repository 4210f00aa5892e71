// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What callers hand over, on its way to the thread that does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include <pulse/core/document_store.hpp>

namespace pulse::store {

struct WriteWork {
    core::DocumentBatch batch;
    core::DocumentStore::CommitDone done;
    std::uint64_t accepted_ms = 0;  ///< when the call was made, in Unix time
};

struct GetWork {
    std::string key;
    core::DocumentStore::GetDone done;
};

struct ScanWork {
    core::DocumentRange range;
    core::DocumentStore::ScanDone done;
};

using ReadWork = std::variant<GetWork, ScanWork>;

/// Memory that waiting work holds, about.
[[nodiscard]] std::size_t held_bytes(const WriteWork& work) noexcept;
[[nodiscard]] std::size_t held_bytes(const ReadWork& work) noexcept;

}  // namespace pulse::store
