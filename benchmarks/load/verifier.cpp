// SPDX-License-Identifier: MIT OR Apache-2.0
#include "verifier.hpp"

#include <algorithm>

namespace pulse::load {

Verifier::Verifier(std::size_t payload_bytes, std::uint32_t routes,
                   std::vector<std::uint32_t> channel_of, PayloadForm form)
    : payload_bytes_(payload_bytes),
      routes_(routes),
      channel_of_(std::move(channel_of)),
      form_(form),
      expected_(channel_of_.size() * routes),
      views_(channel_of_.size()) {}

void Verifier::note(std::uint32_t subscriber, std::string_view what) {
    if (!first_.empty()) return;
    first_ = "subscriber " + std::to_string(subscriber) + ", delivery " +
             std::to_string(views_[subscriber].count) + ": " + std::string(what);
}

bool Verifier::check(std::uint32_t subscriber, std::optional<std::uint32_t> named_channel,
                     std::string_view payload, std::uint64_t now) {
    const std::uint32_t channel = channel_of_[subscriber];
    const auto corrupt = [&](std::string_view what) {
        ++findings_.corrupt;
        note(subscriber, what);
        return false;
    };
    if (payload.size() != payload_bytes_) return corrupt("payload of another size");
    const PayloadHeader header = read_header(payload.data(), form_);
    if (header.marker != kMarker) return corrupt("payload without the marker");
    const bool probe = header.publisher == kProbePublisher;
    if (!probe && header.publisher >= routes_) return corrupt("no such publisher");
    if (header.sent_ns > now) return corrupt("time stamp in the future");
    if (!body_intact(payload, header.channel, form_)) return corrupt("payload altered");
    if (header.channel != channel || named_channel.value_or(channel) != channel) {
        ++findings_.misrouted;
        note(subscriber, "delivery of channel " + std::to_string(header.channel));
        return false;
    }
    if (!probe) check_sequence(subscriber, header);
    return true;
}

void Verifier::check_sequence(std::uint32_t subscriber, const PayloadHeader& header) {
    std::uint64_t& expected = expected_[std::size_t{subscriber} * routes_ + header.publisher];
    View& view = views_[subscriber];
    ++findings_.deliveries;
    ++view.count;
    view.order = (view.order ^ (header.sequence * routes_ + header.publisher + 1)) *
                 0x9E37'79B9'7F4A'7C15ULL;
    view.order ^= view.order >> 29U;
    if (header.sequence == expected) {
        ++expected;
        return;
    }
    const std::string seen =
        std::to_string(header.sequence) + " where " + std::to_string(expected) + " was due";
    if (header.sequence > expected) {
        findings_.gaps += header.sequence - expected;
        note(subscriber, "gap: sequence " + seen);
        expected = header.sequence + 1;
    } else {
        ++findings_.out_of_order;
        note(subscriber, "repeated or late: sequence " + seen);
    }
}

void Verifier::compare_orders() {
    if (channel_of_.empty()) return;
    const std::uint32_t channels = *std::max_element(channel_of_.begin(), channel_of_.end()) + 1;
    std::vector<const View*> first(channels, nullptr);
    for (std::uint32_t i = 0; i < views_.size(); ++i) {
        const View*& reference = first[channel_of_[i]];
        if (reference == nullptr) reference = &views_[i];
        if (reference->order == views_[i].order) continue;
        ++findings_.order_differs;
        note(i, "another order than the first subscriber of the channel");
    }
}

void Verifier::finish(const std::vector<std::uint64_t>& published, Report& report) {
    for (std::uint32_t i = 0; i < views_.size(); ++i) {
        for (std::uint32_t route = 0; route < routes_; ++route) {
            const std::uint64_t due = published[std::size_t{channel_of_[i]} * routes_ + route];
            const std::uint64_t got = expected_[std::size_t{i} * routes_ + route];
            if (got >= due) continue;
            findings_.missing += due - got;
            note(i, "ends at sequence " + std::to_string(got) + " of " + std::to_string(due));
        }
    }
    compare_orders();
    report.add("verified", findings_.deliveries);
    report.add("verify_gaps", findings_.gaps);
    report.add("verify_out_of_order", findings_.out_of_order);
    report.add("verify_corrupt", findings_.corrupt);
    report.add("verify_misrouted", findings_.misrouted);
    report.add("verify_order_differs", findings_.order_differs);
    report.add("verify_missing_at_end", findings_.missing);
    if (!first_.empty()) report.fail("verify: " + first_);
}

}  // namespace pulse::load
