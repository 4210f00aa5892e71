// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every Ownership keeps to. Call it in a TEST_CASE of its own; each SECTION gets new nodes.
// Engines may answer later: tests poll.
#pragma once

#include "support/catch.hpp"
#include "support/eventually.hpp"

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pulse/core/ownership.hpp>

namespace pulse::contract {

/// Makes the engines of `nodes` processes that are joined.
using MakeOwnerships =
    std::function<std::vector<std::shared_ptr<core::Ownership>>(std::size_t nodes)>;

/// Sees all beliefs of all nodes, and what is wrong with them. **Thread-safe.**
class Beliefs {
  public:
    void begins(const std::string& key, const void* who, const core::Owner& owner) {
        const std::lock_guard lock(mutex_);
        Key& at = keys_[key];
        if (at.believer != nullptr && at.believer != who) ++conflicts_;
        if (owner.term <= at.last_term) ++repeats_;
        at.believer = who;
        at.last_term = owner.term;
        ++changes_;
    }
    void ends(const std::string& key, const void* who) {
        const std::lock_guard lock(mutex_);
        Key& at = keys_[key];
        if (at.believer == who) at.believer = nullptr;
    }
    [[nodiscard]] std::size_t believers() const {
        const std::lock_guard lock(mutex_);
        std::size_t n = 0;
        for (const auto& [name, key] : keys_) n += key.believer != nullptr;
        return n;
    }
    /// Times that a second node believed.
    [[nodiscard]] std::size_t conflicts() const { return conflicts_; }
    /// Terms that did not grow.
    [[nodiscard]] std::size_t repeats() const { return repeats_; }
    [[nodiscard]] std::size_t changes() const { return changes_; }

  private:
    struct Key {
        const void* believer = nullptr;
        std::uint64_t last_term = 0;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Key> keys_;
    std::atomic<std::size_t> conflicts_{0};
    std::atomic<std::size_t> repeats_{0};
    std::atomic<std::size_t> changes_{0};
};

/// A claim that writes down what it is told. **Thread-safe.**
class Candidate {
  public:
    Candidate(core::Ownership& ownership, std::string key, Beliefs* beliefs = nullptr)
        : key_(std::move(key)), beliefs_(beliefs) {
        claim_ = ownership.claim(key_, [this](const core::Owner& owner) { on_changed(owner); });
    }
    ~Candidate() { drop(); }
    Candidate(const Candidate&) = delete;
    Candidate& operator=(const Candidate&) = delete;

    void drop() {
        {
            // What it does it no longer does, and then gives back.
            const std::lock_guard lock(mutex_);
            is_dropped_ = true;
            if (beliefs_ != nullptr) beliefs_->ends(key_, this);
        }
        claim_.reset();
    }
    [[nodiscard]] core::Owner owner() const {
        const std::lock_guard lock(mutex_);
        return told_.empty() ? core::Owner{} : told_.back();
    }
    [[nodiscard]] std::vector<core::Owner> told() const {
        const std::lock_guard lock(mutex_);
        return told_;
    }
    [[nodiscard]] bool has_it() const { return owner().is_this_node; }
    [[nodiscard]] bool gets_it() const {
        return test::eventually([this] { return has_it(); }, std::chrono::seconds(30));
    }

  private:
    void on_changed(const core::Owner& owner) {
        const std::lock_guard lock(mutex_);
        told_.push_back(owner);
        if (beliefs_ == nullptr || is_dropped_) return;
        beliefs_->ends(key_, this);  // a new term of the same owner is a new belief as well
        if (owner.is_this_node) beliefs_->begins(key_, this, owner);
    }

