// SPDX-License-Identifier: MIT OR Apache-2.0
#include "backend_broker.hpp"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include <pulse/core/error.hpp>

namespace pulse::cluster {

namespace {

/// What an envelope has beside its records, at most.
constexpr std::size_t kMaxHeadBytes = 128;
/// What a first subscriber of a channel waits at most for other nodes to tell their members.
constexpr std::chrono::milliseconds kPresencePatience{1'000};
/// Words between nodes wait while more than that is not sent yet.
constexpr std::size_t kMaxUnsaidBytes = std::size_t{4} * 1024 * 1024;
/// Between two looks at who is late.
constexpr std::chrono::milliseconds kLongestBeat{250};

}  // namespace

void Listeners::add(core::BrokerListener* listener) {
    const std::unique_lock lock(mutex_);
    listeners_.push_back(listener);
}

void Listeners::remove(core::BrokerListener* listener) {
    const std::unique_lock lock(mutex_);
    // One entry: a listener that is attached twice has two attachments to end.
    const auto found = std::find(listeners_.begin(), listeners_.end(), listener);
    if (found != listeners_.end()) listeners_.erase(found);
}

bool Listeners::has_interest(std::string_view channel) const {
    const std::shared_lock lock(mutex_);
    return std::any_of(listeners_.begin(), listeners_.end(),
                       [channel](const auto* each) { return each->has_interest(channel); });
}

BackendBroker::BackendBroker(std::unique_ptr<Backend> backend, BrokerOptions options,
                             const BrokerServices& services, const NodeId& node)
    : io_(services.io),
      log_(services.log),
      options_(std::move(options)),
      node_(node),
      backend_(std::move(backend)),
      mail_(*this, node),
      keeps_history_(backend_->keeps_history() && options_.history != nullptr),
      queue_timer_(services.io),
      retry_timer_(services.io),
      beat_timer_(services.io) {
    if (services.clock != nullptr) {
        presence_ = std::make_unique<SharedPresence>(
            *services.clock, node_,
            PresenceTimes{options_.node_timeout / 3, options_.node_timeout,
                          std::min(options_.answer_timeout, kPresencePatience)},
            presence_port(), services.budget);
    }
}

BackendBroker::~BackendBroker() = default;

void BackendBroker::start() {
    post([](BackendBroker& self) {
        BackendBroker* const broker = &self;  // the backend's owner: it calls nothing later
        self.backend_->start({[broker](bool can_send, bool can_hear, std::string_view why) {
                                  broker->on_state(can_send, can_hear, why);
                              },
                              [broker](std::string_view channel) { broker->on_listening(channel); },
                              [broker](std::string_view channel, std::string_view bytes) {
                                  broker->on_message(channel, bytes);
                              },
                              [broker](std::string_view bytes) { broker->on_announced(bytes); },
                              [broker](std::string_view bytes) { broker->on_told(bytes); },
                              [broker](std::string_view channel) { broker->on_deaf(channel); },
                              [broker](std::string_view channel) { broker->on_missed(channel); }});
        self.beat();
    });
}

void BackendBroker::close() {
    is_closed_ = true;
    can_send_ = false;
    counters_.is_up = false;
    // Not by post(), which leaves closed ones alone.
    asio::post(io_, [self = shared_from_this()] {
        if (self->presence_ && self->was_sending_) self->presence_->say_bye();
        self->backend_->close();
        self->queue_timer_.cancel();
        self->retry_timer_.cancel();
        self->beat_timer_.cancel();
        // Destroyed unanswered; what they hold may call back.
        const auto queue = std::exchange(self->queue_, {});
        const auto aside = std::exchange(self->aside_, {});
        const auto in_flight = std::exchange(self->in_flight_, {});
        const auto channels = std::exchange(self->channels_, {});
    });
}

void BackendBroker::detach(core::BrokerListener& listener) {
    listeners_.remove(&listener);
    if (is_closed_) return;
    post([](BackendBroker& self) {
        std::vector<std::string> names;
        for (const auto& each : self.channels_) names.push_back(each.first);
        for (const std::string& name : names) self.refresh(name);
    });
}

core::HistoryPolicy BackendBroker::policy_of(std::string_view channel) const {
    return keeps_history_ ? options_.history(channel) : core::HistoryPolicy{};
}

void BackendBroker::tell_whether_up(bool can_send, bool can_hear, std::string_view why) {
    const bool was_up = counters_.is_up;
    const bool is_up = can_send && can_hear && backend_->is_whole();
    if (!is_up) {
        const std::lock_guard lock(mutex_);
        why_down_ = why;
        if (!can_hear) listening_.clear();
    }
    counters_.is_up = is_up;
    if (is_up && !was_up) {
        counters_.connects.fetch_add(1);
        log_.write(core::LogLevel::info, "broker_up");
        logged_why_.clear();
    } else if (!is_up && (was_up || (!can_send && !can_hear && logged_why_ != why))) {
        // Also of what keeps it from coming up, once for each reason.
        log_.write(core::LogLevel::warn, "broker_down", {{"reason", why}});
        logged_why_ = why;
    }
}

void BackendBroker::on_state(bool can_send, bool can_hear, std::string_view why) {
    const bool is_connected = can_send && can_hear;
    const bool is_back = is_connected && !was_connected_;
    was_connected_ = is_connected;
    tell_whether_up(can_send, can_hear, why);
    was_sending_ = can_send;
    const std::size_t largest = backend_->max_bytes();
    backend_limit_ = largest == 0 ? 0 : largest - std::min(largest, kMaxHeadBytes);
    can_send_ = can_send;
    if (can_hear_ && !can_hear) {
        for (auto& [name, channel] : channels_) {
            channel.is_listening = false;
            // There is nothing to wait for; the gap will be told.
            call_waiting(channel);
        }
    }
    if (can_hear && !std::exchange(can_hear_, can_hear)) {
        for (auto& [name, channel] : channels_) {
            // Who waits for it has been answered; members are asked for with all others.
            if (backend_->is_listening(name)) set_listening(name, channel, true);
        }
        catch_up_with_all();
    }
    can_hear_ = can_hear;
    if (!is_connected) {
        for (auto& [name, channel] : channels_) give_up_after(channel);
    }
    if (presence_ && is_back) {
        std::vector<std::string> names;
        for (const auto& each : channels_) names.push_back(each.first);
        presence_->on_back(names, Clock::now());
    }
    if (can_send) {
        if (delivered_alone_.exchange(false)) {
            backend_->announce(node_message(NodeMessageKind::gap, node_));
        }
        read_next();
        take_back();
        pump();
        watch_queue();
    } else {
        if (options_.while_down != WhileDown::queue) fail_queue(Clock::time_point::max());
        watch_queue();
    }
}

void BackendBroker::on_announced(std::string_view bytes) {
    const auto message = read_node_message(bytes);
    if (!message) {
        counters_.malformed.fetch_add(1);
        return;
    }
    if (message->kind == NodeMessageKind::gap) {
        for (auto& [name, channel] : channels_) {
            if (!policy_of(name).is_kept()) tell_gap(name, channel, {});
        }
    } else if (presence_) {
        presence_->on_announced(*message, Clock::now());
    }
}

void BackendBroker::on_told(std::string_view bytes) {
    if (bytes.starts_with(kMail)) {
        if (mail_.on_told_) mail_.on_told_(bytes.substr(kMail.size()));
    } else if (presence_) {
        presence_->on_told(bytes, Clock::now());
    }
}

PresencePort BackendBroker::presence_port() {
    PresencePort port;
    port.wake = [this] {
        if (is_closed_) return;
        post([](BackendBroker& self) { self.presence_->flush(self.can_send_); });
    };
    port.say = [this](const std::string& channel, const std::string& bytes,
                      std::function<void(std::size_t)> done) {
        backend_->say(channel, bytes, std::move(done));
    };
    port.tell = [this](const NodeId& node, const std::string& bytes) {
        backend_->tell(node, bytes);
    };
    port.tell_about = [this](const std::string& channel, const NodeId& node,
                             const std::string& bytes) {
        backend_->tell_about(channel, node, bytes);
    };
    port.announce = [this](const std::string& bytes) { backend_->announce(bytes); };
    port.emit = [this](const core::PresenceEvent& event) {
        listeners_.for_each([&](core::BrokerListener& each) { each.on_presence(event); });
    };
    port.is_congested = [this] { return backend_->unsent_bytes() > kMaxUnsaidBytes; };
    return port;
}

void BackendBroker::beat() {
    if (presence_ == nullptr) return;
    presence_->tick(Clock::now(), can_send_, can_hear_);
    beat_timer_.expires_after(std::min(options_.node_timeout / 12, kLongestBeat));
    beat_timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        const auto self = weak.lock();
        if (!error && self != nullptr && !self->is_closed_) self->beat();
    });
}

