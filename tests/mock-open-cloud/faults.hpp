// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What shall go wrong, publish by publish.
#pragma once

#include "time.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

namespace pulse::mock {

struct Fault {
    enum class Kind : std::uint8_t {
        none,       ///< "200": as if there were no script
        status,     ///< "429", "500", …: that error, nothing delivered
        slow,       ///< "slow:2000": delivered, the answer comes that many milliseconds later
        reset,      ///< "reset": connection reset, nothing delivered
        lost,       ///< "reset+delivered": delivered, then connection reset
        truncated,  ///< "truncated": delivered, the answer's body ends half way
        html,       ///< "html": 502 with a page, nothing delivered
    };
    Kind kind = Kind::none;
    int status = 200;
    std::optional<std::uint32_t> retry_after{};  ///< seconds; "429+retry", "429+retry:5"
    Span delay{};

    [[nodiscard]] bool is_delivered() const noexcept {
        return kind == Kind::none || kind == Kind::slow || kind == Kind::lost ||
               kind == Kind::truncated;
    }
};

/// Statuses that Open Cloud documents, and delays up to ten minutes.
[[nodiscard]] std::optional<Fault> parse_fault(std::string_view text);

using FaultScript = std::deque<Fault>;
inline constexpr std::size_t kMaxScript = 10'000;

}  // namespace pulse::mock
