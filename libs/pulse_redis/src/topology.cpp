// SPDX-License-Identifier: MIT OR Apache-2.0

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include <asio/io_context.hpp>

#include <pulse/redis/slots.hpp>
#include <pulse/redis/topology.hpp>

namespace pulse::redis {

namespace {

constexpr std::chrono::milliseconds kAskEvery{1'000};
constexpr std::chrono::milliseconds kAskAtMostEvery{100};
constexpr std::chrono::milliseconds kTick{50};

[[nodiscard]] std::string_view field(std::string_view info, std::string_view name) noexcept {
    const std::size_t at = info.find(name);
    if (at == std::string_view::npos) return {};
    const std::string_view value = info.substr(at + name.size());
    return value.substr(0, value.find('\r'));
}

}  // namespace

std::vector<SlotRange> read_slots(const Reply& reply, const Address& asked) {
    std::vector<SlotRange> ranges;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        const Reply row = reply[i];
        if (row.size() < 3 || row[2].size() < 2) return {};
        const std::int64_t first = row[0].integer();
        const std::int64_t last = row[1].integer();
        const std::int64_t port = row[2][1].integer();
        const bool makes_sense = first >= 0 && first <= last &&
                                 last < static_cast<std::int64_t>(kSlots) && port > 0 &&
                                 port <= 65535;
        if (!makes_sense) return {};
        SlotRange range{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last), asked};
        const std::string_view host = row[2][0].text();
        if (!host.empty() && host != "?") range.master.host = host;
        range.master.port = static_cast<std::uint16_t>(port);
        ranges.push_back(std::move(range));
    }
    return ranges;
}

Topology::Topology(asio::io_context& io, std::vector<Address> seeds,
                   std::chrono::milliseconds answer_timeout, core::Rng& rng, TopologyEvents events)
    : seeds_(std::move(seeds)), events_(std::move(events)), timer_(io) {
    LinkOptions options;
    options.answer_timeout = answer_timeout;
    options.last_retry = kAskEvery;
    options.locate = [this](const LinkOptions::Located& done) {
        asked_ = next();
        done(&asked_, {});
    };
    link_ = std::make_unique<Link>(
        io, std::move(options), rng,
        LinkEvents{[this] {
                       is_asking_ = false;
                       is_down_ = false;
                       ask();
                   },
                   [this](bool, std::string_view why) {
                       events_.on_problem(to_string(asked_) + ": " + std::string(why));
                   },
                   {}});
}

void Topology::start() {
    link_->start();
    tick();
}

/// One after the other, beginning with those that were told of last.
Address Topology::next() {
    const std::size_t i = next_++ % (masters_.size() + seeds_.size());
    return i < masters_.size() ? masters_[i] : seeds_[i - masters_.size()];
}

void Topology::tick() {
    timer_.expires_after(kTick);
    timer_.async_wait([this, alive = alive_](const asio::error_code& error) {
        if (error || !*alive) return;
        const auto since = std::chrono::steady_clock::now() - last_asked_;
        const bool is_due = since >= kAskEvery || (is_wanted_ && since >= kAskAtMostEvery);
        if (is_due && link_->is_up() && !is_asking_) ask();
        tick();
    });
}

void Topology::ask() {
    is_wanted_ = false;
    is_asking_ = true;
    last_asked_ = std::chrono::steady_clock::now();
    link_->send({"CLUSTER", "INFO"}, [this](const Reply* reply) {
        if (reply == nullptr) return;
        if (reply->is_error()) return link_->restart(reply->text());
        on_info(reply->text());
    });
    link_->send({"CLUSTER", "SLOTS"}, [this](const Reply* reply) {
        if (reply == nullptr) return;
        is_asking_ = false;
        if (reply->is_error()) return link_->restart(reply->text());
        on_slots(*reply);
    });
}

void Topology::on_info(std::string_view info) {
    epoch_ = 0;
    const std::string_view text = field(info, "cluster_current_epoch:");
    (void)std::from_chars(text.data(), text.data() + text.size(), epoch_);
    const bool was_down = std::exchange(is_down_, field(info, "cluster_state:") != "ok");
    // Perhaps it is the one that was cut off.
    if (is_down_ && was_down) link_->restart("the cluster is down, as this one sees it");
}

void Topology::on_slots(const Reply& reply) {
    const auto ranges = read_slots(reply, asked_);
    if (ranges.empty()) return link_->restart("no slots");
    // Not for ever: it may be a new cluster at the same addresses.
    const bool is_old = epoch_ < newest_epoch_;
    if (is_old && ++refused_ < 2 * (masters_.size() + seeds_.size())) {
        return link_->restart("was cut off from the others");
    }
    refused_ = 0;
    newest_epoch_ = epoch_;
    std::vector<Address> masters;
    for (const SlotRange& range : ranges) {
        if (std::find(masters.begin(), masters.end(), range.master) == masters.end()) {
            masters.push_back(range.master);
        }
    }
    masters_ = std::move(masters);
    events_.on_ranges(ranges);
}

}  // namespace pulse::redis
