// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nodes of one process, each with two lanes that the test turns and a loop of its own, joined by a
// network and an ownership that do what the test wants.
#pragma once

#include "cluster_fixture.hpp"
#include "pulse_rooms/support/room_fixture.hpp"
#include "support/lane_hosts.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/post.hpp>

#include <pulse/cluster/relay.hpp>
#include <pulse/core/clock.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/ownership.hpp>

namespace pulse::test {

class TestCarrier;

/// Carries at once and in order, or loses what it is told to. **Thread-safe.**
class TestNet {
  public:
    void add(TestCarrier& carrier);
    void remove(TestCarrier& carrier);
    bool tell(const std::string& from, const std::string& to, const std::string& bytes);

    /// The next so many pieces to that node are lost.
    void lose(const std::string& to, std::size_t n) {
        const std::lock_guard lock(mutex_);
        losses_[to] = n;
    }
    /// Nothing goes to or from it any more, and nobody is told.
    void cut(const std::string& node) {
        const std::lock_guard lock(mutex_);
        cut_.insert(node);
    }
    /// What is for it waits until then.
    void hold(const std::string& node) {
        const std::lock_guard lock(mutex_);
        held_[node];
    }
    void let_go(const std::string& node);
    /// It can send nothing, and is told so.
    void set_down(const std::string& node, bool is_down) {
        const std::lock_guard lock(mutex_);
        if (is_down) {
            down_.insert(node);
        } else {
            down_.erase(node);
        }
    }
    [[nodiscard]] std::size_t held(const std::string& node) {
        const std::lock_guard lock(mutex_);
        return held_.contains(node) ? held_[node].size() : 0;
    }

  private:
    void deliver(const std::string& to, const std::string& bytes);

    std::mutex mutex_;
    std::map<std::string, TestCarrier*> nodes_;
    std::map<std::string, std::size_t> losses_;
    std::map<std::string, std::deque<std::string>> held_;
    std::set<std::string> cut_;
    std::set<std::string> down_;
};

class TestCarrier final : public cluster::MailCarrier {
  public:
    TestCarrier(TestNet& net, std::string node, asio::io_context& io)
        : net_(net), node_(std::move(node)), io_(io) {
        net_.add(*this);
    }
    ~TestCarrier() override { net_.remove(*this); }

    [[nodiscard]] const std::string& node() const noexcept override { return node_; }
    void listen(OnTold on_told) override {
        asio::post(io_, [to = on_told_, on_told = std::move(on_told)] { *to = on_told; });
    }
    [[nodiscard]] bool tell(const std::string& node, const std::string& bytes) override {
        return net_.tell(node_, node, bytes);
    }
    [[nodiscard]] std::size_t unsent_bytes() const noexcept override { return 0; }
    [[nodiscard]] std::size_t max_bytes() const noexcept override { return max_bytes_; }
    void set_max_bytes(std::size_t bytes) noexcept { max_bytes_ = bytes; }

    void arrive(std::string bytes) {
        asio::post(io_, [to = on_told_, bytes = std::move(bytes)] {
            if (*to) (*to)(bytes);
        });
    }

  private:
    TestNet& net_;
    const std::string node_;
    asio::io_context& io_;
    std::shared_ptr<OnTold> on_told_ = std::make_shared<OnTold>();  ///< its loop's
    std::atomic<std::size_t> max_bytes_{0};
};

inline void TestNet::add(TestCarrier& carrier) {
    const std::lock_guard lock(mutex_);
    nodes_[carrier.node()] = &carrier;
}
inline void TestNet::remove(TestCarrier& carrier) {
    const std::lock_guard lock(mutex_);
    nodes_.erase(carrier.node());
}
inline void TestNet::deliver(const std::string& to, const std::string& bytes) {
    const auto found = nodes_.find(to);
    if (found != nodes_.end()) found->second->arrive(bytes);
}
inline bool TestNet::tell(const std::string& from, const std::string& to,
                          const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    if (down_.contains(from)) return false;
    if (cut_.contains(from) || cut_.contains(to)) return true;
    if (const auto lost = losses_.find(to); lost != losses_.end() && lost->second != 0) {
        --lost->second;
        return true;
    }
    if (const auto held = held_.find(to); held != held_.end()) {
        held->second.push_back(bytes);
        return true;
    }
    deliver(to, bytes);
    return true;
}
inline void TestNet::let_go(const std::string& node) {
    const std::lock_guard lock(mutex_);
    const auto held = held_.find(node);
    if (held == held_.end()) return;
    for (const std::string& bytes : held->second) deliver(node, bytes);
    held_.erase(held);
}

/// Who has what, of all nodes: the first who wants it, until it gives it back or the test says
/// otherwise. **Thread-safe.**
class TestOwners : public std::enable_shared_from_this<TestOwners> {
  public:
    /// A node's view of it.
    [[nodiscard]] std::unique_ptr<core::Ownership> node(std::string name);

    /// The key is that node's now, which has claimed it.
    void move(const std::string& key, const std::string& to) {
        const std::lock_guard lock(mutex_);
        give(keys_[key], to);
    }
    /// As when a node is dead: it is told nothing, and others get what it has.
    void bury(const std::string& node) {
        const std::lock_guard lock(mutex_);
        for (auto& [name, key] : keys_) {
            std::erase_if(key.candidates, [&](const auto& each) { return each->node == node; });
            if (key.owner == node) give_to_next(key);
        }
    }
    /// That node does not know whose the key is, until it is shown.
    void hide(const std::string& key, const std::string& node) {
        const std::lock_guard lock(mutex_);
        for (const auto& each : keys_[key].candidates) {
            if (each->node == node) each->changed({});
        }
    }
    void show(const std::string& key, const std::string& node) {
        const std::lock_guard lock(mutex_);
        for (const auto& each : keys_[key].candidates) {
            if (each->node == node) tell(keys_[key], *each);
        }
    }
    /// While it is so, nobody gets anything.
    void set_frozen(bool is_frozen) {
        const std::lock_guard lock(mutex_);
        is_frozen_ = is_frozen;
        if (is_frozen) return;
        for (auto& [name, key] : keys_) {
            if (key.owner.empty()) give_to_next(key);
        }
    }
    [[nodiscard]] std::string owner_of(const std::string& key) {
        const std::lock_guard lock(mutex_);
        return keys_[key].owner;
    }

