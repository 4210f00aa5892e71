// SPDX-License-Identifier: MIT OR Apache-2.0
#include "registry_fixture.hpp"
#include "support/catch.hpp"
#include "support/document_calls.hpp"

#include <string>
#include <vector>

#include <pulse/core/error.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/registry_tools.hpp>

using namespace pulse;
using namespace pulse::roblox;
using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

const std::string kGameDocument = "roblox/universe/" + kGame.to_string();

std::string fetch(RegistryFixture& f, const std::string& key) {
    return text_of(*f.store, key).value_or("");
}
void overwrite(RegistryFixture& f, const std::string& key, std::string_view text) {
    REQUIRE(commit(*f.store, core::DocumentBatch().put(key, text)));
}
std::string all_documents(RegistryFixture& f) {
    return listed(scan_all(*f.store, core::DocumentRange::prefix("")));
}
std::error_code activate(RegistryFixture& f, unsigned slot) {
    return f.result_of([&](auto done) { f.registry->activate_key(kGame, slot, done); });
}
std::error_code remove_key(RegistryFixture& f, unsigned slot) {
    return f.result_of([&](auto done) { f.registry->remove_key(kGame, slot, done); });
}

}  // namespace

TEST_CASE("a universe is there again after a restart, with its key and nothing of it in clear",
          "[roblox][registry]") {
    RegistryFixture f;
    REQUIRE_FALSE(f.add(kGame, "open-cloud-key-1"));
    CHECK(f.bridge->universe(kGame).key == "open-cloud-key-1");
    CHECK(f.bridge->universe(kGame).owner == 77);
    CHECK(f.book->has_universe(kGame));
    CHECK(f.add(kGame, "another") == Error::universe_exists);
    const std::uint64_t version = f.bridge->universe(kGame).key_version;

    SettingsPatch patch{.name = "Obby", .mode = Mode::v1, .prefix = "game", .shards = 5};
    patch.has_silent_servers = true;
    patch.origins = {"https://example.org"};
    REQUIRE_FALSE(f.result_of([&](auto done) { f.registry->change(kGame, patch, done); }));
    CHECK(f.bridge->universe(kGame).prefix == "game");

    f.start();
    CHECK_FALSE(f.load_error);
    CHECK(f.loaded.universes == 1);
    const FakeBridge::Universe universe = f.bridge->universe(kGame);
    CHECK(universe.key == "open-cloud-key-1");
    CHECK(universe.key_version == version);
    CHECK(universe.mode == Mode::v1);
    CHECK(universe.prefix == "game");
    CHECK(universe.shards == 5);
    const UniverseView view = f.registry->find(kGame).value();
    CHECK(view.settings.name == "Obby");
    CHECK(view.settings.has_silent_servers);
    CHECK(view.created_at_ms == ManualClock::kStartMs);
    REQUIRE(view.active_key() != nullptr);
    CHECK(view.active_key()->state == KeyState::valid);
    CHECK(view.active_key()->fingerprint == f.vault->fingerprint("open-cloud-key-1"));
    CHECK(*f.book->origins(kGame) == std::vector<std::string>{"https://example.org"});
    CHECK(all_documents(f).find("open-cloud-key") == std::string::npos);
    CHECK(f.log.text().find("open-cloud-key") == std::string::npos);
}

