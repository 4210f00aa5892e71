// SPDX-License-Identifier: MIT OR Apache-2.0
#include "downlink_ring.hpp"

#include <algorithm>
#include <charconv>

namespace pulse::roblox {

namespace {

[[nodiscard]] std::size_t size_of(const DownlinkMessage& message) noexcept {
    return sizeof message + message.topic.size() + message.message.size() + message.options.size() +
           message.server.size();
}

}  // namespace

void DownlinkRing::evict(core::MonotonicTime now) {
    while (!messages_.empty() &&
           (messages_.size() > options_.max_messages || bytes_ > options_.max_bytes ||
            messages_.front().at + options_.keep_for <= now)) {
        bytes_ -= size_of(messages_.front());
        messages_.pop_front();
    }
}

std::uint64_t DownlinkRing::add(DownlinkMessage message, core::MonotonicTime now) {
    message.seq = ++last_seq_;
    message.at = now;
    bytes_ += size_of(message);
    messages_.push_back(std::move(message));
    evict(now);
    return last_seq_;
}

DownlinkRing::Page DownlinkRing::read(std::string_view cursor,
                                      const std::function<bool(const DownlinkMessage&)>& wanted,
                                      std::size_t max_messages, std::size_t max_bytes,
                                      core::MonotonicTime now) {
    evict(now);
    bool has_missed = false;
    std::uint64_t after = last_seq_;
    if (!cursor.empty()) {
        const std::size_t colon = cursor.find(':');
        std::uint64_t seq = 0;
        bool is_ours = colon != std::string_view::npos && cursor.substr(0, colon) == epoch_;
        if (is_ours) {
            const std::string_view number = cursor.substr(colon + 1);
            const auto [end, error] =
                std::from_chars(number.data(), number.data() + number.size(), seq);
            is_ours = !number.empty() && error == std::errc{} &&
                      end == number.data() + number.size() && seq <= last_seq_;
        }
        has_missed = !is_ours;
        after = is_ours ? seq : last_seq_ - messages_.size();
    }
    Page page = read_after(after, wanted, max_messages, max_bytes, now);
    page.has_missed = page.has_missed || has_missed;
    return page;
}

DownlinkRing::Page DownlinkRing::read_after(
    std::uint64_t after, const std::function<bool(const DownlinkMessage&)>& wanted,
    std::size_t max_messages, std::size_t max_bytes, core::MonotonicTime now) {
    evict(now);
    // Numbers are without gaps: the ring holds the last size() of them.
    const std::uint64_t gone = last_seq_ - messages_.size();
    Page page;
    page.has_missed = after < gone;
    after = std::max(after, gone);
    std::size_t bytes = 0;
    for (std::uint64_t seq = after + 1; seq <= last_seq_; ++seq) {
        const DownlinkMessage& message = messages_[static_cast<std::size_t>(seq - gone - 1)];
        if (wanted(message)) {
            const std::size_t size = size_of(message);
            // One message at least, or a reader would come again and again for nothing.
            if (page.messages.size() == max_messages ||
                (!page.messages.empty() && bytes + size > max_bytes)) {
                page.has_more = true;
                break;
            }
            bytes += size;
            page.messages.push_back(&message);
        }
        after = seq;
    }
    page.cursor = cursor_at(after);
    return page;
}

}  // namespace pulse::roblox