BrokerStats BackendBroker::stats() const {
    BrokerStats stats;
    stats.is_up = counters_.is_up;
    stats.published_total = counters_.published;
    stats.failed_total = counters_.failed;
    stats.refused_total = counters_.refused;
    stats.commands_total = counters_.commands;
    stats.received_total = counters_.received;
    stats.malformed_total = counters_.malformed;
    stats.recovered_total = counters_.recovered;
    stats.gaps_total = counters_.gaps;
    stats.connects_total = counters_.connects;
    if (presence_) stats.members_refused_total = presence_->refused();
    stats.waiting = counters_.waiting;
    stats.waiting_bytes = counters_.waiting_bytes;
    stats.channels = counters_.channels;
    return stats;
}

std::string BackendBroker::obstacle() const {
    if (counters_.is_up) return {};
    const std::lock_guard lock(mutex_);
    return "broker: " + why_down_;
}

// ----------------------------------------------------------------------- mail

BackendBroker::Mail::Mail(BackendBroker& broker, const NodeId& node)
    : broker_(broker), node_(node_name(node)) {}

void BackendBroker::Mail::listen(OnTold on_told) {
    broker_.post([on_told = std::move(on_told)](BackendBroker& broker) mutable {
        broker.mail_.on_told_ = std::move(on_told);
    });
}