TEST_CASE("a key is replaced without a gap", "[roblox][registry]") {
    RegistryFixture f;
    REQUIRE_FALSE(f.add(kGame, "key-one"));
    const std::uint64_t first = f.bridge->universe(kGame).key_version;
    REQUIRE_FALSE(f.set_key(kGame, 1, "key-two"));
    CHECK(f.bridge->universe(kGame).key == "key-one");
    CHECK(f.bridge->universe(kGame).key_version == first);
    REQUIRE_FALSE(activate(f, 1));
    CHECK(f.bridge->universe(kGame).key == "key-two");
    CHECK(f.bridge->universe(kGame).key_version != first);
    CHECK(remove_key(f, 1) == Error::key_in_use);

    // Back, should the new one turn out bad: the number of the key before is the same again.
    REQUIRE_FALSE(activate(f, 0));
    CHECK(f.bridge->universe(kGame).key_version == first);
    REQUIRE_FALSE(activate(f, 1));
    REQUIRE_FALSE(remove_key(f, 0));
    CHECK(remove_key(f, 0) == Error::unknown_key);
    CHECK(activate(f, 0) == Error::unknown_key);
    CHECK(activate(f, 2) == Error::unknown_key);
    f.start();
    CHECK(f.bridge->universe(kGame).key == "key-two");
    CHECK(f.registry->find(kGame)->keys.size() == 1);

    REQUIRE_FALSE(f.set_key(kGame, {}, "key-three"));
    CHECK(f.bridge->universe(kGame).key == "key-three");
    CHECK(f.set_key(kOther, {}, "x") == Error::unknown_universe);
    CHECK(f.set_key(kGame, {}, "") == Error::invalid_key);
    CHECK(f.set_key(kGame, {}, std::string(5'000, 'x')) == Error::invalid_key);
}

TEST_CASE("a removed universe takes its tokens along, so that its successor has none",
          "[roblox][registry]") {
    RegistryFixture f;
    REQUIRE_FALSE(f.add(kGame, "key"));
    REQUIRE_FALSE(f.add(kOther, "key"));
    const std::string mine = f.token({Right::web_read});
    const std::string both = f.token({Right::web_read}, {kGame, kOther});
    for (int i = 0; i < 500; ++i) REQUIRE_FALSE(f.token({Right::web_send}).empty());
    const auto who = [&](const std::string& token, UniverseId id) {
        const auto caller = f.book->authenticate({Credential::Kind::bearer, token}, id);
        return caller ? std::error_code() : caller.error();
    };
    REQUIRE_FALSE(who(mine, kGame));
    REQUIRE_FALSE(f.result_of([&](auto done) { f.registry->remove(kGame, done); }));
    CHECK(who(mine, kGame) == Error::invalid_token);
    CHECK(who(both, kGame) == Error::forbidden);
    CHECK_FALSE(who(both, kOther));
    CHECK_FALSE(f.bridge->has(kGame));
    CHECK_FALSE(f.book->has_universe(kGame));
    CHECK(f.result_of([&](auto done) { f.registry->remove(kGame, done); }) ==
          Error::unknown_universe);
    REQUIRE_FALSE(f.add(kGame, "key"));
    f.start();
    CHECK(f.loaded.tokens == 1);
    CHECK(who(mine, kGame) == Error::invalid_token);
    CHECK(who(both, kGame) == Error::forbidden);
    CHECK_FALSE(who(both, kOther));
}

TEST_CASE("of two changes that meet one is refused as a whole", "[roblox][registry]") {
    RegistryFixture f;
    REQUIRE_FALSE(f.add(kGame, "key"));
    // Somebody else changes the document between our look and our commit.
    const std::string text = fetch(f, kGameDocument);
    overwrite(f, kGameDocument, text);
    SettingsPatch patch{.name = "mine"};
    const auto change = [&] {
        return f.result_of([&](auto done) { f.registry->change(kGame, patch, done); });
    };
    CHECK(change() == core::Error::document_conflict);
    CHECK(fetch(f, kGameDocument) == text);
    // Memory has looked again meanwhile.
    CHECK_FALSE(change());
    CHECK(f.registry->find(kGame)->settings.name == "mine");

    REQUIRE(commit(*f.store, core::DocumentBatch().remove(kGameDocument)));
    CHECK(change() == core::Error::document_conflict);
    CHECK_FALSE(f.registry->contains(kGame));
    CHECK_FALSE(f.bridge->has(kGame));
    overwrite(f, "roblox/universe/7", text);
    CHECK(f.add(kOther, "key") == Error::universe_exists);
}

TEST_CASE("nothing is acknowledged or in force before it is committed", "[roblox][registry]") {
    RegistryFixture f;
    f.store->hold();
    CHECK(f.add(kGame, "key") == std::make_error_code(std::errc::operation_in_progress));
    CHECK_FALSE(f.registry->contains(kGame));
    CHECK_FALSE(f.bridge->has(kGame));
    // Of two additions that meet one wins.
    std::vector<std::error_code> answers;
    const auto note = [&](core::Result<void> result) {
        answers.push_back(result ? std::error_code() : result.error());
    };
    f.registry->add(kOther, {}, Secret("one"), {}, note);
    f.registry->add(kOther, {}, Secret("two"), {}, note);
    CHECK(answers.empty());
    f.store->release();
    CHECK(f.registry->contains(kGame));
    REQUIRE(answers.size() == 2);
    CHECK_FALSE(answers[0]);
    CHECK(answers[1] == Error::universe_exists);
    CHECK(f.bridge->universe(kOther).key == "one");

    // And of two changes, and of a change and a removal.
    answers.clear();
    f.store->hold();
    f.registry->change(kOther, {.name = "first"}, note);
    f.registry->change(kOther, {.name = "second"}, note);
    f.registry->remove(kGame, note);
    f.registry->change(kGame, {.name = "late"}, note);
    CHECK(f.registry->find(kOther)->settings.name.empty());
    f.store->release();
    REQUIRE(answers.size() == 4);
    CHECK_FALSE(answers[0]);
    CHECK(answers[1] == core::Error::document_conflict);
    CHECK_FALSE(answers[2]);
    CHECK(answers[3] == core::Error::document_conflict);
    CHECK(f.registry->find(kOther)->settings.name == "first");
    CHECK_FALSE(f.registry->contains(kGame));

    // A token is not good before, and a removed one until then.
    f.store->hold();
    std::string text;
    f.registry->create_token({.label = "t", .rights = {Right::web_read}, .universes = {kOther}},
                             [&](core::Result<NewToken> token) { text = token.value().text; });
    CHECK(f.book->tokens(kOther).empty());
    f.store->release();
    CHECK(f.book->authenticate({Credential::Kind::bearer, text}, kOther));
}

TEST_CASE("a store that fails changes nothing here", "[roblox][registry]") {
    RegistryFixture f;
    REQUIRE_FALSE(f.add(kGame, "key"));
    const core::Error unavailable = core::Error::store_unavailable;
    f.store->fail_with(unavailable);
    CHECK(f.add(kOther, "key") == unavailable);
    CHECK(f.set_key(kGame, 1, "next") == unavailable);
    CHECK(f.result_of([&](auto done) { f.registry->remove(kGame, done); }) == unavailable);
    CHECK(f.token({Right::web_read}).empty());
    f.registry->key_used(kGame, f.bridge->universe(kGame).key_version);
    f.registry->tick();
    CHECK(f.registry->size() == 1);
    CHECK(f.registry->find(kGame)->keys.size() == 1);
    CHECK(f.bridge->has(kGame));
    CHECK(f.book->tokens(kGame).empty());
    f.store->fail_with({});
    CHECK_FALSE(f.add(kOther, "key"));
    CHECK_FALSE(f.set_key(kGame, 1, "next"));
}

TEST_CASE("damaged and foreign records are reported, and everything else works",
          "[roblox][registry]") {
    RegistryFixture f;
    for (const std::uint64_t id : {1U, 2U, 3U, 4U}) REQUIRE_FALSE(f.add({id}, "key"));
    (void)f.token({Right::web_read}, {{1}});
    const std::string one = fetch(f, "roblox/universe/1");
    overwrite(f, "roblox/universe/2", "{not json");
    overwrite(f, "roblox/universe/3", one);  // another universe's: bound to it
    std::string tampered = one;
    const std::size_t at = tampered.find("pk1.") + 60;
    tampered[at] = tampered[at] == 'A' ? 'B' : 'A';
    overwrite(f, "roblox/universe/4", tampered);
    overwrite(f, "roblox/universe/007", one);
    overwrite(f, "roblox/token/abc", "{}");
    overwrite(f, "roblox/state/1", "[]");
    overwrite(f, "roblox/used/x", "soon");
    overwrite(f, "roblox/else", "?");
    f.start();
    CHECK_FALSE(f.load_error);
    CHECK(f.loaded.universes == 4);
    CHECK(f.loaded.damaged == 2);
    CHECK(f.loaded.unreadable == 2);
    CHECK(f.loaded.ignored == 2);
    CHECK(f.loaded.tokens == 1);
    CHECK(f.bridge->universe({1}).key == "key");
    for (const std::uint64_t id : {2U, 3U, 4U}) {
        CAPTURE(id);
        CHECK(f.bridge->has({id}));
        CHECK(f.bridge->universe({id}).key.empty());
        REQUIRE(f.registry->find({id})->active_key() != nullptr);
        CHECK_FALSE(f.registry->find({id})->active_key()->is_readable);
    }
    CHECK(f.registry->find({2})->is_damaged);
    CHECK(f.result_of([&](auto done) { f.registry->change({2}, {}, done); }) ==
          Error::invalid_record);
    // A new key makes it whole.
    REQUIRE_FALSE(f.set_key({2}, {}, "new-key"));
    CHECK(f.bridge->universe({2}).key == "new-key");
    CHECK_FALSE(f.registry->find({2})->is_damaged);
    CHECK_FALSE(f.result_of([&](auto done) { f.registry->remove({3}, done); }));
    f.start();
    CHECK(f.bridge->universe({2}).key == "new-key");

    const CheckReport report = check(*f.store, *f.vault).value();
    CHECK(report.keys == 2);
    CHECK(report.tokens == 1);
    CHECK(report.problems.size() == 3);
}

TEST_CASE("documents of a newer version are left alone", "[roblox][registry]") {
    RegistryFixture f;
    CHECK(fetch(f, "roblox/format") == "1");
    overwrite(f, "roblox/format", "2");
    f.start();
    CHECK(f.load_error == core::Error::store_incompatible);
}

TEST_CASE("keys move to a new master key, and only that one is needed then", "[roblox][registry]") {
    RegistryFixture f;
    REQUIRE_FALSE(f.add(kGame, "key-one"));
    REQUIRE_FALSE(f.set_key(kGame, 1, "key-two"));
    REQUIRE_FALSE(f.add(kOther, "key-three"));
    const std::uint64_t version = f.bridge->universe(kGame).key_version;
    const std::string both = std::string(kMasterTwo) + "," + std::string(kMasterOne);
    f.start(kMasterTwo);
    CHECK(f.loaded.unreadable == 3);
    CHECK(f.bridge->universe(kGame).key.empty());

    f.start(both);
    CHECK(f.loaded.unreadable == 0);
    CHECK(check(*f.store, *f.vault)->outdated == 3);
    const RekeyReport report = rekey(*f.store, *f.vault, f.rng).value();
    CHECK(report.rewritten == 3);
    CHECK(report.problems.empty());
    CHECK(rekey(*f.store, *f.vault, f.rng)->current == 3);

    f.start(kMasterTwo);
    CHECK(f.loaded.unreadable == 0);
    CHECK(f.bridge->universe(kGame).key == "key-one");
    CHECK(f.bridge->universe(kGame).key_version == version);
    CHECK(f.bridge->universe(kOther).key == "key-three");
    f.start(kMasterOne);
    CHECK(rekey(*f.store, *f.vault, f.rng)->problems.size() == 3);
}

TEST_CASE("records of the original are imported, in the mode that its game servers speak",
          "[roblox][registry]") {
    RegistryFixture f;
    std::string record;
    const std::string hex =
        "3130303030000102030405060708090a0b0c0d0e0f101112131415161718191a1ba0625ce108b634a8a20630db"
        "e3cfca382e57e48fab871f8a17cfd3000f65b1377936cd6786dccd304814";
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        record += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    const std::vector<LegacyRecord> records = {{kGame.to_string(), record},
                                               {kGame.to_string() + ":clients", "12"},
                                               {"007", record},
                                               {"8", record.substr(0, 60)}};
    const auto import = [&] {
        return import_legacy(*f.store, *f.vault, f.rng, f.clock.unix_ms(),
                             "correct horse battery staple", records)
            .value();
    };
    const ImportReport report = import();
    CHECK(report.imported == 1);
    CHECK(report.skipped == 1);
    REQUIRE(report.problems.size() == 2);
    CHECK(report.problems[0].document == "007");
    CHECK(import().imported == 0);
    f.start();
    CHECK(f.bridge->universe(kGame).key == "rbx-open-cloud-key-example");
    CHECK(f.bridge->universe(kGame).mode == Mode::v0);
    CHECK(f.registry->find(kGame)->active_key()->state == KeyState::unknown);
}

TEST_CASE("keys are asked about by schedule, and what is found is remembered",
          "[roblox][registry]") {
    RegistryFixture f;
    f.bridge->allow("key-one", {kGame}, 99, f.clock.unix_ms() + 10 * 86'400'000ULL);
    f.bridge->allow("key-two", {kOther});
    REQUIRE_FALSE(f.add(kGame, "key-one"));
    REQUIRE_FALSE(f.set_key(kGame, 1, "key-two"));
    for (int i = 0; i < 5; ++i) {
        f.advance(1min);
        f.registry->tick();
    }
    CHECK(f.bridge->probes() == 0);  // it was just checked
    f.advance(7h);
    f.registry->tick();
    CHECK(f.bridge->probes() == 1);
    CHECK(f.bridge->introspections() == 1);
    CHECK(f.bridge->universe(kGame).owner == 99);
    UniverseView view = f.registry->find(kGame).value();
    CHECK(view.keys[0].state == KeyState::valid);
    CHECK(view.keys[0].warning == "Expires in 9 days");
    CHECK(view.keys[1].state == KeyState::wrong_universe);

    // No answer says nothing.
    f.bridge->break_down();
    f.advance(7h);
    f.registry->tick();
    CHECK(f.bridge->probes() == 2);
    CHECK(f.registry->find(kGame)->keys[0].state == KeyState::valid);
    f.registry->tick();
    f.start();
    view = f.registry->find(kGame).value();
    CHECK(view.keys[0].expires_at_ms != 0);
    CHECK(view.keys[1].state == KeyState::wrong_universe);
    CHECK(f.bridge->universe(kGame).owner == 99);
}

TEST_CASE("what the bridge reports reaches the key it is about and no other",
          "[roblox][registry]") {
    RegistryFixture f;
    REQUIRE_FALSE(f.add(kGame, "key-one"));
    const std::uint64_t first = f.bridge->universe(kGame).key_version;
    REQUIRE_FALSE(f.set_key(kGame, 1, "key-two"));
    REQUIRE_FALSE(activate(f, 1));
    f.registry->key_reported(kGame,
                             {.key_version = first, .state = KeyState::rejected, .http = 401});
    f.registry->key_reported(kGame, {.key_version = 12'345, .state = KeyState::expired});
    f.registry->key_reported(kOther, {.key_version = first, .state = KeyState::expired});
    CHECK(f.registry->find(kGame)->keys[0].state == KeyState::rejected);
    CHECK(f.registry->find(kGame)->keys[1].state == KeyState::unknown);
    f.registry->key_used(kGame, f.bridge->universe(kGame).key_version);
    f.registry->tick();
    f.start();
    CHECK(f.registry->find(kGame)->keys[0].state == KeyState::rejected);
    CHECK(f.registry->find(kGame)->keys[1].used_at_ms == f.clock.unix_ms());
    f.advance(24h * 51);
    CHECK(f.registry->find(kGame)->keys[1].warning ==
          "Unused for 51 days: Roblox ends keys after 60 days without use");
}

TEST_CASE("a probe that is asked for is answered, joined, or given up in time",
          "[roblox][registry]") {
    RegistryFixture f;
    f.bridge->allow("key", {kGame});
    REQUIRE_FALSE(f.add(kGame, "key"));
    const auto probe = [&] {
        return f.result_of([&](auto done) { f.registry->probe(kGame, done); });
    };
    CHECK_FALSE(probe());
    CHECK(f.bridge->probes() == 1);
    f.bridge->break_down();
    CHECK(probe() == std::make_error_code(std::errc::host_unreachable));
    f.bridge->break_down(false);

    f.bridge->hold();
    std::vector<std::error_code> answers;
    for (int i = 0; i < 3; ++i) {
        f.registry->probe(kGame, [&](core::Result<void> result) {
            answers.push_back(result ? std::error_code() : result.error());
        });
    }
    CHECK(f.bridge->probes() == 3);
    CHECK(answers.empty());
    f.bridge->release();
    CHECK(answers == std::vector<std::error_code>(3));

    f.bridge->hold();
    answers.clear();
    f.registry->probe(kGame, [&](core::Result<void> result) {
        answers.push_back(result ? std::error_code() : result.error());
    });
    f.advance(5s);
    f.registry->tick();
    CHECK(answers == std::vector{std::make_error_code(std::errc::timed_out)});
    f.bridge->release();
    CHECK(answers.size() == 1);
    CHECK_FALSE(probe());
    CHECK(f.result_of([&](auto done) { f.registry->probe(kOther, done); }) ==
          Error::unknown_universe);
}

TEST_CASE("the number of universes, tokens and waiting probes is bounded", "[roblox][registry]") {
    RegistryFixture f;
    f.start(kMasterOne, {.max_universes = 2, .max_tokens_per_universe = 2, .max_probe_waiters = 2});
    REQUIRE_FALSE(f.add({1}, "key"));
    REQUIRE_FALSE(f.add({2}, "key"));
    CHECK(f.add({3}, "key") == Error::too_many_entries);
    CHECK_FALSE(f.token({Right::web_read}, {{1}}).empty());
    CHECK_FALSE(f.token({Right::web_read}, {{1}}).empty());
    CHECK(f.token({Right::web_read}, {{1}}).empty());
    CHECK(f.token({Right::web_read}, {{9}}).empty());
    f.bridge->hold();
    for (int i = 0; i < 2; ++i) f.registry->probe({1}, [](core::Result<void>) {});
    CHECK(f.result_of([&](auto done) { f.registry->probe({1}, done); }) == Error::too_many_entries);
    REQUIRE_FALSE(f.result_of([&](auto done) { f.registry->remove({1}, done); }));
    CHECK_FALSE(f.add({3}, "key"));
}

TEST_CASE("tokens outlive a restart, their last use coarsely", "[roblox][registry]") {
    RegistryFixture f;
    REQUIRE_FALSE(f.add(kGame, "key"));
    const std::string text = f.token({Right::game_send, Right::game_poll});
    CHECK(all_documents(f).find(text.substr(17)) == std::string::npos);
    f.advance(1h);
    REQUIRE(f.book->authenticate({Credential::Kind::bearer, text}, kGame));
    f.registry->tick();
    f.start();
    CHECK(f.loaded.tokens == 1);
    const auto caller = f.book->authenticate({Credential::Kind::bearer, text}, kGame);
    REQUIRE(caller);
    CHECK(caller->may(Right::game_poll, kGame));
    CHECK(f.book->tokens(kGame).front().used_at_ms == f.clock.unix_ms());
    REQUIRE_FALSE(
        f.result_of([&](auto done) { f.registry->remove_token(caller->token_id, done); }));
    CHECK_FALSE(f.book->holds(*caller));
    CHECK(f.result_of([&](auto done) { f.registry->remove_token(caller->token_id, done); }) ==
          Error::unknown_token);
    f.start();
    CHECK(f.loaded.tokens == 0);
    CHECK(all_documents(f).find("roblox/used/") == std::string::npos);
}

TEST_CASE("a token that has expired is listed for thirty days and then forgotten",
          "[roblox][registry]") {
    RegistryFixture f;
    REQUIRE_FALSE(f.add(kGame, "key"));
    const std::string brief = f.token({Right::web_read}, {kGame}, 1h);
    const std::string lasting = f.token({Right::web_read});
    REQUIRE(f.book->authenticate({Credential::Kind::bearer, brief}, kGame));
    f.registry->tick();  // its use is written down, too
    f.advance(1h);
    CHECK_FALSE(f.book->authenticate({Credential::Kind::bearer, brief}, kGame));
    f.advance(30 * 24h - 1s);
    f.registry->tick();
    CHECK(f.book->tokens(kGame).size() == 2);
    f.advance(1min);
    SECTION("at once") { f.registry->tick(); }
    SECTION("after a restart") {
        f.start();
        CHECK(f.loaded.tokens == 2);
        f.registry->tick();
    }
    CHECK(f.book->tokens(kGame).size() == 1);
    f.start();
    CHECK(f.loaded.tokens == 1);
    CHECK(all_documents(f).find("roblox/used/" + brief.substr(4, 12)) == std::string::npos);
    CHECK(f.book->authenticate({Credential::Kind::bearer, lasting}, kGame));
}

TEST_CASE("expired tokens keep no new one out", "[roblox][registry]") {
    RegistryFixture f;
    f.start(kMasterOne, {.max_tokens_per_universe = 2});
    REQUIRE_FALSE(f.add(kGame, "key"));
    REQUIRE_FALSE(f.token({Right::web_read}, {kGame}, 2h).empty());
    REQUIRE_FALSE(f.token({Right::web_read}, {kGame}, 1h).empty());
    CHECK(f.token({Right::web_read}).empty());
    f.advance(2h);
    // The one that expired first goes.
    const std::string first = f.token({Right::web_read});
    REQUIRE_FALSE(first.empty());
    REQUIRE(f.book->tokens(kGame).size() == 2);
    CHECK(f.book->tokens(kGame).front().record.expires_at_ms == f.clock.unix_ms());
    CHECK_FALSE(f.token({Right::web_read}).empty());
    CHECK(f.token({Right::web_read}).empty());
    CHECK(f.book->authenticate({Credential::Kind::bearer, first}, kGame));
    f.start();
    CHECK(f.loaded.tokens == 2);
}
