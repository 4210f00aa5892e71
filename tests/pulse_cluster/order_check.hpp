// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Compares what a node is given with what was published, while something breaks.
#pragma once

#include "support/catch.hpp"
#include "support/eventually.hpp"

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <pulse/core/broker.hpp>

namespace pulse::test {

/// Publishes numbers to its channels in turn, each when the one before it is answered.
class SteadyPublisher {
  public:
    SteadyPublisher(std::shared_ptr<core::Broker> broker, std::vector<std::string> channels)
        : broker_(std::move(broker)), channels_(std::move(channels)), thread_([this] { run(); }) {}
    ~SteadyPublisher() { stop(); }

    void stop() {
        is_stopping_ = true;
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] std::uint64_t acknowledged() const noexcept { return acknowledged_; }
    [[nodiscard]] std::uint64_t failed() const noexcept { return failed_; }
    /// When it has stopped: the newest acknowledged number of each channel.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& last() const noexcept {
        return last_;
    }

  private:
    void run() {
        while (!is_stopping_) {
            ++next_;
            for (const std::string& channel : channels_) {
                const std::string text = std::to_string(next_);
                core::PublicationView publication{channel};
                publication.payload = protocol::as_bytes(text);
                std::promise<std::error_code> answer;
                broker_->publish_confirmed(
                    publication, [&answer](std::error_code error) { answer.set_value(error); });
                if (answer.get_future().get()) {
                    ++failed_;
                } else {
                    last_[channel] = next_;
                    ++acknowledged_;
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    const std::shared_ptr<core::Broker> broker_;
    const std::vector<std::string> channels_;
    std::atomic<bool> is_stopping_{false};
    std::atomic<std::uint64_t> acknowledged_{0};
    std::atomic<std::uint64_t> failed_{0};
    std::uint64_t next_ = 0;
    std::map<std::string, std::uint64_t> last_;
    std::thread thread_;
};

/// A node that is given what SteadyPublishers, one per channel, publish, and finds what is wrong:
/// a number that is not larger than the one before it; on channels with positions, an offset that
/// is not the next, or another epoch, without a gap that was told. Publications without a number
/// are of others, and only their positions count.
class OrderedNode final : public core::BrokerListener {
  public:
    OrderedNode(std::shared_ptr<core::Broker> broker, std::vector<std::string> channels)
        : broker_(std::move(broker)),
          interest_(channels.begin(), channels.end()),
          attachment_(broker_->attach(*this)) {
        for (const std::string& channel : channels) {
            broker_->interest_changed(channel);
            std::promise<void> listening;
            broker_->when_listening(channel, [&listening] { listening.set_value(); });
            listening.get_future().wait();
        }
    }
    ~OrderedNode() override { attachment_.reset(); }

    [[nodiscard]] std::vector<std::string> problems() const {
        const std::lock_guard lock(mutex_);
        return problems_;
    }
    [[nodiscard]] std::size_t gaps(const std::string& channel) const {
        const std::lock_guard lock(mutex_);
        const auto found = channels_.find(channel);
        return found == channels_.end() ? 0 : found->second.gaps;
    }
    [[nodiscard]] std::size_t epochs(const std::string& channel) const {
        const std::lock_guard lock(mutex_);
        const auto found = channels_.find(channel);
        return found == channels_.end() ? 0 : found->second.epochs.size();
    }
    [[nodiscard]] std::uint64_t newest(const std::string& channel) const {
        const std::lock_guard lock(mutex_);
        const auto found = channels_.find(channel);
        return found == channels_.end() ? 0 : found->second.number;
    }
    [[nodiscard]] bool has_last_of(const SteadyPublisher& publisher) const {
        for (const auto& [channel, number] : publisher.last()) {
            if (interest_.contains(channel) && newest(channel) < number) return false;
        }
        return true;
    }
    /// Numbers that were given, in the channel.
    [[nodiscard]] std::set<std::uint64_t> numbers(const std::string& channel) const {
        const std::lock_guard lock(mutex_);
        const auto found = channels_.find(channel);
        return found == channels_.end() ? std::set<std::uint64_t>{} : found->second.numbers;
    }

  private:
    struct Channel {
        core::StreamPosition at;
        std::uint64_t number = 0;
        std::size_t gaps = 0;
        bool is_behind_gap = true;
        std::set<std::uint64_t> epochs;
        std::set<std::uint64_t> numbers;
    };

    void on_publication(const core::PublicationView& publication) noexcept override {
        const std::lock_guard lock(mutex_);
        const std::string name(publication.channel);
        Channel& channel = channels_[name];
        const core::StreamPosition& at = publication.position;
        const std::string text(protocol::as_text(publication.payload));
        const std::string what = name + ": " + text + " at " + std::to_string(at.offset);
        if (at.epoch != 0) {
            const bool is_next = at.epoch == channel.at.epoch && at.offset == channel.at.offset + 1;
            if (!is_next && !channel.is_behind_gap) problems_.push_back(what + ": not the next");
            if (at.epoch == channel.at.epoch && at.offset <= channel.at.offset) {
                problems_.push_back(what + ": given before");
            }
            channel.epochs.insert(at.epoch);
            channel.at = at;
            channel.is_behind_gap = false;
        }
        if (text.empty()) return;
        const std::uint64_t number = std::stoull(text);
        if (number <= channel.number) problems_.push_back(what + ": out of order, or twice");
        channel.number = number;
        channel.numbers.insert(number);
    }
    void on_gap(std::string_view name, const core::StreamPosition& now) noexcept override {
        const std::lock_guard lock(mutex_);
        Channel& channel = channels_[std::string(name)];
        ++channel.gaps;
        channel.is_behind_gap = true;
        if (now.epoch != 0) channel.at = now;
    }
    [[nodiscard]] bool has_interest(std::string_view channel) const noexcept override {
        return interest_.contains(channel);
    }

    std::shared_ptr<core::Broker> broker_;
    const std::set<std::string, std::less<>> interest_;
    mutable std::mutex mutex_;
    std::map<std::string, Channel> channels_;
    std::vector<std::string> problems_;
    core::Broker::Attachment attachment_;
};

}  // namespace pulse::test