  private:
    struct Candidate {
        std::string node;
        core::Ownership::Changed changed;
    };
    struct Key {
        std::string owner;
        std::uint64_t term = 0;
        std::vector<std::shared_ptr<Candidate>> candidates;
    };
    class Node;

    void give(Key& key, const std::string& to) {
        key.owner = to;
        if (!to.empty()) ++key.term;
        for (const auto& each : key.candidates) tell(key, *each);
    }
    void give_to_next(Key& key) {
        const bool is_nobodys = is_frozen_ || key.candidates.empty();
        give(key, is_nobodys ? std::string() : key.candidates.front()->node);
    }
    static void tell(const Key& key, const Candidate& to) {
        to.changed({key.owner, key.owner == to.node, key.owner.empty() ? 0 : key.term});
    }
    core::Ownership::Claim claim(const std::string& node, const std::string& name,
                                 core::Ownership::Changed changed) {
        const std::lock_guard lock(mutex_);
        Key& key = keys_[name];
        auto candidate = std::make_shared<Candidate>(Candidate{node, std::move(changed)});
        key.candidates.push_back(candidate);
        if (key.owner.empty()) {
            give_to_next(key);
        } else {
            tell(key, *candidate);
        }
        return {candidate.get(), [self = shared_from_this(), name, candidate](void*) {
                    const std::lock_guard again(self->mutex_);
                    Key& of = self->keys_[name];
                    std::erase(of.candidates, candidate);
                    const bool is_last = std::none_of(
                        of.candidates.begin(), of.candidates.end(),
                        [&](const auto& each) { return each->node == candidate->node; });
                    if (is_last && of.owner == candidate->node) self->give_to_next(of);
                }};
    }

    std::mutex mutex_;
    std::map<std::string, Key> keys_;
    bool is_frozen_ = false;
};

class TestOwners::Node final : public core::Ownership {
  public:
    Node(std::shared_ptr<TestOwners> owners, std::string name)
        : owners_(std::move(owners)), name_(std::move(name)) {}
    [[nodiscard]] Claim claim(std::string key, Changed changed) override {
        return owners_->claim(name_, key, std::move(changed));
    }
    [[nodiscard]] const std::string& node() const noexcept override { return name_; }

  private:
    const std::shared_ptr<TestOwners> owners_;
    const std::string name_;
};

inline std::unique_ptr<core::Ownership> TestOwners::node(std::string name) {
    return std::make_unique<Node>(shared_from_this(), std::move(name));
}

/// A node without a dialect yet. The test's thread is its lanes' loop.
struct RelayNode {
    RelayNode(TestNet& net, TestOwners& owners, const std::string& name_,
              cluster::RelayOptions options)
        : name(name_), ownership(owners.node(name_)), carrier(net, name_, loop.io()) {
        hub.add_lane(hosts[0]);
        hub.add_lane(hosts[1]);
        options.framing = &line_framing();
        relay = std::make_unique<cluster::Relay>(
            options, cluster::RelayServices{loop.io(), hub, *ownership, carrier});
    }
    ~RelayNode() {
        dialect.reset();
        relay.reset();
        loop.stop();
    }
    void turn() {
        for (const auto& lane : hub.lanes()) {
            lane->begin_turn();
            lane->flush();
        }
    }

    const std::string name;
    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    core::MemoryBudget budget{0};
    FakeHost hosts[2];
    core::Hub hub{{}, {clock, rng, log, &budget, nullptr, nullptr, nullptr}};
    IoThread loop;
    std::unique_ptr<core::Ownership> ownership;
    TestCarrier carrier;
    std::unique_ptr<cluster::Relay> relay;
    std::unique_ptr<core::Dialect> dialect;
};

/// Short times, so that tests about them do not last.
inline cluster::RelayOptions quick_options() {
    cluster::RelayOptions options;
    options.patience = std::chrono::milliseconds{1'500};
    options.node_timeout = std::chrono::milliseconds{600};
    options.linger = std::chrono::milliseconds{50};
    return options;
}

/// An HTTP client that waits for one answer.
class TestAsker final : public core::HttpConnection {
  public:
    explicit TestAsker(core::Lane& lane) : HttpConnection(lane, core::no_framing()) {}
    [[nodiscard]] core::HttpResponder responder() { return {handle(), 1}; }

    void complete_response(std::uint32_t, core::HttpResponse response) override {
        answer = std::move(response);
    }
    void begin_stream(std::uint32_t, core::HttpResponse head, core::StreamOpener) override {
        answer = std::move(head);
    }
    [[nodiscard]] const core::PeerAddress& peer() const noexcept override { return peer_; }
    void close(std::uint16_t, std::string_view) override {}
    void request_tick(std::chrono::milliseconds) override {}
    void pause_reading(bool) override {}

    std::optional<core::HttpResponse> answer;

  private:
    void write_out() noexcept override { discard_output(); }
    void on_overflow() noexcept override {}
    core::PeerAddress peer_{{127, 0, 0, 1}, 4001, false};
};

}  // namespace pulse::test
