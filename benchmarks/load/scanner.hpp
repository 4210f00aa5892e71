// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "payload.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pulse::load {

/// What the scanner remembers of one connection between two reads.
struct ScanState {
    static constexpr std::size_t kCarryBytes = 64;

    std::uint32_t skip = 0;  ///< payload bytes still to come that need no look
    std::uint8_t carried = 0;
    bool aligned = false;  ///< the next byte is known to follow a payload directly
    char carry[kCarryBytes];
};

/// Finds payloads in a byte stream of any protocol without parsing it.
///
/// All payloads of a run have one size, so after a header the rest of the payload is skipped
/// unread, and the next header is looked for first where the last gap between two payloads puts it:
/// in the steady state a delivery costs one 8-byte compare and one 32-byte copy. This keeps the
/// generator off the measurement; --verify is there to parse everything. Loop-bound.
class Scanner {
  public:
    /// Room the caller keeps free (and writable) in front of the bytes it hands over.
    static constexpr std::size_t kHeadRoom = ScanState::kCarryBytes;

    explicit Scanner(std::size_t payload_bytes, PayloadForm form = PayloadForm::binary)
        : payload_bytes_(payload_bytes), form_(form), marker_(marker_word(form)) {}

    /// Calls `on_payload(header)` for each header in `data` and what was carried over before it.
    template <class OnPayload>
    void scan(ScanState& state, char* data, std::size_t size, OnPayload on_payload) {
        char* at = data;
        char* const end = data + size;
        if (state.carried > 0) {
            at -= state.carried;
            std::memcpy(at, state.carry, state.carried);
            state.carried = 0;
        } else if (state.skip > 0) {
            const std::size_t take = std::min<std::size_t>(state.skip, size);
            at += take;
            state.skip -= static_cast<std::uint32_t>(take);
            if (state.skip > 0) return;
        }
        while (char* const header = next_header(at, end)) {
            if (static_cast<std::size_t>(end - header) < kHeaderBytes) break;
            on_payload(read_header(header, form_));
            // A guess as long as a payload could jump over one behind a shorter envelope.
            const auto gap = static_cast<std::size_t>(header - at);
            if (state.aligned && gap < payload_bytes_) gap_ = gap;
            state.aligned = true;
            if (static_cast<std::size_t>(end - header) < payload_bytes_) {
                state.skip = static_cast<std::uint32_t>(payload_bytes_ -
                                                        static_cast<std::size_t>(end - header));
                return;
            }
            at = header + payload_bytes_;
        }
        keep_tail(state, at, end);
    }

  private:
    [[nodiscard]] char* next_header(char* at, char* end) const noexcept {
        const auto left = static_cast<std::size_t>(end - at);
        if (left >= gap_ + kHeaderBytes) {
            std::uint64_t word = 0;
            std::memcpy(&word, at + gap_, sizeof(word));
            if (word == marker_) return at + gap_;
        }
        return static_cast<char*>(::memmem(at, left, &marker_, sizeof(marker_)));
    }

    /// Keeps what may be the beginning of a header; long foreign bytes shrink to the last few.
    void keep_tail(ScanState& state, char* at, char* end) const noexcept {
        auto left = static_cast<std::size_t>(end - at);
        if (left > ScanState::kCarryBytes) {
            auto* const header = static_cast<char*>(::memmem(at, left, &marker_, sizeof(marker_)));
            at = header != nullptr ? header : end - (sizeof(kMarker) - 1);
            left = static_cast<std::size_t>(end - at);
            state.aligned = false;
        }
        std::memcpy(state.carry, at, left);
        state.carried = static_cast<std::uint8_t>(left);
    }

    std::size_t payload_bytes_;
    PayloadForm form_;
    std::uint64_t marker_;
    std::size_t gap_ = 0;
};

}  // namespace pulse::load
