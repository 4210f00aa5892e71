// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two nodes on one store: what one changes the other knows, and each universe has one of them.
#include "manual_ownership.hpp"
#include "registry_fixture.hpp"
#include "support/catch.hpp"
#include "support/document_calls.hpp"

#include <string>
#include <vector>

#include <pulse/core/broker.hpp>
#include <pulse/core/error.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/registry_feed.hpp>
#include <pulse/roblox/universe_owners.hpp>

using namespace pulse;
using namespace pulse::roblox;
using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

/// A broker that can be away.
class LosingBroker final : public core::Broker {
  public:
    Attachment attach(core::BrokerListener& listener) override { return inner_->attach(listener); }
    std::error_code publish(const core::PublicationView& publication) override {
        if (is_away) return core::Error::broker_unavailable;
        return inner_->publish(publication);
    }
    void interest_changed(std::string_view channel) override { inner_->interest_changed(channel); }
    [[nodiscard]] bool is_healthy() const noexcept override { return !is_away; }

    bool is_away = false;

  private:
    std::shared_ptr<core::Broker> inner_ = core::make_memory_broker();
};

/// One server of a cluster, but for its sockets.
struct Node {
    Node(core::DocumentStore& store, core::Broker& broker, ManualClock& clock)
        : book(AccessBook::make({std::string(kAdminKey)}, clock, rng).value()),
          feed(broker, rng),
          owners(ownership, bridge, log, [this](UniverseId id) { refreshed.push_back(id); }),
          registry({.resync_interval = 60s}, {store, vault, *book, owners, clock, rng, log,
                                              [this](const std::string& name) { feed.tell(name); },
                                              [this](UniverseId id) { return owners.owns(id); }}) {
        feed.listen(registry);
        registry.load([](const core::Result<LoadReport>& result) { REQUIRE(result); });
    }
    ~Node() { feed.stop(); }

    void own(UniverseId id, std::uint64_t term) {
        ownership.give(ownership_key(id), term);
        for (const UniverseId each : std::exchange(refreshed, {})) registry.refresh(each);
    }

    core::SystemRng rng;
    TextLog log;
    KeyVault vault = KeyVault::parse(kMasterOne).value();
    std::unique_ptr<AccessBook> book;
    FakeBridge bridge;
    ManualOwnership ownership;
    RegistryFeed feed;
    std::vector<UniverseId> refreshed;
    UniverseOwners owners;
    UniverseRegistry registry;
};

struct Nodes {
    ManualClock clock;
    std::unique_ptr<core::DocumentStore> store = core::make_memory_document_store(clock);
    LosingBroker broker;
    Node ann{*store, broker, clock};
    Node bob{*store, broker, clock};

    static void add(Node& node, UniverseId id, std::string_view key = "open-cloud-key") {
        std::error_code error = std::make_error_code(std::errc::operation_in_progress);
        node.registry.add(id, {}, Secret(key), {.state = KeyState::valid, .owner = 77, .http = 200},
                          [&](const core::Result<void>& result) {
                              error = result ? std::error_code() : result.error();
                          });
        REQUIRE_FALSE(error);
    }
    static NewToken token(Node& node, std::vector<UniverseId> universes) {
        NewToken made;
        node.registry.create_token(
            {.label = "t", .rights = {Right::web_read}, .universes = std::move(universes)},
            [&](core::Result<NewToken> token) { made = std::move(token).value(); });
        return made;
    }
    static bool lets_in(Node& node, const NewToken& token) {
        return node.book->authenticate({Credential::Kind::bearer, token.text}, kGame).has_value();
    }
    static std::error_code rename(Node& node, const std::string& name) {
        std::error_code error;
        node.registry.change(kGame, {.name = name}, [&](const core::Result<void>& result) {
            if (!result) error = result.error();
        });
        return error;
    }
    /// A second, and what the servers do in it.
    void tick(std::chrono::milliseconds time = 1s) {
        clock.advance(time);
        for (Node* node : {&ann, &bob}) {
            node->feed.tick();
            node->registry.tick();
        }
    }
};

}  // namespace

TEST_CASE("what one node changes in the registry the others know", "[roblox][registry][cluster]") {
    Nodes nodes;
    Nodes::add(nodes.ann, kGame);
    REQUIRE(nodes.bob.registry.contains(kGame));
    CHECK(nodes.bob.book->has_universe(kGame));

    CHECK_FALSE(Nodes::rename(nodes.bob, "from bob"));
    CHECK(nodes.ann.registry.find(kGame)->settings.name == "from bob");
    CHECK_FALSE(Nodes::rename(nodes.ann, "from ann"));
    CHECK(nodes.bob.registry.find(kGame)->settings.name == "from ann");

    const NewToken token = Nodes::token(nodes.ann, {kGame});
    CHECK(Nodes::lets_in(nodes.bob, token));
    nodes.bob.registry.remove_token(token.record.id,
                                    [](const core::Result<void>& result) { CHECK(result); });
    CHECK_FALSE(Nodes::lets_in(nodes.ann, token));

    const NewToken last = Nodes::token(nodes.bob, {kGame});
    nodes.ann.registry.remove(kGame, [](const core::Result<void>& result) { CHECK(result); });
    CHECK_FALSE(nodes.bob.registry.contains(kGame));
    CHECK_FALSE(nodes.bob.book->has_universe(kGame));
    CHECK_FALSE(Nodes::lets_in(nodes.bob, last));
}

