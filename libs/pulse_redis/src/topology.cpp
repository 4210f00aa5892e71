// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/redis/slots.hpp>
#include <pulse/redis/topology.hpp>

namespace pulse::redis {

namespace {

constexpr std::chrono::milliseconds kAskEvery{1'000};
constexpr std::chrono::milliseconds kAskAtMostEvery{100};
constexpr std::chrono::milliseconds kTick{50};

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

class Topology::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(asio::io_context& io, std::vector<Address> seeds, std::chrono::milliseconds answer_timeout,
         core::Rng& rng, TopologyEvents events);
    void start();
    void refresh() { is_wanted_ = true; }
    void close() {
        is_closed_ = true;
        timer_.cancel();
        link_.reset();
    }

  private:
    using Time = std::chrono::steady_clock::time_point;

    void tick();
    void ask();
    void on_info(std::string_view info);
    void on_slots(const Reply& reply);
    [[nodiscard]] Address next();

    const std::vector<Address> seeds_;
    std::vector<Address> masters_;  ///< as was told last
    const TopologyEvents events_;
    std::size_t next_ = 0;
    Address asked_;
    /// That all agree on, and goes up with every failover: whoever has an older one was cut off.
    std::uint64_t epoch_ = 0;
    std::uint64_t newest_epoch_ = 0;
    std::size_t refused_ = 0;  ///< answers in a row that were too old
    bool is_down_ = false;     ///< as the one that is asked sees it
    bool is_wanted_ = true;
    bool is_asking_ = false;
    bool is_closed_ = false;
    Time last_asked_{};
    asio::steady_timer timer_;
    std::unique_ptr<Link> link_;  ///< null: closed
};

Topology::Impl::Impl(asio::io_context& io, std::vector<Address> seeds,
                     std::chrono::milliseconds answer_timeout, core::Rng& rng,
                     TopologyEvents events)
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
                       const auto self = shared_from_this();  // whoever is told may close
                       events_.on_problem(to_string(asked_) + ": " + std::string(why));
                   },
                   {}});
}

void Topology::Impl::start() {
    link_->start();
    tick();
}

/// One after the other, beginning with those that were told of last.
Address Topology::Impl::next() {
    const std::size_t i = next_++ % (masters_.size() + seeds_.size());
    return i < masters_.size() ? masters_[i] : seeds_[i - masters_.size()];
}

void Topology::Impl::tick() {
    timer_.expires_after(kTick);
    timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        const auto self = weak.lock();
        if (error || self == nullptr || self->is_closed_) return;
        const auto since = std::chrono::steady_clock::now() - self->last_asked_;
        const bool is_due = since >= kAskEvery || (self->is_wanted_ && since >= kAskAtMostEvery);
        if (is_due && self->link_->is_up() && !self->is_asking_) self->ask();
        self->tick();
    });
}

void Topology::Impl::ask() {
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

void Topology::Impl::on_info(std::string_view info) {
    epoch_ = 0;
    const std::string_view text = info_field(info, "cluster_current_epoch");
    (void)std::from_chars(text.data(), text.data() + text.size(), epoch_);
    const bool was_down = std::exchange(is_down_, info_field(info, "cluster_state") != "ok");
    // Perhaps it is the one that was cut off.
    if (is_down_ && was_down) link_->restart("the cluster is down, as this one sees it");
}

void Topology::Impl::on_slots(const Reply& reply) {
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
    const auto self = shared_from_this();  // whoever is told may close
    events_.on_ranges(ranges);
}

Topology::Topology(asio::io_context& io, std::vector<Address> seeds,
                   std::chrono::milliseconds answer_timeout, core::Rng& rng, TopologyEvents events)
    : impl_(std::make_shared<Impl>(io, std::move(seeds), answer_timeout, rng, std::move(events))) {}
Topology::~Topology() { impl_->close(); }
void Topology::start() { impl_->start(); }
void Topology::refresh() { impl_->refresh(); }

}  // namespace pulse::redis
