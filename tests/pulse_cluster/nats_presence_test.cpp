// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Members of all nodes, on a real NATS.
#include "leave_times.hpp"
#include "nats_fixture.hpp"

#include <future>
#include <mutex>
#include <set>

#include <pulse/core/clock.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using core::PresenceAction;
using core::SessionId;
using test::eventually;

namespace {

class Ear final : public core::BrokerListener {
  public:
    explicit Ear(std::shared_ptr<cluster::ClusterBroker> broker)
        : broker_(std::move(broker)), attachment_(broker_->attach(*this)) {}
    ~Ear() override { attachment_.reset(); }

    void listen(const std::string& channel, bool is_on = true) {
        {
            const std::lock_guard lock(mutex_);
            is_on ? (void)interest_.insert(channel) : (void)interest_.erase(channel);
        }
        broker_->interest_changed(channel);
        if (!is_on) return;
        std::promise<void> listening;
        broker_->when_listening(channel, [&listening] { listening.set_value(); });
        listening.get_future().wait();
    }
    [[nodiscard]] std::set<std::uint64_t> members(std::string_view channel) {
        std::set<std::uint64_t> out;
        for (const auto& state : presence().members(channel)) out.insert(state.session.words[0]);
        return out;
    }
    [[nodiscard]] core::PresenceStore& presence() { return *broker_->presence(); }
    [[nodiscard]] cluster::ClusterBroker& broker() { return *broker_; }

  private:
    void on_publication(const core::PublicationView&) noexcept override {}
    [[nodiscard]] bool has_interest(std::string_view channel) const noexcept override {
        const std::lock_guard lock(mutex_);
        return interest_.contains(channel);
    }

    std::shared_ptr<cluster::ClusterBroker> broker_;
    mutable std::mutex mutex_;
    std::set<std::string, std::less<>> interest_;
    core::Broker::Attachment attachment_;
};

using Ids = std::set<std::uint64_t>;

SessionId id(std::uint64_t n) { return SessionId{{n, 1}}; }
core::PresenceData data(const std::string& text) {
    const core::ByteView bytes = protocol::as_bytes(text);
    return core::PresenceData(bytes.begin(), bytes.end());
}

struct Trio {
    explicit Trio(std::chrono::milliseconds node_timeout = 600ms, const std::string& settings = {})
        : nats(settings) {
        options.node_timeout = node_timeout;
    }
    std::unique_ptr<Ear> add(const std::string& url) {
        auto broker = nodes.add(url, options, &clock);
        REQUIRE(eventually([&] { return broker->is_healthy(); }));
        return std::make_unique<Ear>(std::move(broker));
    }
    core::SystemClock clock;
    test::NatsServer nats;
    test::NatsProxy proxy{nats.port()};
    test::NatsNodes nodes;
    cluster::BrokerOptions options;
};

}  // namespace

TEST_CASE("who begins to listen finds the list whole, on NATS", "[nats][presence]") {
    Trio trio;
    const auto one = trio.add(trio.nats.url());
    const auto two = trio.add(trio.nats.url());
    const auto three = trio.add(trio.nats.url());
    one->listen("room");
    two->listen("room");
    Ids all;
    for (std::uint64_t n = 1; n <= 200; ++n) {
        REQUIRE((n % 2 == 0 ? one : two)->presence().join("room", id(n), data("x")));
        all.insert(n);
    }
    // At once: neither sooner nor later.
    three->listen("room");
    CHECK(eventually([&] { return three->members("room") == all; }));
    three->listen("room", false);
    CHECK(eventually([&] { return three->members("room").empty(); }));
    const auto before = std::chrono::steady_clock::now();
    three->listen("room");
    CHECK(three->members("room") == all);
    // All have answered: nobody is waited for to the end of patience.
    CHECK(std::chrono::steady_clock::now() - before < 900ms);
}

TEST_CASE("a node that dies on NATS takes its members along within the time", "[nats][presence]") {
    Trio trio;
    const auto one = trio.add(trio.nats.url());
    const auto two = trio.add(trio.proxy.url());
    one->listen("room");
    two->listen("room");
    REQUIRE(two->presence().join("room", id(2), data("x")));
    REQUIRE(eventually([&] { return one->members("room") == Ids{2}; }));
    const auto bound = test::leave_bound(trio.options.node_timeout);
    const auto times = test::time_to_leave(
        bound,
        [&] {
            // As good as dead: nothing of it is heard any more.
            trio.proxy.set_open(false);
            REQUIRE(eventually([&] { return one->members("room").empty(); }));
        },
        [&] {
            // Whoever asks meanwhile is answered all the same.
            one->listen("hall");
            CHECK(two->members("room") == Ids{2});
            trio.proxy.set_open(true);
            REQUIRE(eventually([&] { return one->members("room") == Ids{2}; }));
        });
    CHECK(times.shortest >= 300ms);
    CHECK(times.shortest <= bound);
}

TEST_CASE("a node that ends on NATS takes its members along at once", "[nats][presence]") {
    Trio trio(1h);
    const auto one = trio.add(trio.nats.url());
    auto two = trio.add(trio.nats.url());
    one->listen("room");
    two->listen("room");
    REQUIRE(two->presence().join("room", id(2), data("x")));
    REQUIRE(eventually([&] { return one->members("room") == Ids{2}; }));
    two.reset();
    CHECK(eventually([&] { return one->members("room").empty(); }));
}

TEST_CASE("members that are more than one message of NATS are told all the same",
          "[nats][presence]") {
    Trio trio(1h, "max_payload: 4096");
    const auto one = trio.add(trio.nats.url());
    const auto two = trio.add(trio.nats.url());
    one->listen("room");
    Ids all;
    for (std::uint64_t n = 1; n <= 500; ++n) {
        REQUIRE(one->presence().join("room", id(n), data(std::string(100, 'x'))));
        all.insert(n);
    }
    two->listen("room");
    CHECK(eventually([&] { return two->members("room") == all; }));
    REQUIRE(one->presence().leave("room", id(1)));
    all.erase(1);
    CHECK(eventually([&] { return two->members("room") == all; }));
}