TEST_CASE("word of a change that the broker did not take is said again",
          "[roblox][registry][cluster]") {
    Nodes nodes;
    nodes.broker.is_away = true;
    Nodes::add(nodes.ann, kGame);
    const NewToken token = Nodes::token(nodes.ann, {kGame});
    CHECK_FALSE(nodes.bob.registry.contains(kGame));
    nodes.broker.is_away = false;
    nodes.tick();
    CHECK(nodes.bob.registry.contains(kGame));
    CHECK(Nodes::lets_in(nodes.bob, token));
}

TEST_CASE("a change whose word was lost is found when everything is compared",
          "[roblox][registry][cluster]") {
    Nodes nodes;
    Nodes::add(nodes.ann, kGame);
    const NewToken old = Nodes::token(nodes.ann, {kGame});
    nodes.tick();
    {
        // Whoever changed it died before it could say so.
        core::SystemRng rng;
        TextLog log;
        FakeBridge bridge;
        const auto vault = KeyVault::parse(kMasterOne).value();
        const auto book = AccessBook::make({std::string(kAdminKey)}, nodes.clock, rng).value();
        UniverseRegistry silent({}, {*nodes.store, vault, *book, bridge, nodes.clock, rng, log});
        silent.load([](const core::Result<LoadReport>&) {});
        silent.change(kGame, {.name = "changed"}, [](const core::Result<void>& r) { CHECK(r); });
        silent.remove_token(old.record.id, [](const core::Result<void>& r) { CHECK(r); });
        silent.add(kOther, {}, Secret("key"), {}, [](const core::Result<void>& r) { CHECK(r); });
    }
    CHECK(nodes.bob.registry.find(kGame)->settings.name.empty());

    SECTION("after a while") { nodes.tick(61s); }
    SECTION("when the broker says that something is missing") {
        nodes.ann.registry.resync();
        nodes.bob.registry.resync();
        nodes.tick();
    }
    for (Node* node : {&nodes.ann, &nodes.bob}) {
        CHECK(node->registry.find(kGame)->settings.name == "changed");
        CHECK_FALSE(Nodes::lets_in(*node, old));
        CHECK(node->registry.contains(kOther));
    }
}

TEST_CASE("a change made from what another node has replaced meanwhile is refused",
          "[roblox][registry][cluster]") {
    Nodes nodes;
    Nodes::add(nodes.ann, kGame);
    nodes.broker.is_away = true;
    CHECK_FALSE(Nodes::rename(nodes.ann, "first"));
    CHECK(Nodes::rename(nodes.bob, "second") == core::Error::document_conflict);
    // It has looked again by then.
    CHECK_FALSE(Nodes::rename(nodes.bob, "second"));
}

TEST_CASE("what is said that is not so is read in vain", "[roblox][registry][cluster]") {
    Nodes nodes;
    Nodes::add(nodes.ann, kGame);
    core::PublicationView said{"$roblox.registry"};
    for (const std::string text : {"", "x", "x ", "x universe/", "x universe/nonsense", "x token/",
                                   "x token/unknown", "x universe/99", "x something/1"}) {
        said.payload = protocol::as_bytes(text);
        CHECK_FALSE(nodes.broker.publish(said));
    }
    CHECK(nodes.bob.registry.size() == 1);
}

