// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "payload.hpp"
#include "report.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pulse::load {

/// End-to-end check of a run: what each subscriber got, against what was published.
///
/// Per subscriber and publisher the sequence must count up by one from 0; content and channel must
/// be what was sent; and all subscribers of a channel must have seen the publications of its
/// publishers interleaved in the same order. Loop-bound.
class Verifier {
  public:
    /// `routes` publishers serve each channel; subscriber i listens to channel_of[i].
    Verifier(std::size_t payload_bytes, std::uint32_t routes, std::vector<std::uint32_t> channel_of,
             PayloadForm form = PayloadForm::binary);

    /// False when the payload is unusable: its header must not be looked at.
    bool check(std::uint32_t subscriber, std::optional<std::uint32_t> named_channel,
               std::string_view payload, std::uint64_t now);

    /// `published[channel * routes + route]`; adds counts and failures to the report.
    void finish(const std::vector<std::uint64_t>& published, Report& report);

  private:
    struct View {
        std::uint64_t order = 0;  // hash over (publisher, sequence) in order of arrival
        std::uint64_t count = 0;
    };
    struct Findings {
        std::uint64_t deliveries = 0;
        std::uint64_t gaps = 0;          // sequence numbers jumped over
        std::uint64_t out_of_order = 0;  // repeated, or later than a successor
        std::uint64_t corrupt = 0;
        std::uint64_t misrouted = 0;
        std::uint64_t order_differs = 0;  // subscribers that saw another order than the first one
        std::uint64_t missing = 0;
    };

    void note(std::uint32_t subscriber, std::string_view what);
    void check_sequence(std::uint32_t subscriber, const PayloadHeader& header);
    void compare_orders();

    std::size_t payload_bytes_;
    std::uint32_t routes_;
    std::vector<std::uint32_t> channel_of_;
    PayloadForm form_;
    std::vector<std::uint64_t> expected_;  // [subscriber * routes + route]
    std::vector<View> views_;
    Findings findings_;
    std::string first_;
};

}  // namespace pulse::load
