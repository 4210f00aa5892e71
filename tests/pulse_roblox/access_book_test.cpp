// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

#include <string>
#include <vector>

#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/error.hpp>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;
using pulse::test::ManualClock;
using Kind = Credential::Kind;

namespace {

constexpr UniverseId kGame{7};
constexpr UniverseId kOther{8};

struct Fixture {
    ManualClock clock;
    core::SystemRng rng;
    std::unique_ptr<AccessBook> book = AccessBook::make({"key-one", "key-two"}, clock, rng).value();

    std::string token(Rights rights, std::uint64_t expires_at_ms = 0) {
        const NewToken made = make_token({.label = "t",
                                          .rights = rights,
                                          .universes = {kGame},
                                          .expires_at_ms = expires_at_ms},
                                         rng, clock.unix_ms())
                                  .value();
        REQUIRE(book->add_token(made.record));
        return made.text;
    }
    core::Result<Caller> bearer(std::string_view text, std::optional<UniverseId> id = kGame) {
        return book->authenticate({Kind::bearer, std::string(text)}, id);
    }
};

core::PeerAddress address(std::uint8_t last) {
    core::PeerAddress peer;
    peer.bytes = {192, 0, 2, last};
    return peer;
}

core::HttpRequest request(std::string method,
                          std::vector<std::pair<std::string, std::string>> headers,
                          std::string query = {}) {
    core::HttpRequest made;
    made.method = std::move(method);
    made.query = std::move(query);
    made.headers = std::move(headers);
    return made;
}

}  // namespace

TEST_CASE("every API key is an admin of everything, and there must be one", "[roblox][book]") {
    Fixture f;
    for (const char* key : {"key-one", "key-two"}) {
        const Caller caller = f.bearer(key).value();
        CHECK(caller.is_admin);
        CHECK(caller.token_id == "admin");
        CHECK(caller.may(Right::web_read, kOther));
        CHECK(f.book->holds(caller));
    }
    CHECK(f.bearer("key-thre").error() == Error::invalid_token);
    CHECK(f.bearer("").error() == Error::invalid_token);
    CHECK(AccessBook::make({}, f.clock, f.rng).error() == Error::invalid_key);
    CHECK(AccessBook::make({"a", ""}, f.clock, f.rng).error() == Error::invalid_key);
    CHECK(AccessBook::make(std::vector<std::string>(17, "a"), f.clock, f.rng).error() ==
          Error::invalid_key);
}