    const std::string key_;
    Beliefs* const beliefs_;
    mutable std::mutex mutex_;
    std::vector<core::Owner> told_;
    bool is_dropped_ = false;
    core::Ownership::Claim claim_;
};

/// Of any engine, on a node alone.
inline void ownership_contract(const MakeOwnerships& make) {
    const auto ownership = make(1).at(0);

    SECTION("what is claimed alone is this node's") {
        const Candidate ann(*ownership, "a");
        REQUIRE(ann.gets_it());
        CHECK(ann.owner().term > 0);
        CHECK_FALSE(ownership->node().empty());
        CHECK(ann.owner().node == ownership->node());
    }
    SECTION("keys are any bytes") {
        const std::string odd("a\0 b\r\n{o}:%\xff", 13);
        const Candidate ann(*ownership, odd);
        const Candidate bob(*ownership, "");
        CHECK(ann.gets_it());
        CHECK(bob.gets_it());
    }
    SECTION("all who claim a key on a node are told") {
        Candidate ann(*ownership, "a");
        REQUIRE(ann.gets_it());
        const Candidate bob(*ownership, "a");
        REQUIRE(bob.gets_it());
        ann.drop();
        const Candidate cec(*ownership, "a");
        CHECK(cec.gets_it());
        CHECK(bob.told().size() == 1);
    }
    SECTION("what was given back is had again, with a higher term") {
        std::uint64_t last = 0;
        for (int i = 0; i < 20; ++i) {
            const Candidate ann(*ownership, "a");
            REQUIRE(ann.gets_it());
            CHECK(ann.owner().term > last);
            last = ann.owner().term;
        }
    }
    SECTION("nothing is told once the handle is gone") {
        for (int i = 0; i < 50; ++i) {
            auto ended = std::make_unique<std::atomic<bool>>(false);
            std::atomic<std::size_t> late{0};
            auto claim = ownership->claim("k" + std::to_string(i % 3), [&](const core::Owner&) {
                if (*ended) ++late;
            });
            claim.reset();
            *ended = true;
            CHECK(late == 0);
        }
    }
    SECTION("a call under way is waited for") {
        std::promise<void> begun;
        std::promise<void> may_end;
        std::atomic<bool> is_over{false};
        core::Ownership::Claim claim;
        std::thread caller([&] {
            claim = ownership->claim("a", [&](const core::Owner&) {
                begun.set_value();
                may_end.get_future().wait();
                is_over = true;
            });
        });
        begun.get_future().wait();
        may_end.set_value();
        caller.join();
        claim.reset();
        CHECK(is_over);
    }
    SECTION("a handle may be dropped by what it is told") {
        auto claim = std::make_shared<core::Ownership::Claim>();
        std::promise<void> told;
        std::promise<void> held;
        const auto is_held = held.get_future().share();
        std::atomic<int> calls{0};
        // Engines may answer within claim(), when there is no handle yet.
        const auto here = std::this_thread::get_id();
        *claim = ownership->claim("a", [&, claim, here](const core::Owner&) {
            if (calls++ > 0) return;
            if (std::this_thread::get_id() != here) {
                is_held.wait();
                claim->reset();
            }
            told.set_value();
        });
        held.set_value();
        told.get_future().wait();
        claim->reset();
        const Candidate bob(*ownership, "a");
        CHECK(bob.gets_it());
        CHECK(calls == 1);
    }
    SECTION("many keys are had at once") {
        std::vector<std::unique_ptr<Candidate>> all;
        for (int i = 0; i < 3'000; ++i) {
            all.push_back(std::make_unique<Candidate>(*ownership, std::to_string(i)));
        }
        for (const auto& each : all) REQUIRE(each->gets_it());
    }
}

/// Of engines that join nodes.
inline void shared_ownership_contract(const MakeOwnerships& make) {
    auto nodes = make(3);
    REQUIRE(nodes.size() == 3);

    SECTION("one has it, and all are told the same") {
        std::vector<std::unique_ptr<Candidate>> all;
        for (const auto& node : nodes) all.push_back(std::make_unique<Candidate>(*node, "a"));
        REQUIRE(test::eventually([&] {
            for (const auto& each : all) {
                if (each->owner().node.empty()) return false;
            }
            return true;
        }));
        std::size_t owners = 0;
        for (const auto& each : all) {
            CHECK(each->owner().node == all.front()->owner().node);
            CHECK(each->owner().term == all.front()->owner().term);
            owners += each->has_it();
        }
        CHECK(owners == 1);
    }
    SECTION("nodes have names of their own") {
        CHECK(nodes[0]->node() != nodes[1]->node());
        const Candidate ann(*nodes[0], "a");
        const Candidate bob(*nodes[1], "b");
        CHECK(ann.gets_it());
        CHECK(bob.gets_it());
    }
    SECTION("who gives back is followed by a candidate") {
        Candidate ann(*nodes[0], "a");
        REQUIRE(ann.gets_it());
        Candidate bob(*nodes[1], "a");
        REQUIRE(test::eventually([&] { return bob.owner().node == nodes[0]->node(); }));
        const auto before = ann.owner().term;
        ann.drop();
        REQUIRE(bob.gets_it());
        CHECK(bob.owner().term > before);
        bob.drop();
        const Candidate cec(*nodes[2], "a");
        CHECK(cec.gets_it());
    }
    SECTION("an engine that ends tells its own, and gives back") {
        const Candidate ann(*nodes[0], "a");
        REQUIRE(ann.gets_it());
        const Candidate bob(*nodes[1], "a");
        nodes[0].reset();
        CHECK(bob.gets_it());
        CHECK_FALSE(ann.has_it());
    }
    SECTION("at most one has it, whatever is claimed and given back at random") {
        for (const auto& node : nodes) {
            const Candidate first(*node, "first");
            REQUIRE(first.gets_it());
        }
        Beliefs beliefs;
        constexpr int kKeys = 5;
        std::vector<std::thread> threads;
        for (std::size_t n = 0; n < nodes.size(); ++n) {
            threads.emplace_back([&, n] {
                std::mt19937 random(static_cast<unsigned>(n + 1));
                std::map<int, std::unique_ptr<Candidate>> held;
                for (int step = 0; step < 1'500; ++step) {
                    const int key = static_cast<int>(random() % kKeys);
                    if (held.erase(key) == 0) {
                        held[key] =
                            std::make_unique<Candidate>(*nodes[n], std::to_string(key), &beliefs);
                    }
                    if (random() % 4 == 0) {
                        std::this_thread::sleep_for(std::chrono::microseconds(random() % 2'000));
                    }
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        CHECK(beliefs.conflicts() == 0);
        CHECK(beliefs.repeats() == 0);
        CHECK(beliefs.changes() > kKeys);
        CHECK(beliefs.believers() == 0);
        // Nothing is stuck.
        for (int key = 0; key < kKeys; ++key) {
            const Candidate last(*nodes[static_cast<std::size_t>(key) % 3], std::to_string(key));
            CHECK(last.gets_it());
        }
    }
}

}  // namespace pulse::contract
