// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bridges of several nodes on a real Redis: whichever way breaks, each message is answered once and
// sent by one node.
#include "pulse_cluster/ownership_fixture.hpp"
#include "support/unix_proxy.hpp"

#include <array>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <pulse/core/hub.hpp>
#include <pulse/roblox/bridge_host.hpp>
#include <pulse/roblox/bridge_host_port.hpp>
#include <pulse/roblox/registry_feed.hpp>
#include <pulse/roblox/universe_owners.hpp>
#include <pulse/roblox/web_clients.hpp>
#include <pulse/transport/server.hpp>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;
using test::eventually;

namespace {

constexpr UniverseId kGame{2'745'313'133};
constexpr std::string_view kMasterKey = "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

/// Takes everything, on whichever node's loop. **Thread-safe.**
class SharedCloud {
  public:
    void take(int node, std::string_view text) {
        const std::lock_guard lock(mutex_);
        taken_.emplace_back(node, text);
    }
    /// How often a message was taken.
    [[nodiscard]] std::size_t count(const std::string& message) const {
        std::size_t count = 0;
        const std::lock_guard lock(mutex_);
        for (const auto& [node, text] : taken_) count += text.find(message) != std::string::npos;
        return count;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::pair<int, std::string>> taken_;
};

class NodeCloud final : public PublishTransport {
  public:
    NodeCloud(SharedCloud& cloud, int node) : cloud_(cloud), node_(node) {}
    void publish(const CloudPublish& publish, PublishDone done) override {
        cloud_.take(node_, publish.text);
        done({.http = 200});
    }
    void introspect(std::string_view, IntrospectDone done) override { done({}); }

  private:
    SharedCloud& cloud_;
    const int node_;
};

struct Node {
    Node(int number, const std::string& url, core::DocumentStore& store, core::Broker& broker,
         SharedCloud& shared)
        : cloud(shared, number),
          hub({}, {clock, rng, log}),
          loops(hub, 1),
          lane(loops.loops().front()->lane()),
          fanout(hub, &lane),
          budget(make_rate_governor({.owner_per_minute = 1e9,
                                     .address_per_minute = 1e9,
                                     .universe_unknown = 1e9,
                                     .topic_unknown = 1e9},
                                    rng)),
          host(lane, std::make_unique<Bridge>(
                         BridgeOptions{.outbox = {.linger = 0ms}},
                         BridgeParts{clock, rng, cloud, fanout, *budget, nullptr, {}})),
          port(host, cloud, log),
          ownership(*cluster::make_redis_ownership(url, {.lease = test::kTestLease},
                                                   {thread.io(), rng, log})),
          book(AccessBook::make({"the-key-of-admins"}, clock, rng).value()),
          feed(broker, rng),
          owners(
              *ownership, port, log,
              [this](UniverseId id) { host.post([this, id](Bridge&) { registry.refresh(id); }); }),
          registry({}, {store, vault, *book, owners, clock, rng, log,
                        [this](const std::string& name) { feed.tell(name); },
                        [this](UniverseId id) { return owners.owns(id); }}) {
        feed.listen(registry);
        loops.start();
        registry.load([](const core::Result<LoadReport>&) {});
    }
    ~Node() { end(); }

    /// As a server does.
    void end() {
        if (is_ended) return;
        is_ended = true;
        std::promise<void> drained;
        host.shut_down(5s, [&](bool) { drained.set_value(); });
        drained.get_future().wait();
        owners.give_back();
        feed.stop();
        ownership.reset();
        thread.stop();
        loops.stop();
    }
    void send(const std::string& text, std::function<void(int)> done) {
        auto command = std::make_shared<SendCommand>();
        command->request.envelope.topic = "news";
        command->request.envelope.message = '"' + text + '"';
        command->destination = Destination::roblox;
        host.post([command, done = std::move(done)](Bridge& bridge) {
            bridge.send(kGame, *command, [done](const SendAnswer& answer) { done(answer.status); });
        });
    }

    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    NodeCloud cloud;
    core::Hub hub;
    transport::LoopThreads loops;
    core::Lane& lane;
    HubFanout fanout;
    std::unique_ptr<PublishBudget> budget;
    BridgeHost host;
    BridgeHostPort port;
    test::IoThread thread;
    std::shared_ptr<cluster::ClusterOwnership> ownership;
    KeyVault vault = KeyVault::parse(kMasterKey).value();
    std::unique_ptr<AccessBook> book;
    RegistryFeed feed;
    UniverseOwners owners;
    UniverseRegistry registry;
    bool is_ended = false;
};

/// What was answered. **Thread-safe.**
class Answers {
  public:
    void add(const std::string& text, int status) {
        const std::lock_guard lock(mutex_);
        answers_[text].push_back(status);
    }
    [[nodiscard]] std::map<std::string, std::vector<int>> all() const {
        const std::lock_guard lock(mutex_);
        return answers_;
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::string, std::vector<int>> answers_;
};

struct Nodes {
    Nodes() {
        for (int i = 0; i < 2; ++i) {
            auto& way = ways[static_cast<std::size_t>(i)];
            way = std::make_unique<test::UnixProxy>(redis.path());
            nodes[static_cast<std::size_t>(i)] =
                std::make_unique<Node>(i, way->url(), *store, *broker, cloud);
        }
        std::promise<bool> added;
        nodes[0]->registry.add(
            kGame, {.mode = Mode::v0}, Secret("cloud-key"),
            {.state = KeyState::valid, .owner = 7, .http = 200},
            [&](const core::Result<void>& result) { added.set_value(result.has_value()); });
        REQUIRE(added.get_future().get());
        REQUIRE(eventually([&] { return owner() >= 0; }, 30s));
    }
    [[nodiscard]] int owner() const {
        for (int i = 0; i < 2; ++i) {
            const auto& node = nodes[static_cast<std::size_t>(i)];
            if (node && node->owners.owns(kGame)) return i;
        }
        return -1;
    }
    void send(std::size_t node, const std::string& text) {
        ++sent;
        nodes[node]->send(text, [this, text](int status) { answers.add(text, status); });
    }
    [[nodiscard]] bool is_answered() const {
        return eventually([&] { return answers.all().size() == sent; }, 30s);
    }
    /// Sends until a node takes it.
    [[nodiscard]] bool takes(std::size_t node, const std::string& name) {
        int n = 0;
        return eventually(
            [&] {
                const std::string text = name + std::to_string(n++) + ".";
                send(node, text);
                return is_answered() && answers.all().at(text).front() == 200;
            },
            30s);
    }

    core::SystemClock clock;
    std::unique_ptr<core::DocumentStore> store = core::make_memory_document_store(clock);
    std::shared_ptr<core::Broker> broker = core::make_memory_broker();
    test::RedisServer redis;
    std::array<std::unique_ptr<test::UnixProxy>, 2> ways;
    SharedCloud cloud;
    Answers answers;
    std::size_t sent = 0;
    std::array<std::unique_ptr<Node>, 2> nodes;
};

}  // namespace

TEST_CASE("a universe's next owner sends when the last one is cut off, or ends",
          "[redis][cluster][bridge]") {
    Nodes nodes;
    const auto first = static_cast<std::size_t>(nodes.owner());
    const std::size_t second = 1 - first;
    REQUIRE(nodes.takes(first, "a"));
    nodes.send(second, "elsewhere");
    REQUIRE(nodes.is_answered());
    CHECK(nodes.answers.all().at("elsewhere") == std::vector<int>{503});

    SECTION("cut off") {
        nodes.ways[first]->set_open(false);
        CHECK(nodes.takes(second, "b"));
        CHECK_FALSE(nodes.nodes[first]->owners.owns(kGame));
        nodes.send(first, "late");
        REQUIRE(nodes.is_answered());
        CHECK(nodes.answers.all().at("late") == std::vector<int>{503});
        nodes.ways[first]->set_open(true);
        nodes.ways[second]->set_open(false);
        CHECK(nodes.takes(first, "c"));
    }
    SECTION("ended") {
        nodes.nodes[first]->end();
        CHECK(nodes.takes(second, "b"));
    }
}

TEST_CASE("each message is answered once and sent at most once, whatever breaks at random",
          "[redis][cluster][bridge]") {
    Nodes nodes;
    std::mt19937 random(7);
    for (int step = 0; step < 400; ++step) {
        for (std::size_t node = 0; node < 2; ++node) {
            // No name is a part of another one.
            nodes.send(node, "m" + std::to_string(node) + "-" + std::to_string(step) + ".");
        }
        const std::size_t n = random() % 2;
        switch (random() % 40) {
            case 0:
                nodes.ways[n]->set_open(false);
                break;
            case 1:
                nodes.ways[n]->cut();
                break;
            case 2:
                nodes.redis.restart();
                break;
            case 3:
            case 4:
                for (auto& way : nodes.ways) way->set_open(true);
                break;
            default:
                break;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
    }
    for (auto& way : nodes.ways) way->set_open(true);
    REQUIRE(nodes.is_answered());
    std::size_t accepted = 0;
    for (const auto& [text, statuses] : nodes.answers.all()) {
        CAPTURE(text);
        CHECK(statuses.size() == 1);
        const std::size_t times = nodes.cloud.count(text);
        CHECK(times <= 1);
        if (statuses.front() == 200) {
            ++accepted;
            CHECK(times == 1);
        } else {
            // 503: not sent; 504: may have been.
            CHECK((statuses.front() == 504 || (statuses.front() == 503 && times == 0)));
        }
    }
    CHECK(accepted > 0);
    REQUIRE(eventually([&] { return nodes.owner() >= 0; }, 30s));
    CHECK(nodes.takes(static_cast<std::size_t>(nodes.owner()), "end"));
}