TEST_CASE("a bridge is told of the universes that its node owns", "[roblox][owners][cluster]") {
    Nodes nodes;
    Nodes::add(nodes.ann, kGame, "the-key");
    CHECK(nodes.ann.ownership.is_claimed(ownership_key(kGame)));
    CHECK(nodes.bob.ownership.is_claimed(ownership_key(kGame)));
    CHECK(nodes.ann.bridge.is_released(kGame));
    CHECK(nodes.bob.bridge.is_released(kGame));

    nodes.ann.own(kGame, 1);
    CHECK(nodes.ann.bridge.universe(kGame).key == "the-key");
    CHECK(nodes.ann.owners.owns(kGame));
    nodes.bob.ownership.give_to(ownership_key(kGame), "ann", 1);
    CHECK_FALSE(nodes.bob.bridge.has(kGame));
    CHECK(nodes.bob.owners.owner(kGame).node == "ann");

    SECTION("it changes hands") {
        nodes.ann.ownership.take(ownership_key(kGame));
        CHECK(nodes.ann.bridge.is_released(kGame));
        nodes.bob.own(kGame, 2);
        CHECK(nodes.bob.bridge.universe(kGame).key == "the-key");
        CHECK(nodes.ann.owners.stats().lost_total == 1);
        CHECK(nodes.bob.owners.stats().gained_total == 1);
        CHECK(nodes.bob.owners.stats().owned == 1);
    }
    SECTION("what was changed meanwhile is known to the next owner, although nobody said so") {
        nodes.broker.is_away = true;
        CHECK_FALSE(Nodes::rename(nodes.ann, "other"));
        bool is_set = false;
        nodes.ann.registry.set_key(kGame, 0, Secret("another-key"), {}, {},
                                   [&](const core::Result<void>& r) { is_set = r.has_value(); });
        REQUIRE(is_set);
        nodes.ann.ownership.take(ownership_key(kGame));
        nodes.bob.own(kGame, 2);
        CHECK(nodes.bob.bridge.universe(kGame).key == "another-key");
        CHECK(nodes.bob.registry.find(kGame)->settings.name == "other");
    }
    SECTION("a setting that another node changes reaches the owner's bridge") {
        nodes.bob.registry.change(kGame, {.mode = Mode::v1},
                                  [](const core::Result<void>& result) { CHECK(result); });
        CHECK(nodes.ann.bridge.universe(kGame).mode == Mode::v1);
        CHECK_FALSE(nodes.bob.bridge.has(kGame));
    }
    SECTION("a universe that is removed is nobody's any more") {
        nodes.bob.registry.remove(kGame, [](const core::Result<void>& r) { CHECK(r); });
        CHECK_FALSE(nodes.ann.bridge.has(kGame));
        CHECK_FALSE(nodes.ann.ownership.is_claimed(ownership_key(kGame)));
        CHECK_FALSE(nodes.bob.ownership.is_claimed(ownership_key(kGame)));
        CHECK(nodes.ann.owners.stats().known == 0);
    }
    SECTION("who ends gives back, and takes nothing more") {
        nodes.ann.owners.give_back();
        CHECK(nodes.ann.bridge.is_released(kGame));
        CHECK_FALSE(nodes.ann.ownership.is_claimed(ownership_key(kGame)));
        Nodes::add(nodes.bob, kOther);
        CHECK_FALSE(nodes.ann.ownership.is_claimed(ownership_key(kOther)));
    }
    SECTION("only the owner asks about the key by schedule") {
        const int before = nodes.ann.bridge.probes();
        nodes.tick(std::chrono::hours(7));
        nodes.tick();
        CHECK(nodes.ann.bridge.probes() == before + 1);
        CHECK(nodes.bob.bridge.probes() == 0);
        CHECK(nodes.bob.bridge.introspections() == 0);
    }
}

TEST_CASE("a node on its own owns every universe at once", "[roblox][owners]") {
    const auto ownership = core::make_local_ownership();
    FakeBridge bridge;
    TextLog log;
    UniverseOwners owners(*ownership, bridge, log, [](UniverseId) { FAIL(); });
    owners.set_universe(kGame, {.key = Secret("the-key"), .key_version = 1});
    CHECK(bridge.universe(kGame).key == "the-key");
    owners.set_universe(kGame, {.key = Secret("another"), .key_version = 2});
    CHECK(bridge.universe(kGame).key == "another");
    owners.remove_universe(kGame);
    CHECK_FALSE(bridge.has(kGame));
    CHECK(owners.stats().owned == 0);
}

TEST_CASE("a request belongs to the universe in its path", "[roblox][owners]") {
    ManualClock clock;
    core::SystemRng rng;
    const auto book = AccessBook::make({std::string(kAdminKey)}, clock, rng).value();
    book->set_universe(kOther, {});
    const auto key = [&](std::string path, std::string header = "x-nothing",
                         std::string value = "") {
        core::HttpRequest request;
        request.method = "POST";
        request.path = std::move(path);
        request.headers.emplace_back(std::move(header), std::move(value));
        return ownership_key_of(*book, request);
    };
    CHECK(key("/universe/7") == "roblox:7");
    CHECK(key("/universe/7/send") == "roblox:7");
    CHECK(key("/universes/7/send", "authorization", "Bearer x") == "roblox:7");
    CHECK_FALSE(key("/universe/7/stream"));
    CHECK_FALSE(key("/universe/8/send"));
    CHECK_FALSE(key("/universe/07/send"));
    CHECK_FALSE(key("/universe/registry"));
    CHECK_FALSE(key("/ui/overview"));
    // A page's session is known where one logged in.
    CHECK_FALSE(key("/universe/7/stats", "cookie", "pulse.session=abc"));

    core::OpenRequest open;
    open.header = [](std::string_view) { return std::string_view(); };
    open.path = "/universes/7/connect";
    CHECK(ownership_key_of(*book, open) == "roblox:7");
    open.query = "ticket=abc";
    CHECK(ownership_key_of(*book, open) == "roblox:7");
    open.header = [](std::string_view name) {
        return name == "cookie" ? std::string_view("pulse.session=abc") : std::string_view();
    };
    CHECK(ownership_key_of(*book, open) == "roblox:7");  // the ticket comes first
    open.query = {};
    CHECK_FALSE(ownership_key_of(*book, open));
}