TEST_CASE("a token is good for its universes until it is removed or expires", "[roblox][book]") {
    Fixture f;
    f.book->set_universe(kGame, {});
    const std::string text = f.token({Right::web_read}, f.clock.unix_ms() + 60'000);
    const Caller caller = f.bearer(text).value();
    CHECK(caller.may(Right::web_read, kGame));
    CHECK_FALSE(caller.may(Right::web_send, kGame));
    CHECK_FALSE(caller.is_admin);
    CHECK(f.bearer(text, kOther).error() == Error::forbidden);
    CHECK(f.book->holds(caller, kGame));
    CHECK_FALSE(f.book->holds(caller, kOther));

    f.clock.advance(60s);
    CHECK_FALSE(f.book->holds(caller));
    CHECK(f.bearer(text).error() == Error::invalid_token);

    const Caller other = f.bearer(f.token({Right::web_send})).value();
    const std::uint64_t before = f.book->generation();
    CHECK(f.book->remove_token(other.token_id));
    CHECK(f.book->generation() > before);
    CHECK_FALSE(f.book->holds(other));
    CHECK_FALSE(f.book->remove_token(other.token_id));
}

TEST_CASE("a ticket works once, for its universe, and ends with what it was made with",
          "[roblox][book]") {
    Fixture f;
    f.book->set_universe(kGame, {});
    const auto redeem = [&](const std::string& ticket, UniverseId id) {
        return f.book->authenticate({Kind::ticket, ticket}, id);
    };
    const Caller maker = f.bearer(f.token({Right::web_read})).value();
    const std::string ticket = f.book->make_ticket(maker, kGame).value();
    CHECK(f.book->authenticate({Kind::ticket, ticket}, {}).error() == Error::invalid_token);
    const Caller caller = redeem(ticket, kGame).value();
    CHECK(caller.may(Right::web_read, kGame));
    CHECK_FALSE(caller.is_by_cookie);
    CHECK(redeem(ticket, kGame).error() == Error::invalid_token);

    CHECK(redeem(f.book->make_ticket(maker, kGame).value(), kOther).error() ==
          Error::invalid_token);
    const std::string late = f.book->make_ticket(maker, kGame).value();
    f.clock.advance(30s);
    CHECK(redeem(late, kGame).error() == Error::invalid_token);

    const std::string orphan = f.book->make_ticket(maker, kGame).value();
    f.book->remove_token(maker.token_id);
    CHECK(redeem(orphan, kGame).error() == Error::invalid_token);
    CHECK_FALSE(f.book->holds(caller));

    const Caller game = f.bearer(f.token({Right::game_send})).value();
    CHECK(f.book->make_ticket(game, kGame).error() == Error::forbidden);
    // An admin's ticket is for one universe only.
    const Caller admin = f.bearer("key-one").value();
    const Caller narrowed = redeem(f.book->make_ticket(admin, kGame).value(), kGame).value();
    CHECK_FALSE(narrowed.is_admin);
    CHECK_FALSE(narrowed.may(Right::web_read, kOther));
}

TEST_CASE("tickets that nobody redeems do not pile up", "[roblox][book]") {
    Fixture f;
    const Caller admin = f.bearer("key-one").value();
    for (std::size_t i = 0; i < TicketBook::kMaxTickets; ++i) {
        REQUIRE(f.book->make_ticket(admin, kGame));
    }
    CHECK(f.book->make_ticket(admin, kGame).error() == Error::too_many_entries);
    f.clock.advance(30s);
    CHECK(f.book->make_ticket(admin, kGame));
}

TEST_CASE("a session ends after twelve idle hours, seven days, or a log-out", "[roblox][book]") {
    Fixture f;
    const auto log_in = [&] { return f.book->log_in("key-one", address(1), "").session; };
    const auto caller = [&](const std::string& id) {
        return f.book->authenticate({Kind::session_cookie, id}, {});
    };
    const std::string idle = log_in();
    REQUIRE(caller(idle));
    CHECK(caller(idle)->is_by_cookie);
    CHECK(caller(idle)->is_admin);
    const Caller open = caller(idle).value();
    f.clock.advance(12h - 1s);
    CHECK(f.book->holds(open));
    f.clock.advance(1s);
    CHECK_FALSE(f.book->holds(open));
    CHECK_FALSE(f.book->has_session(idle));

    const std::string busy = log_in();
    const Caller watching = caller(busy).value();
    for (int hours = 0; hours < 7 * 24 - 6; hours += 6) {
        REQUIRE(f.book->has_session(busy));
        REQUIRE(f.book->holds(watching));
        f.clock.advance(6h);
    }
    REQUIRE(f.book->has_session(busy));
    f.clock.advance(6h);
    CHECK_FALSE(f.book->has_session(busy));
    CHECK_FALSE(f.book->holds(watching));

    const std::string left = log_in();
    const Caller leaving = caller(left).value();
    f.book->log_out(left);
    CHECK_FALSE(f.book->has_session(left));
    CHECK_FALSE(f.book->holds(leaving));
    CHECK_FALSE(f.book->has_session(""));
    CHECK_FALSE(f.book->has_session(std::string(5'000, 'x')));
}

TEST_CASE("a login makes a new session and ends the one that the browser came with",
          "[roblox][book]") {
    Fixture f;
    const std::string first = f.book->log_in("key-one", address(1), "").session;
    const std::string second = f.book->log_in("key-two", address(1), first).session;
    CHECK(second != first);
    CHECK(second.size() == 43);
    CHECK_FALSE(f.book->has_session(first));
    // An id that somebody else chose is not taken over.
    const std::string third = f.book->log_in("key-one", address(2), "chosen").session;
    CHECK(third != "chosen");
    CHECK_FALSE(f.book->has_session("chosen"));
    CHECK(f.book->session_count() == 2);
    for (int i = 0; i < 1'100; ++i) {
        f.clock.advance(1s);
        const auto last = static_cast<std::uint8_t>(10 + i % 200);
        REQUIRE_FALSE(f.book->log_in("key-one", address(last), "").session.empty());
    }
    CHECK(f.book->session_count() == SessionBook::kMaxSessions);
}

TEST_CASE("five attempts to log in a minute and address, right or wrong", "[roblox][book]") {
    Fixture f;
    for (int i = 0; i < 5; ++i) {
        const auto answer = f.book->log_in("wrong", address(1), "");
        CHECK(answer.session.empty());
        CHECK_FALSE(answer.retry_after);
    }
    const auto refused = f.book->log_in("key-one", address(1), "");
    CHECK(refused.session.empty());
    CHECK(refused.retry_after == 60s);
    CHECK_FALSE(f.book->log_in("key-one", address(2), "").session.empty());
    f.clock.advance(60s);
    CHECK_FALSE(f.book->log_in("key-one", address(1), "").session.empty());

    // One customer has a /64 of addresses, and IPv4 is IPv4 however it is written.
    core::PeerAddress six;
    six.is_v6 = true;
    six.bytes = {0x20, 1, 0xd, 0xb8, 0, 1, 0, 2};
    for (std::uint8_t i = 0; i < 5; ++i) {
        six.bytes[15] = i;
        CHECK_FALSE(f.book->log_in("wrong", six, "").retry_after);
    }
    six.bytes[15] = 99;
    CHECK(f.book->log_in("wrong", six, "").retry_after);
    six.bytes[7] = 3;
    CHECK_FALSE(f.book->log_in("wrong", six, "").retry_after);
    core::PeerAddress mapped;
    mapped.is_v6 = true;
    mapped.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
    for (int i = 0; i < 4; ++i) CHECK_FALSE(f.book->log_in("wrong", mapped, "").retry_after);
    CHECK(f.book->log_in("wrong", address(1), "").retry_after);
}

TEST_CASE("credentials are found in their order", "[roblox][book]") {
    const std::string query = "apiKey=k%20y&ticket=t";
    const auto found = [](const core::HttpRequest& asked, QueryCredentials query_counts) {
        const Credential credential = find_credential(asked, query_counts);
        return std::pair(credential.kind, credential.text);
    };
    const std::pair<std::string, std::string> cookie{"Cookie", "a=b; pulse.session=s; c=d"};
    const std::pair<std::string, std::string> bearer{"authorization", "Bearer b"};
    using Q = QueryCredentials;
    CHECK(found(request("GET", {cookie, bearer}, query), Q::accepted) ==
          std::pair(Kind::bearer, std::string("b")));
    CHECK(found(request("GET", {cookie}, query), Q::accepted) ==
          std::pair(Kind::ticket, std::string("t")));
    CHECK(found(request("GET", {cookie}, query), Q::ignored) ==
          std::pair(Kind::session_cookie, std::string("s")));
    CHECK(found(request("GET", {cookie}, "apiKey=k%20y"), Q::accepted) ==
          std::pair(Kind::query_key, std::string("k y")));
    CHECK(found(request("GET", {cookie}, "apiKey="), Q::accepted).first == Kind::session_cookie);
    CHECK(found(request("GET", {}, query), Q::ignored).first == Kind::none);
    CHECK(found(request("GET", {{"authorization", "Basic x"}, cookie}), Q::ignored).first ==
          Kind::session_cookie);
    CHECK(
        found(request("GET", {{"cookie", "xpulse.session=s; pulse.session"}}), Q::ignored).first ==
        Kind::none);

    core::OpenRequest open;
    open.query = query;
    open.header = [](std::string_view name) -> std::string_view {
        return name == "sec-websocket-protocol" ? "pulse.v1, bearer.tok" : "";
    };
    CHECK(find_credential(open).kind == Kind::bearer);
    CHECK(find_credential(open).text == "tok");
    open.header = [](std::string_view) -> std::string_view { return {}; };
    CHECK(find_credential(open).kind == Kind::ticket);
    open.header = [](std::string_view name) -> std::string_view {
        return name == "cookie" ? "pulse.session=s" : "";
    };
    open.query = "apiKey=k";
    CHECK(find_credential(open).kind == Kind::query_key);
    open.query = "";
    CHECK(find_credential(open).kind == Kind::session_cookie);
}

TEST_CASE("an origin is our own by host and port", "[roblox][book]") {
    CHECK(is_own_origin("https://Pulse.example", "pulse.example"));
    CHECK(is_own_origin("https://pulse.example", "pulse.example:443"));
    CHECK(is_own_origin("http://pulse.example:80", "pulse.example"));
    CHECK(is_own_origin("http://127.0.0.1:8080", "127.0.0.1:8080"));
    CHECK(is_own_origin("http://[::1]:8080", "[::1]:8080"));
    CHECK(is_own_origin("http://[::1]", "[::1]"));
    CHECK_FALSE(is_own_origin("http://127.0.0.1:8081", "127.0.0.1:8080"));
    CHECK_FALSE(is_own_origin("https://evil.example", "pulse.example"));
    CHECK_FALSE(is_own_origin("https://pulse.example.evil", "pulse.example"));
    CHECK_FALSE(is_own_origin("null", "pulse.example"));
    CHECK_FALSE(is_own_origin("", ""));
    CHECK_FALSE(is_own_origin("https://", ""));
    CHECK_FALSE(is_own_origin("ftp://pulse.example", "pulse.example"));
}

TEST_CASE("what changes something by cookie must come from an own page", "[roblox][book]") {
    Fixture f;
    const std::string cookie = "pulse.session=" + f.book->log_in("key-one", address(1), "").session;
    const auto admit = [&](std::string method,
                           std::vector<std::pair<std::string, std::string>> headers) {
        headers.emplace_back("host", "pulse.example");
        const auto caller =
            f.book->admit(request(std::move(method), std::move(headers)), Right::admin, {});
        return caller ? std::string("in") : std::string(refusal_for(caller.error()).text);
    };
    CHECK(admit("GET", {{"cookie", cookie}}) == "in");
    CHECK(admit("POST", {{"cookie", cookie}}) == "Origin not allowed");
    CHECK(admit("POST", {{"cookie", cookie}, {"origin", "https://evil.example"}}) ==
          "Origin not allowed");
    CHECK(admit("POST", {{"cookie", cookie}, {"origin", "https://pulse.example"}}) == "in");
    CHECK(admit("DELETE", {{"cookie", cookie}, {"sec-fetch-site", "same-origin"}}) == "in");
    CHECK(admit("POST", {{"cookie", cookie}, {"sec-fetch-site", "same-site"}}) ==
          "Origin not allowed");
    CHECK(admit("POST", {{"cookie", cookie},
                         {"sec-fetch-site", "same-origin"},
                         {"origin", "https://evil.example"}}) == "Origin not allowed");
    CHECK(admit("POST",
                {{"authorization", "Bearer key-one"}, {"origin", "https://evil.example"}}) == "in");
    CHECK(admit("GET", {}) == "Invalid API Key");
    const std::string token = f.token({Right::admin});
    CHECK(admit("GET", {{"authorization", "Bearer " + token}}) == "Forbidden");
}

TEST_CASE("uses of tokens are taken once, and not too often", "[roblox][book]") {
    Fixture f;
    const std::string text = f.token({Right::web_read});
    (void)f.token({Right::web_read});
    CHECK(f.book->take_uses(10, 10min).empty());
    REQUIRE(f.bearer(text));
    const auto uses = f.book->take_uses(10, 10min);
    REQUIRE(uses.size() == 1);
    CHECK(uses.front().second == f.clock.unix_ms());
    f.clock.advance(9min);
    REQUIRE(f.bearer(text));
    CHECK(f.book->take_uses(10, 10min).empty());
    f.clock.advance(1min);
    REQUIRE(f.bearer(text));
    CHECK(f.book->take_uses(10, 10min).size() == 1);
    CHECK(f.book->token(uses.front().first)->used_at_ms == f.clock.unix_ms());
    CHECK(f.book->tokens(kGame).size() == 2);
    CHECK(f.book->tokens(kOther).empty());
}
