// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

#include <memory>
#include <string>

#include <pulse/core/rng.hpp>
#include <pulse/roblox/universe_authenticator.hpp>

using namespace pulse;
using namespace pulse::roblox;
using core::Action;

namespace {

struct Fixture {
    explicit Fixture(bool is_required = false)
        : inner(core::make_token_authenticator({{"ann", "ann-token"}}, is_required)),
          access(*AccessBook::make({"the-api-key"}, clock, rng)),
          authenticator(*inner, *access) {
        access->set_universe({7}, {});
        access->set_universe({8}, {});
    }
    /// `lifetime_ms` 0 = without end.
    std::string token(Rights rights, std::uint64_t lifetime_ms = 0) {
        const std::uint64_t expires = lifetime_ms == 0 ? 0 : clock.unix_ms() + lifetime_ms;
        auto made = make_token({.rights = rights, .universes = {{7}}, .expires_at_ms = expires},
                               rng, clock.unix_ms());
        REQUIRE(made.has_value());
        REQUIRE(access->add_token(made->record));
        id = made->record.id;
        return made->text;
    }
    core::Result<core::Identity> ask(std::string_view text) {
        core::Result<core::Identity> answer = tl::unexpected(std::error_code{});
        authenticator.authenticate({.token = text, .origin = {}, .peer = {}},
                                   [&](core::Result<core::Identity> got) { answer = got; });
        return answer;
    }

    test::ManualClock clock;
    core::SeededRng rng{1};
    std::unique_ptr<core::Authenticator> inner;
    std::unique_ptr<AccessBook> access;
    UniverseAuthenticator authenticator;
    std::string id;
};

}  // namespace

TEST_CASE("a bridge token that may read opens its universe's channels to be listened to",
          "[roblox][access]") {
    Fixture fixture;
    const auto who = fixture.ask(fixture.token({Right::web_read}));
    REQUIRE(who.has_value());
    CHECK(who->allows(Action::subscribe, "roblox:7:chat"));
    CHECK(who->allows(Action::subscribe, "roblox:7"));
    CHECK_FALSE(who->allows(Action::subscribe, "roblox:8:chat"));
    CHECK_FALSE(who->allows(Action::subscribe, "roblox:07:chat"));
    CHECK_FALSE(who->allows(Action::subscribe, "roblox:"));
    CHECK_FALSE(who->allows(Action::publish, "roblox:7:chat"));
    CHECK_FALSE(who->allows(Action::presence, "roblox:7:chat"));
    CHECK(who->allows(Action::publish, "lobby"));
}

TEST_CASE("rights that a bridge token gave are asked for again, and end with it",
          "[roblox][access]") {
    Fixture fixture;
    const auto who = fixture.ask(fixture.token({Right::web_read}, 60'000));
    REQUIRE(who.has_value());
    CHECK(who->rights->review_interval() == UniverseAuthenticator::kReviewInterval);
    CHECK(who->rights->holds());
    SECTION("removed") { fixture.access->remove_token(fixture.id); }
    SECTION("expired") { fixture.clock.advance(std::chrono::seconds(60)); }
    CHECK_FALSE(who->rights->holds());
    CHECK_FALSE(who->allows(Action::subscribe, "roblox:7:chat"));
}

TEST_CASE("a universe that is removed takes the rights to its channels along", "[roblox][access]") {
    Fixture fixture;
    const auto admin = fixture.ask("the-api-key");
    REQUIRE(admin.has_value());
    fixture.access->remove_universe({7});
    CHECK(admin->rights->holds());
    CHECK_FALSE(admin->allows(Action::subscribe, "roblox:7:chat"));
    CHECK(admin->allows(Action::subscribe, "roblox:8:chat"));
    // What is not the bridge's to take back is not asked for.
    CHECK(fixture.ask("ann-token")->rights->review_interval() == std::chrono::milliseconds{0});
}

TEST_CASE("a game's token listens to nothing, and where login is needed to nothing else either",
          "[roblox][access]") {
    Fixture fixture(true);
    const auto game = fixture.ask(fixture.token({Right::game_send, Right::game_poll}));
    REQUIRE(game.has_value());
    CHECK_FALSE(game->allows(Action::subscribe, "roblox:7:chat"));
    CHECK_FALSE(game->allows(Action::subscribe, "lobby"));
    const auto admin = fixture.ask("the-api-key");
    REQUIRE(admin.has_value());
    CHECK(admin->allows(Action::subscribe, "roblox:8:chat"));
    CHECK_FALSE(admin->allows(Action::publish, "lobby"));
}

TEST_CASE("everybody else keeps what they have, but for the bridge's channels",
          "[roblox][access]") {
    Fixture fixture;
    const auto ann = fixture.ask("ann-token");
    REQUIRE(ann.has_value());
    CHECK(ann->user == "ann");
    CHECK(ann->allows(Action::publish, "lobby"));
    CHECK_FALSE(ann->allows(Action::subscribe, "roblox:7:chat"));
    CHECK_FALSE(ann->allows(Action::publish, "roblox:7"));
    CHECK_FALSE(fixture.authenticator.anonymous().allows(Action::subscribe, "roblox:7:chat"));
    CHECK(fixture.authenticator.anonymous().allows(Action::subscribe, "lobby"));
    CHECK_FALSE(fixture.ask("plt_nothing").has_value());
}