bool BackendBroker::Mail::tell(const std::string& node, const std::string& bytes) {
    constexpr std::size_t kDigits = 16;
    if (broker_.is_closed_ || !broker_.can_send_ || node.size() != 2 * kDigits) return false;
    // By that part of the server alone that a channel of this name has: once, and in order.
    if (!broker_.backend_->can_send_to(node)) return false;
    const std::string_view name = node;
    const NodeId to{parse_epoch(name.substr(0, kDigits)), parse_epoch(name.substr(kDigits))};
    std::string message(kMail);
    message += bytes;
    broker_.backend_->tell_about(node, to, message);
    return true;
}

std::size_t BackendBroker::Mail::unsent_bytes() const noexcept {
    return broker_.backend_->unsent_bytes();
}

std::size_t BackendBroker::Mail::max_bytes() const noexcept {
    const std::size_t most = broker_.backend_->max_bytes();
    return most == 0 ? 0 : most - std::min(most - 1, kMail.size());
}

// --------------------------------------------------------------------- handle

namespace {

class Handle final : public ClusterBroker, private core::HistoryReader {
  public:
    explicit Handle(std::shared_ptr<BackendBroker> broker) : broker_(std::move(broker)) {}
    ~Handle() override { broker_->close(); }

    [[nodiscard]] Attachment attach(core::BrokerListener& listener) override {
        broker_->attach(listener);
        return Attachment(&listener, [broker = broker_](void* attached) {
            broker->detach(*static_cast<core::BrokerListener*>(attached));
        });
    }
    [[nodiscard]] std::error_code publish(const core::PublicationView& publication) override {
        return broker_->publish(publication, nullptr);
    }
    void publish_confirmed(const core::PublicationView& publication, Published done) override {
        if (const std::error_code error = broker_->publish(publication, &done)) done(error);
    }
    void interest_changed(std::string_view channel) override { broker_->interest_changed(channel); }
    void when_listening(std::string_view channel, std::function<void()> done) override {
        broker_->when_listening(channel, std::move(done));
    }
    [[nodiscard]] core::HistoryReader* history() noexcept override {
        return broker_->keeps_history() ? this : nullptr;
    }
    [[nodiscard]] bool is_healthy() const noexcept override { return broker_->is_healthy(); }
    [[nodiscard]] core::PresenceStore* presence() noexcept override { return broker_->presence(); }
    [[nodiscard]] MailCarrier& mail() noexcept override { return broker_->mail(); }
    [[nodiscard]] BrokerStats stats() const override { return broker_->stats(); }
    [[nodiscard]] std::string obstacle() const override { return broker_->obstacle(); }

  private:
    void read(std::string_view channel, const core::StreamPosition* since, std::size_t limit,
              Done done) override {
        broker_->read(channel, since, limit, std::move(done));
    }

    const std::shared_ptr<BackendBroker> broker_;
};

}  // namespace

std::shared_ptr<ClusterBroker> make_backend_broker(std::unique_ptr<Backend> backend,
                                                   BrokerOptions options,
                                                   const BrokerServices& services,
                                                   const NodeId& node) {
    auto broker =
        std::make_shared<BackendBroker>(std::move(backend), std::move(options), services, node);
    broker->start();
    return std::make_shared<Handle>(std::move(broker));
}

std::string node_name(const NodeId& node) { return epoch_text(node[0]) + epoch_text(node[1]); }

NodeId draw_node_id(core::Rng& rng) { return {rng.next_u64(), rng.next_u64()}; }

}  // namespace pulse::cluster
