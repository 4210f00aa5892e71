// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every Broker keeps to. Call it in a TEST_CASE of its own; each SECTION gets a new cluster.
// Engines may deliver later and act on interest later: tests probe until a node hears, and poll.
#pragma once

#include "support/catch.hpp"
#include "support/eventually.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <pulse/core/broker.hpp>
#include <pulse/core/error.hpp>
#include <pulse/core/publication.hpp>

namespace pulse::contract {

/// Makes the brokers of `nodes` processes that are joined: one handle each, or the same handle for
/// all.
using MakeBrokers = std::function<std::vector<std::shared_ptr<core::Broker>>(std::size_t nodes)>;

/// Publishes and waits for the confirmation.
inline std::error_code publish_and_wait(core::Broker& broker,
                                        const core::PublicationView& publication) {
    std::promise<std::error_code> promise;
    broker.publish_confirmed(publication,
                             [&promise](std::error_code error) { promise.set_value(error); });
    return promise.get_future().get();
}

/// A node that writes down what it hears. **Thread-safe.**
class BrokerNode final : public core::BrokerListener {
  public:
    static constexpr std::string_view kProbe = "\x01probe";

    explicit BrokerNode(std::shared_ptr<core::Broker> broker)
        : broker_(std::move(broker)), attachment_(broker_->attach(*this)) {}
    ~BrokerNode() override { detach(); }

    void detach() { attachment_.reset(); }

    /// Becomes interested and waits until publications arrive. What a broker keeps in order comes
    /// after the probes then, wherever it is published.
    void listen(const std::string& channel) {
        set_interest(channel, true);
        REQUIRE(test::eventually([&] {
            core::PublicationView probe{channel};
            probe.payload = protocol::as_bytes(kProbe);
            std::ignore = publish_and_wait(*broker_, probe);
            return probes(channel) > 0;
        }));
    }
    void set_interest(const std::string& channel, bool is_interested) {
        {
            const std::lock_guard lock(mutex_);
            if (is_interested) {
                interest_.insert(channel);
            } else {
                interest_.erase(channel);
            }
        }
        broker_->interest_changed(channel);
    }
    void publish(std::string_view channel, std::string_view payload) {
        core::PublicationView publication{channel};
        publication.payload = protocol::as_bytes(payload);
        this->publish(publication);
    }
    /// Once more while the broker says that it has too much to do.
    void publish(const core::PublicationView& publication) {
        std::error_code error;
        while ((error = broker_->publish(publication)) == core::Error::broker_overloaded) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        if (error) ++failures_;
    }

    /// Payloads heard in the channel, in order, probes left out.
    [[nodiscard]] std::vector<std::string> heard(std::string_view channel) const {
        std::vector<std::string> out;
        const std::lock_guard lock(mutex_);
        for (const core::Publication& publication : heard_) {
            const std::string_view payload = protocol::as_text(publication.payload);
            if (publication.channel == channel && payload != kProbe) out.emplace_back(payload);
        }
        return out;
    }
    /// Of all that was heard in the channel, probes too.
    [[nodiscard]] std::vector<core::StreamPosition> positions(std::string_view channel) const {
        std::vector<core::StreamPosition> out;
        const std::lock_guard lock(mutex_);
        for (const core::Publication& publication : heard_) {
            if (publication.channel == channel) out.push_back(publication.position);
        }
        return out;
    }
    /// Channels in which it was told of a gap.
    [[nodiscard]] std::vector<std::string> gaps() const {
        const std::lock_guard lock(mutex_);
        return gaps_;
    }
    [[nodiscard]] bool hears(std::string_view channel, std::size_t n) const {
        return test::eventually([&] { return heard(channel).size() >= n; });
    }
    [[nodiscard]] std::size_t probes(std::string_view channel) const {
        std::size_t n = 0;
        const std::lock_guard lock(mutex_);
        for (const core::Publication& publication : heard_) {
            n += publication.channel == channel && protocol::as_text(publication.payload) == kProbe;
        }
        return n;
    }
    [[nodiscard]] core::Publication last() const {
        const std::lock_guard lock(mutex_);
        return heard_.empty() ? core::Publication{} : heard_.back();
    }
    /// Of those that are no probes, which may come late.
    [[nodiscard]] core::Publication last_but_probes() const {
        const std::lock_guard lock(mutex_);
        const auto found = std::find_if(heard_.rbegin(), heard_.rend(), [](const auto& each) {
            return protocol::as_text(each.payload) != kProbe;
        });
        return found == heard_.rend() ? core::Publication{} : *found;
    }
    [[nodiscard]] std::size_t calls() const { return calls_.load(); }
    [[nodiscard]] std::size_t failures() const { return failures_.load(); }
    [[nodiscard]] core::Broker& broker() noexcept { return *broker_; }

