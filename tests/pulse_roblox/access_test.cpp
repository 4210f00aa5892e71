// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <set>
#include <string>
#include <vector>

#include <pulse/roblox/access.hpp>
#include <pulse/roblox/error.hpp>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;

namespace {

constexpr UniverseId kUniverse{7};
constexpr UniverseId kOther{8};
constexpr core::MonotonicTime kStart{1h};

TokenRecord wanted(Rights rights) {
    return {.label = "a game", .rights = rights, .universes = {kUniverse}};
}

}  // namespace

TEST_CASE("A token grants its rights on its universes and no others", "[roblox][access]") {
    core::SeededRng rng(1);
    TokenBook book = TokenBook::make("the-admin-key").value();
    const NewToken token =
        make_token(wanted({Right::game_send, Right::game_poll}), rng, 1'000).value();
    CHECK(token.text.starts_with("plt_" + token.record.id + "_"));
    CHECK(token.text.size() == 60);
    CHECK(token.record.created_at_ms == 1'000);
    REQUIRE(book.add(token.record));
    const Grant grant = book.verify(token.text, 2'000).value();
    CHECK(grant.id == token.record.id);
    CHECK(grant.allows(Right::game_send, kUniverse));
    CHECK(grant.allows(Right::game_poll, kUniverse));
    CHECK_FALSE(grant.allows(Right::game_send, kOther));
    CHECK_FALSE(grant.allows(Right::web_read, kUniverse));
    CHECK_FALSE(grant.allows(Right::web_send, kUniverse));
    CHECK_FALSE(grant.allows(Right::admin, kUniverse));
    CHECK(book.remove(token.record.id));
    CHECK_FALSE(book.remove(token.record.id));
    CHECK(book.verify(token.text, 2'000).error() == Error::invalid_token);
}

TEST_CASE("The legacy key is an admin token, and must be there", "[roblox][access]") {
    CHECK(TokenBook::make("").error() == Error::invalid_key);
    CHECK(TokenBook::make(std::string(1'025, 'x')).error() == Error::invalid_key);
    const TokenBook book = TokenBook::make("the-admin-key").value();
    const Grant grant = book.verify("the-admin-key", 0).value();
    for (const Right right :
         {Right::web_read, Right::web_send, Right::game_send, Right::game_poll, Right::admin}) {
        CHECK(grant.allows(right, kUniverse));
    }
    for (const std::string& wrong :
         {std::string(), std::string("the-admin-ke"), std::string("the-admin-key "),
          std::string("undefined"), std::string("plt_"), std::string(2'000, 'x')}) {
        CAPTURE(wrong);
        CHECK(book.verify(wrong, 0).error() == Error::invalid_token);
    }
}

TEST_CASE("Whatever is changed in a token, it is refused", "[roblox][access]") {
    core::SeededRng rng(1);
    TokenBook book = TokenBook::make("k").value();
    const NewToken token = make_token(wanted({Right::web_read}), rng, 0).value();
    REQUIRE(book.add(token.record));
    for (std::size_t at = 0; at < token.text.size(); ++at) {
        std::string changed = token.text;
        changed[at] = changed[at] == 'a' ? 'b' : 'a';
        CHECK_FALSE(book.verify(changed, 0));
        CHECK_FALSE(book.verify(token.text.substr(0, at), 0));
    }
    CHECK_FALSE(book.verify(token.text + "a", 0));
    // One token's name with another's secret.
    const NewToken other = make_token(wanted({Right::web_read}), rng, 0).value();
    REQUIRE(book.add(other.record));
    CHECK_FALSE(book.verify(token.text.substr(0, 17) + other.text.substr(17), 0));
}

TEST_CASE("Tokens expire, and their number is bounded", "[roblox][access]") {
    core::SeededRng rng(1);
    TokenBook book = TokenBook::make("k").value();
    TokenRecord record = wanted({Right::web_send});
    record.expires_at_ms = 5'000;
    const NewToken token = make_token(record, rng, 0).value();
    REQUIRE(book.add(token.record));
    CHECK(book.verify(token.text, 4'999));
    CHECK_FALSE(book.verify(token.text, 5'000));
    for (std::size_t i = 1; i < TokenBook::kMaxTokens; ++i) {
        TokenRecord one = token.record;
        one.id = "t" + std::to_string(i);
        REQUIRE(book.add(one));
    }
    TokenRecord one_more = token.record;
    one_more.id = "more";
    CHECK(book.add(one_more).error() == Error::too_many_entries);
    CHECK(book.add(token.record));  // replacing is not adding
}

TEST_CASE("A token for games can neither read web traffic nor manage", "[roblox][access]") {
    core::SeededRng rng(1);
    for (const Rights rights :
         {Rights{}, Rights{Right::game_send, Right::web_read},
          Rights{Right::game_poll, Right::web_read}, Rights{Right::game_send, Right::admin},
          Rights{Right::game_poll, Right::web_send, Right::admin}}) {
        CHECK(make_token(wanted(rights), rng, 0).error() == Error::invalid_rights);
    }
    CHECK(make_token(wanted({Right::game_send, Right::game_poll, Right::web_send}), rng, 0));
    CHECK(make_token(wanted({Right::web_read, Right::admin}), rng, 0));
    TokenRecord nowhere = wanted({Right::web_read});
    nowhere.universes.clear();
    CHECK(make_token(nowhere, rng, 0).error() == Error::invalid_rights);
    nowhere.is_for_all = true;
    CHECK(make_token(nowhere, rng, 0));
    TokenRecord everywhere = wanted({Right::web_read});
    everywhere.universes.resize(257, kUniverse);
    CHECK_FALSE(make_token(everywhere, rng, 0));
}

TEST_CASE("Token records are stored and read back without the secret", "[roblox][access]") {
    core::SeededRng rng(1);
    TokenRecord record = wanted({Right::game_send, Right::game_poll});
    record.label = "l\"a\nbel";
    record.universes = {kUniverse, {9'223'372'036'854'775'807ULL}};
    record.expires_at_ms = 17;
    const NewToken token = make_token(record, rng, 3).value();
    const std::string text = encode_token_record(token.record);
    CHECK(decode_token_record(text).value() == token.record);
    CHECK(text.find(token.text.substr(17)) == std::string::npos);
    for (std::size_t size = 0; size < text.size(); ++size) {
        CHECK_FALSE(decode_token_record(std::string_view(text).substr(0, size)));
    }
    TokenRecord forged = token.record;
    forged.rights = {Right::game_send, Right::admin};
    CHECK(decode_token_record(encode_token_record(forged)).error() == Error::invalid_record);
    forged = token.record;
    forged.id = "short";
    CHECK_FALSE(decode_token_record(encode_token_record(forged)));
    forged = token.record;
    forged.is_for_all = true;
    forged.universes.clear();
    CHECK(decode_token_record(encode_token_record(forged)).value() == forged);
    CHECK_FALSE(decode_token_record("{}"));
    CHECK_FALSE(decode_token_record(R"({"v":1,"universes":"7"})"));
}

TEST_CASE("A ticket opens its universe once, within half a minute", "[roblox][access]") {
    core::SeededRng rng(1);
    TicketBook book;
    const Grant grant{.id = "t", .rights = {Right::web_read}, .universes = {kUniverse}};
    const auto issue = [&] { return book.issue(kUniverse, grant, rng, kStart).value(); };
    std::string ticket = issue();
    CHECK(ticket.size() == 43);
    CHECK(book.redeem(ticket, kUniverse, kStart + 29s)->id == "t");
    CHECK(book.redeem(ticket, kUniverse, kStart + 29s).error() == Error::invalid_token);
    ticket = issue();
    CHECK_FALSE(book.redeem(ticket, kUniverse, kStart + 30s));
    ticket = issue();
    CHECK_FALSE(book.redeem(ticket, kOther, kStart));
    CHECK_FALSE(book.redeem(ticket, kUniverse, kStart));  // spent on the wrong door
    CHECK_FALSE(book.redeem("", kUniverse, kStart));
    CHECK_FALSE(book.redeem(std::string(2'000, 'x'), kUniverse, kStart));
    for (std::size_t i = 0; i < TicketBook::kMaxTickets; ++i) {
        REQUIRE(book.issue(kUniverse, grant, rng, kStart + 1h));
    }
    CHECK(book.issue(kUniverse, grant, rng, kStart + 1h).error() == Error::too_many_entries);
    CHECK(book.issue(kUniverse, grant, rng, kStart + 1h + 30s));
}

TEST_CASE("Sessions end when idle, when old, when told, and when there are too many",
          "[roblox][access]") {
    core::SeededRng rng(1);
    SessionBook book;
    const std::string id = book.start(rng, kStart);
    CHECK(book.touch(id, kStart + 11h));
    CHECK(book.touch(id, kStart + 22h));
    CHECK_FALSE(book.touch(id, kStart + 34h));
    CHECK(book.size() == 0);
    const std::string old = book.start(rng, kStart);
    for (int hours = 1; hours < 7 * 24; ++hours) {
        REQUIRE(book.touch(old, kStart + std::chrono::hours(hours)));
    }
    CHECK_FALSE(book.touch(old, kStart + 7 * 24h));
    const std::string logged_in = book.start(rng, kStart);
    CHECK(logged_in != old);
    CHECK(book.end(logged_in));
    CHECK_FALSE(book.end(logged_in));
    CHECK_FALSE(book.touch(logged_in, kStart));
    CHECK_FALSE(book.touch("", kStart));
    CHECK_FALSE(book.touch("chosen-by-somebody", kStart));

    const std::string first = book.start(rng, kStart);
    const std::string second = book.start(rng, kStart);
    CHECK(book.touch(first, kStart + 1s));
    for (std::size_t i = 0; i < SessionBook::kMaxSessions - 1; ++i) {
        (void)book.start(rng, kStart + 2s);
    }
    CHECK(book.size() == SessionBook::kMaxSessions);
    CHECK_FALSE(book.touch(second, kStart + 2s));
    CHECK(book.touch(first, kStart + 2s));
    book.end_all();
    CHECK(book.size() == 0);
}

TEST_CASE("Five logins a minute and address", "[roblox][access]") {
    LoginLimiter limiter;
    for (int i = 0; i < 5; ++i) CHECK_FALSE(limiter.attempt("a", kStart));
    CHECK(limiter.attempt("a", kStart + 10s) == 50s);
    CHECK_FALSE(limiter.attempt("b", kStart + 10s));
    CHECK_FALSE(limiter.attempt("a", kStart + 60s));
    for (std::size_t i = 0; i < LoginLimiter::kMaxAddresses; ++i) {
        (void)limiter.attempt("x" + std::to_string(i), kStart + 61s);
    }
    for (int i = 0; i < 5; ++i) (void)limiter.attempt("new" + std::to_string(i), kStart + 62s);
    CHECK(limiter.attempt("yet another", kStart + 62s));
    CHECK_FALSE(limiter.attempt("yet another", kStart + 10min));
}

TEST_CASE("Credentials are found where they may stand", "[roblox][access]") {
    CHECK(parse_bearer("Bearer abc") == "abc");
    CHECK(parse_bearer("Bearer  abc ") == "abc");
    CHECK(parse_bearer("bearer abc").empty());
    CHECK(parse_bearer("Basic abc").empty());
    CHECK(parse_bearer("").empty());
    CHECK(parse_protocol_token("pulse.v1, bearer.abc") == "abc");
    CHECK(parse_protocol_token("bearer.abc") == "abc");
    CHECK(parse_protocol_token("pulse.v1").empty());
    CHECK(parse_protocol_token(", ,").empty());
    const std::vector<std::string> allowed = {"https://example.com", "http://localhost:8080"};
    CHECK(is_allowed_origin("https://example.com", allowed));
    CHECK(is_allowed_origin("HTTPS://Example.com", allowed));
    for (const char* origin : {"", "null", "https://example.com.evil.org", "https://example.co",
                               "http://example.com", "https://example.com:444"}) {
        CAPTURE(origin);
        CHECK_FALSE(is_allowed_origin(origin, allowed));
    }
    CHECK_FALSE(is_allowed_origin("https://example.com", {}));
}

TEST_CASE("Rights have names that are read back", "[roblox][access]") {
    for (const Right right :
         {Right::web_read, Right::web_send, Right::game_send, Right::game_poll, Right::admin}) {
        const auto names = to_names({right});
        REQUIRE(names.size() == 1);
        CHECK(parse_right(names[0]) == right);
    }
    CHECK_FALSE(parse_right("web"));
    CHECK(to_names({}).empty());
}
