// SPDX-License-Identifier: MIT OR Apache-2.0
#include "slot_master.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/redis/topology.hpp>

namespace pulse::redis {

class SlotMaster::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(asio::io_context& io, const Location& location, std::uint16_t slot,
         std::chrono::milliseconds answer_timeout, core::Rng& rng, OnMoved on_moved)
        : slot_(slot),
          answer_timeout_(answer_timeout),
          on_moved_(std::move(on_moved)),
          patience_(io),
          topology_(io, location.hosts, answer_timeout, rng,
                    {[this](const std::vector<SlotRange>& ranges) { on_ranges(ranges); },
                     [this](std::string_view why) { problem_ = why; }}) {}

    void start() { topology_.start(); }
    void close() {
        is_closed_ = true;
        patience_.cancel();
        finders_.clear();
    }

    void find(LinkOptions::Located done) {
        finders_.push_back(std::move(done));
        topology_.refresh();
        if (finders_.size() == 1) wait();
    }

  private:
    void on_ranges(const std::vector<SlotRange>& ranges) {
        if (is_closed_) return;
        // Whoever is told may let go of this.
        const auto self = shared_from_this();
        std::optional<Address> master;
        for (const SlotRange& range : ranges) {
            if (range.first <= slot_ && slot_ <= range.last) master = range.master;
        }
        problem_ = master ? "" : "nobody has slot " + std::to_string(slot_);
        if (!master) return;  // the next answer may be better
        if (found_ && *found_ != *master) {
            found_.reset();  // told once
            on_moved_("slot " + std::to_string(slot_) + " has another master");
            if (is_closed_) return;
        }
        if (finders_.empty()) return;
        found_ = master;
        answer(&*master, {});
    }

    void wait() {
        patience_.expires_after(answer_timeout_);
        patience_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
            const auto self = weak.lock();
            if (error || self == nullptr || self->is_closed_) return;
            const std::string why = self->problem_.empty() ? "no answer" : self->problem_;
            self->answer(nullptr, "nobody tells the slots of the Redis Cluster: " + why);
        });
    }

    void answer(const Address* address, std::string_view why) {
        patience_.cancel();
        for (const auto& done : std::exchange(finders_, {})) {
            if (is_closed_) return;
            done(address, why);
        }
    }

    const std::uint16_t slot_;
    const std::chrono::milliseconds answer_timeout_;
    const OnMoved on_moved_;
    asio::steady_timer patience_;  ///< of whoever asks
    std::vector<LinkOptions::Located> finders_;
    std::optional<Address> found_;  ///< what they were told last
    std::string problem_;
    bool is_closed_ = false;
    Topology topology_;
};

SlotMaster::SlotMaster(asio::io_context& io, const Location& location, std::uint16_t slot,
                       std::chrono::milliseconds answer_timeout, core::Rng& rng, OnMoved on_moved)
    : impl_(std::make_shared<Impl>(io, location, slot, answer_timeout, rng, std::move(on_moved))) {}
SlotMaster::~SlotMaster() { impl_->close(); }
void SlotMaster::start() { impl_->start(); }

std::function<void(LinkOptions::Located)> SlotMaster::finder() const {
    return [weak = std::weak_ptr<Impl>(impl_)](LinkOptions::Located done) {
        if (const auto impl = weak.lock()) impl->find(std::move(done));
    };
}

}  // namespace pulse::redis