  private:
    void on_publication(const core::PublicationView& publication) noexcept override {
        ++calls_;
        const std::lock_guard lock(mutex_);
        heard_.emplace_back(publication);
    }
    void on_gap(std::string_view channel, const core::StreamPosition&) noexcept override {
        const std::lock_guard lock(mutex_);
        gaps_.emplace_back(channel);
    }
    [[nodiscard]] bool has_interest(std::string_view channel) const noexcept override {
        const std::lock_guard lock(mutex_);
        return interest_.contains(channel);
    }

    std::shared_ptr<core::Broker> broker_;
    mutable std::mutex mutex_;
    std::set<std::string, std::less<>> interest_;
    std::vector<core::Publication> heard_;
    std::vector<std::string> gaps_;
    std::atomic<std::size_t> calls_{0};
    std::atomic<std::size_t> failures_{0};
    core::Broker::Attachment attachment_;  ///< last: nothing is heard before the rest is there
};

inline void broker_contract(const MakeBrokers& make) {
    using Payloads = std::vector<std::string>;
    const auto brokers = make(3);
    REQUIRE(brokers.size() == 3);
    BrokerNode ann(brokers[0]);
    BrokerNode bob(brokers[1]);

    SECTION("a healthy broker says so") { CHECK(ann.broker().is_healthy()); }

    SECTION("publishing to nobody is no error") {
        ann.publish("void", "x");
        CHECK(ann.failures() == 0);
    }

    SECTION("every node with interest hears a publication once, the publisher's own included") {
        ann.listen("news");
        bob.listen("news");
        ann.publish("news", "a");
        bob.publish("news", "b");
        for (BrokerNode* node : {&ann, &bob}) {
            CHECK(node->hears("news", 2));
            const Payloads heard = node->heard("news");
            CHECK(std::multiset<std::string>(heard.begin(), heard.end()) ==
                  std::multiset<std::string>{"a", "b"});
        }
    }

    SECTION("a publication arrives with all its parts") {
        ann.listen("news");
        bob.listen("news");
        const std::string bytes("\0\x01\xff text", 8);
        core::PublicationView publication{"news"};
        publication.event = "event";
        publication.payload = protocol::as_bytes(bytes);
        publication.source = core::SessionId{{5, 6}};
        publication.timestamp_ms = 1'767'225'600'123;
        ann.publish(publication);
        REQUIRE(bob.hears("news", 1));
        const core::Publication full = bob.last_but_probes();
        CHECK(full.channel == "news");
        CHECK(full.event == "event");
        CHECK(protocol::as_text(full.payload) == bytes);
        CHECK(full.source == core::SessionId{{5, 6}});
        CHECK(full.timestamp_ms == 1'767'225'600'123);

        ann.publish(core::PublicationView{"news"});
        REQUIRE(bob.hears("news", 2));
        const core::Publication bare = bob.last_but_probes();
        CHECK_FALSE(bare.event.has_value());
        CHECK_FALSE(bare.source.has_value());
        CHECK(bare.payload.empty());
    }

    SECTION("an empty event is not the same as none") {
        bob.listen("news");
        core::PublicationView publication{"news"};
        publication.event = "";
        ann.publish(publication);
        REQUIRE(bob.hears("news", 1));
        CHECK(bob.last_but_probes().event == "");
    }

    SECTION("a large payload arrives whole") {
        bob.listen("news");
        std::string large(1024 * 1024, '\0');
        for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31);
        ann.publish("news", large);
        REQUIRE(bob.hears("news", 1));
        CHECK((bob.heard("news")[0] == large));
    }

    SECTION("channels are apart, whatever bytes their names have") {
        const std::string odd("a\0b: *{}>.\xff", 11);
        bob.listen("a");
        bob.listen(odd);
        ann.publish("a", "1");
        ann.publish(odd, "2");
        ann.publish("ab", "3");
        CHECK(bob.hears("a", 1));
        CHECK(bob.hears(odd, 1));
        CHECK(bob.heard("a") == Payloads{"1"});
        CHECK(bob.heard(odd) == Payloads{"2"});
    }

    SECTION("publications of one caller to one channel arrive in call order") {
        constexpr std::size_t kCount = 500;
        ann.listen("news");
        bob.listen("news");
        Payloads expected;
        for (std::size_t i = 0; i < kCount; ++i) {
            expected.push_back(std::to_string(i));
            ann.publish("news", expected.back());
        }
        for (BrokerNode* node : {&ann, &bob}) {
            CHECK(node->hears("news", kCount));
            CHECK((node->heard("news") == expected));
        }
    }

    SECTION("all nodes see one order per channel, whoever publishes") {
        constexpr std::size_t kEach = 300;
        BrokerNode eve(brokers[2]);
        for (BrokerNode* node : {&ann, &bob, &eve}) node->listen("news");
        std::vector<std::thread> threads;
        for (BrokerNode* node : {&ann, &bob, &eve}) {
            threads.emplace_back([node, name = std::to_string(threads.size())] {
                for (std::size_t i = 0; i < kEach; ++i) {
                    node->publish("news", name + ":" + std::to_string(i));
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        for (BrokerNode* node : {&ann, &bob, &eve}) CHECK(node->hears("news", 3 * kEach));
        const Payloads order = ann.heard("news");
        CHECK(order.size() == 3 * kEach);
        CHECK((bob.heard("news") == order));
        CHECK((eve.heard("news") == order));
    }

    SECTION("interest that comes back is served again") {
        bob.listen("news");
        bob.set_interest("news", false);
        ann.publish("news", "perhaps");
        const std::size_t probes = bob.probes("news");
        bob.set_interest("news", true);
        CHECK(test::eventually([&] {
            ann.publish("news", BrokerNode::kProbe);
            return bob.probes("news") > probes;
        }));
        ann.publish("news", "surely");
        CHECK(test::eventually([&] {
            const Payloads heard = bob.heard("news");
            return !heard.empty() && heard.back() == "surely";
        }));
    }

    SECTION("interest that changes quickly ends in what the node says last") {
        bob.listen("other");
        for (int i = 0; i < 100; ++i) bob.set_interest("news", i % 2 == 0);
        bob.set_interest("news", true);
        CHECK(test::eventually([&] {
            ann.publish("news", BrokerNode::kProbe);
            return bob.probes("news") > 0;
        }));
    }

    SECTION("every publication is confirmed once") {
        constexpr std::size_t kCount = 200;
        ann.listen("news");
        std::atomic<std::size_t> confirmed{0};
        std::atomic<std::size_t> failed{0};
        for (std::size_t i = 0; i < kCount; ++i) {
            core::PublicationView publication{"news"};
            publication.payload = protocol::as_bytes("x");
            ann.broker().publish_confirmed(publication, [&](std::error_code error) {
                if (error) ++failed;
                ++confirmed;
            });
        }
        CHECK(test::eventually([&] { return confirmed >= kCount; }));
        CHECK(ann.hears("news", kCount));
        CHECK(confirmed == kCount);
        CHECK(failed == 0);
    }

    SECTION("who listens hears what is published from then on") {
        for (int round = 0; round < 20; ++round) {
            const std::string channel = "room" + std::to_string(round);
            std::promise<void> listening;
            bob.set_interest(channel, true);
            bob.broker().when_listening(channel, [&listening] { listening.set_value(); });
            listening.get_future().wait();
            ann.publish(channel, "first");
            REQUIRE(bob.hears(channel, 1));
        }
    }

    SECTION("a node that detached is not called any more, not even by a call under way") {
        ann.listen("news");
        std::atomic<bool> is_stopping{false};
        std::thread publisher([&] {
            while (!is_stopping) ann.publish("news", "x");
        });
        for (int i = 0; i < 20; ++i) {
            BrokerNode passing(brokers[2]);
            passing.set_interest("news", true);
            CHECK(test::eventually([&] { return passing.calls() > 0; }));
            passing.detach();
            const std::size_t calls = passing.calls();
            ann.publish("news", "after");
            CHECK(passing.calls() == calls);
        }
        is_stopping = true;
        publisher.join();
        CHECK(ann.failures() == 0);
    }
}

}  // namespace pulse::contract
