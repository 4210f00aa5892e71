// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Channels of the hub for clients of rooms: what they get, under whose rights, and until when.
#include "channel_message.hpp"
#include "page_origin.hpp"
#include "support/catch.hpp"
#include "support/room_fixture.hpp"
#include "support/room_texts.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <pulse/core/authenticator.hpp>

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

/// What the test can take back.
struct TestRights final : core::Rights {
    explicit TestRights(std::chrono::milliseconds interval_ = 0ms) : interval(interval_) {}
    [[nodiscard]] bool allows(core::Action action,
                              std::string_view channel) const noexcept override {
        return action == core::Action::subscribe && channel.starts_with(prefix);
    }
    [[nodiscard]] std::chrono::milliseconds review_interval() const noexcept override {
        return interval;
    }
    [[nodiscard]] bool holds() const noexcept override { return is_good; }

    std::string prefix = "roblox:1";
    bool is_good = true;
    std::chrono::milliseconds interval;
};

/// Anonymous clients may listen to "open…". Tokens: "good" has `rights`, "wrong" is refused,
/// "away" cannot be checked, "nobody" is anonymous, and "later" waits for the test.
struct TestAuthenticator final : core::Authenticator {
    void authenticate(const core::Credentials& credentials, Done done) override {
        ++questions;
        origin = credentials.origin;
        peer = credentials.peer;
        if (credentials.token == "good") return done(core::Identity{"me", rights});
        if (credentials.token == "nobody") return done(core::Identity{"", rights});
        if (credentials.token == "later") return later.push_back(std::move(done));
        done(tl::unexpected(make_error_code(credentials.token == "away"
                                                ? core::Error::store_unavailable
                                                : core::Error::unauthorized)));
    }
    [[nodiscard]] bool is_required() const noexcept override { return must; }
    [[nodiscard]] core::Identity anonymous() const override { return {"", guest}; }

    void answer() {
        const Done done = std::move(later.front());
        later.pop_front();
        done(core::Identity{"me", rights});
    }

    std::shared_ptr<TestRights> rights = std::make_shared<TestRights>();
    std::shared_ptr<TestRights> guest = std::make_shared<TestRights>();
    std::deque<Done> later;
    std::size_t questions = 0;
    std::string origin;
    std::string peer;
    bool must = false;
};

struct ChannelFixture : RoomFixture {
    explicit ChannelFixture(rooms::RoomsOptions options_ = {}) : RoomFixture(std::move(options_)) {
        tokens.guest->prefix = "open";
        authenticator = &tokens;
        restart();
    }
    ~ChannelFixture() {
        run();
        rooms.reset();
    }
    void publish(std::string_view channel, std::string_view payload,
                 std::optional<std::string_view> event = std::nullopt) {
        core::PublicationView publication;
        publication.channel = channel;
        publication.payload = protocol::as_bytes(payload);
        publication.event = event;
        REQUIRE(hub.publish(publication).has_value());
    }
    Lines tick(RoomPeer& peer, std::chrono::milliseconds later) {
        clock.advance(later);
        run();  // turns begin anew, and with them the lanes' time
        peer.conversation->on_tick(clock.now());
        run();
        return peer.take();
    }

    TestAuthenticator tokens;
};

std::string subscribe(const std::string& name) {
    return R"({"type":"subscribe","data":["channel",")" + name + R"("]})";
}
std::string subscribe(const std::string& name, const std::string& token) {
    return R"({"type":"subscribe","data":["channel",")" + name + R"(",")" + token + R"("]})";
}
std::string unsubscribe(const std::string& name) {
    return R"({"type":"unsubscribe","data":["channel",")" + name + R"("]})";
}
std::string error(const std::string& text) {
    return R"({"data":")" + text + R"(","type":"error"})";
}
std::string publication(const std::string& name, const std::string& rest) {
    return R"({"type":"channel","data":{"id":")" + name + R"(",)" + rest + "}}";
}

}  // namespace

TEST_CASE("a client of a room gets what is published in a channel, in its order, until it leaves",
          "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.join("room=r&session=a", 0);
    const auto b = f.join("room=other&session=b", 1);
    const auto bystander = f.join("room=r&session=c", 1);
    CHECK(f.ask(*a, subscribe("open:news")).empty());
    CHECK(f.ask(*b, subscribe("open:news")).empty());
    CHECK(f.hub.subscriber_count("open:news") == 2);
    f.publish("open:news", R"({"n": [1,1e400]})", "made");
    f.publish("open:news", "2");
    f.run();
    const Lines expected{publication("open:news", R"("event":"made","payload":{"n": [1,1e400]})"),
                         publication("open:news", R"("payload":2)")};
    CHECK(a->take() == expected);
    CHECK(b->take() == expected);
    CHECK(bystander->take().empty());

    // What was published before the end belongs to it; what is published afterwards does not.
    f.publish("open:news", "3");
    a->say(unsubscribe("open:news"));
    f.publish("open:news", "4");
    f.run();
    CHECK(a->take() == Lines{publication("open:news", R"("payload":3)")});
    CHECK(b->take().size() == 2);
    b->drop();
    CHECK(f.hub.subscriber_count("open:news") == 0);
    CHECK(f.tokens.questions == 0);
}

TEST_CASE("a payload is JSON where it is JSON, else text, else base64", "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.join();
    (void)f.ask(*a, subscribe("open"));
    const auto said = [&](std::string_view payload,
                          std::optional<std::string_view> event = std::nullopt) {
        f.publish("open", payload, event);
        f.run();
        const Lines got = a->take();
        REQUIRE(got.size() == 1);
        return got[0];
    };
    using namespace std::string_view_literals;
    CHECK(said(" \"\\ud800 x\"\n") == publication("open", R"("payload":"\ud800 x")"));
    CHECK(said("null") == publication("open", R"("payload":null)"));
    CHECK(said("") == publication("open", R"("payload":"")"));
    CHECK(said("h\u00e9 \"you\"\n") ==
          publication("open", "\"payload\":\"h\u00e9 \\\"you\\\"\\n\""));
    CHECK(said("{\"a\":1}x") == publication("open", R"("payload":"{\"a\":1}x")"));
    CHECK(said("\xff\x00"sv) == publication("open", R"("payload_base64":"/wA=")"));
    CHECK(said("\xff") == publication("open", R"("payload_base64":"/w==")"));
    CHECK(said("\xff\xfe\xfd") == publication("open", R"("payload_base64":"//79")"));
    CHECK(said("\xff\xfe\xfd\xfc") == publication("open", R"("payload_base64":"//79/A==")"));
    CHECK(said("1", "a\xff\"") ==
          publication("open", "\"event\":\"a\xEF\xBF\xBD\\\"\",\"payload\":1"));
    // Nested more deeply than anybody could pass on.
    const std::string deep(600, '[');
    CHECK(said(deep + std::string(600, ']')) ==
          publication("open", R"("payload":")" + deep + std::string(600, ']') + R"(")"));
}

TEST_CASE("without rights there is no subscription, and it is said why", "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.join();
    const auto is_refused = [&](const std::string& message, const std::string& why) {
        CAPTURE(message);
        CHECK(f.ask(*a, message) == Lines{error(why)});
    };
    is_refused(subscribe("roblox:1:news"), "Channel roblox:1:news: not allowed");
    is_refused(subscribe("roblox:1:news", "wrong"), "Channel roblox:1:news: the token was refused");
    is_refused(subscribe("roblox:1:news", "away"),
               "Channel roblox:1:news: the token could not be checked");
    is_refused(subscribe("roblox:2:news", "good"), "Channel roblox:2:news: not allowed");
    is_refused(subscribe(""), "Invalid channel name: Channel name cannot be empty");
    is_refused(subscribe("$reserved"),
               "Invalid channel name: Channel names starting with '$' are reserved");
    is_refused(subscribe("\u00e9"),
               "Invalid channel name: Channel name contains invalid characters");
    is_refused(subscribe(std::string(257, 'x'), "good"),
               "Invalid channel name: Channel name too long");
    is_refused(subscribe("roblox:1:news", std::string(16 * 1024 + 1, 't')),
               "Channel roblox:1:news: the token is too long");
    CHECK(f.tokens.questions == 3);
    CHECK(f.hub.stats().channels == 0);
    CHECK(f.rooms->stats().refusals_total == 9);

    f.tokens.must = true;
    is_refused(subscribe("open:news"), "Channel open:news: a token is needed");
    is_refused(subscribe("open:news", ""), "Channel open:news: a token is needed");
    CHECK(f.ask(*a, subscribe("roblox:1:news", "good")).empty());
}

TEST_CASE("a token opens what it may, and the client's page and address go with it",
          "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.connect("room=r", 0, {{"origin", "https://far.example"}, {"host", "here"}});
    (void)a->take();
    CHECK(f.ask(*a, subscribe("roblox:1:news", "good")).empty());
    CHECK(f.tokens.origin == "https://far.example");
    CHECK(f.tokens.peer == "127.0.0.1");
    f.publish("roblox:1:news", "1");
    f.run();
    CHECK(a->take() == Lines{publication("roblox:1:news", R"("payload":1)")});
    // Once more is no problem, nor two at a time.
    CHECK(f.ask(*a, subscribe("roblox:1:news", "good")).empty());
    CHECK(f.ask(*a, subscribe("roblox:1:news")).size() == 1);
    f.publish("roblox:1:news", "2");
    f.run();
    CHECK(a->take() == Lines{publication("roblox:1:news", R"("payload":2)")});
}

TEST_CASE("what follows a token waits until it is checked", "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.join("room=r&session=a");
    a->say(subscribe("roblox:1:news", "later"));
    a->say(subscribe("roblox:1:more", "later"));
    a->say(R"({"type":"profile"})");
    f.run();
    CHECK(a->is_paused);
    CHECK(a->take().empty());
    CHECK(f.tokens.questions == 1);  // never two at a time
    f.tokens.answer();
    f.run();
    CHECK(a->is_paused);
    CHECK(f.tokens.questions == 2);
    CHECK(f.hub.subscriber_count("roblox:1:news") == 1);
    CHECK(a->take().empty());
    f.tokens.later.front()(tl::unexpected(make_error_code(core::Error::unauthorized)));
    f.tokens.later.clear();
    f.run();
    CHECK_FALSE(a->is_paused);
    CHECK(a->take() ==
          Lines{error("Channel roblox:1:more: the token was refused"), profile_of(1, "a")});
}

TEST_CASE("a token that nobody checks in time is given up, and no other is asked about meanwhile",
          "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.join("room=r&session=a");
    a->say(subscribe("roblox:1:news", "later"));
    a->say(R"({"type":"profile"})");
    f.run();
    CHECK(a->tick_after == 10'000ms);
    CHECK(f.tick(*a, 9'999ms).empty());
    CHECK(a->tick_after == 1ms);
    CHECK(f.tick(*a, 1ms) ==
          Lines{error("Channel roblox:1:news: the token could not be checked in time"),
                profile_of(1, "a")});
    CHECK_FALSE(a->is_paused);
    CHECK(a->tick_after == 15'000ms);  // the next ping
    CHECK(f.ask(*a, subscribe("roblox:1:news", "good")) ==
          Lines{error("Channel roblox:1:news: an earlier token is still being checked")});
    CHECK(f.ask(*a, subscribe("open")).empty());
    f.tokens.answer();
    f.run();
    CHECK(a->take().empty());
    CHECK(f.hub.subscriber_count("roblox:1:news") == 0);
    CHECK(f.ask(*a, subscribe("roblox:1:news", "good")).empty());
    CHECK(f.hub.subscriber_count("roblox:1:news") == 1);
}

TEST_CASE("who leaves while a token is checked opens nothing, whenever the answer comes",
          "[rooms][channel]") {
    ChannelFixture f;
    auto a = f.join("room=r&session=a");
    auto b = f.join("room=r&session=b", 1);
    auto c = f.join("room=r&session=c", 1);
    for (auto* const peer : {a.get(), b.get(), c.get()}) {
        peer->say(subscribe("roblox:1:news", "later"));
    }
    f.run();
    REQUIRE(f.tokens.later.size() == 3);
    a->drop();
    f.tokens.answer();
    f.run();
    // On its way already when the connection goes.
    f.tokens.answer();
    b->drop();
    b.reset();
    f.run();
    // The server closes it; it is there for a while.
    c->conversation->on_closing(core::CloseReason::shutdown);
    f.tokens.answer();
    f.run();
    CHECK(c->take().empty());
    CHECK(f.tick(*c, 20s).empty());
    CHECK(f.hub.stats().subscriptions == 0);
}

TEST_CASE("subscriptions end when their rights do, each with a word", "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.join("room=r&session=a");
    f.tokens.rights = std::make_shared<TestRights>(5s);
    const auto board = f.tokens.rights;
    (void)f.ask(*a, subscribe("roblox:1:a", "good"));
    (void)f.ask(*a, subscribe("roblox:1:b", "good"));
    f.tokens.rights = std::make_shared<TestRights>(2s);
    const auto other = f.tokens.rights;
    (void)f.ask(*a, subscribe("roblox:1:c", "good"));
    (void)f.ask(*a, subscribe("open"));
    CHECK(a->tick_after == 2'000ms);
    CHECK(f.tick(*a, 2s).empty());
    CHECK(a->tick_after == 2'000ms);

    // One is not allowed any more; what was published before still comes.
    board->prefix = "roblox:1:a";
    f.publish("roblox:1:b", "1");
    CHECK(f.tick(*a, 2s) == Lines{publication("roblox:1:b", R"("payload":1)"),
                                  error("Channel roblox:1:b: the subscription ended")});
    f.publish("roblox:1:b", "2");
    f.run();
    CHECK(a->take().empty());

    // A newer token takes over before the older one goes.
    f.tokens.rights = std::make_shared<TestRights>(60s);
    CHECK(f.ask(*a, subscribe("roblox:1:c", "good")).empty());
    board->is_good = false;
    other->is_good = false;
    CHECK(f.tick(*a, 5s) == Lines{error("Channel roblox:1:a: the subscription ended")});
    f.publish("roblox:1:c", "3");
    f.publish("open", "4");
    f.run();
    CHECK(a->take().size() == 2);
    CHECK(f.hub.stats().subscriptions == 2);
}

TEST_CASE("channels count among the subscriptions of a connection, both ways", "[rooms][channel]") {
    rooms::RoomsOptions options;
    options.limits.max_subscriptions = 3;
    ChannelFixture f(options);
    const auto a = f.join();
    (void)f.ask(*a, R"({"type":"subscribe","data":"chat"})");
    CHECK(f.ask(*a, subscribe("open:1")).empty());
    CHECK(f.ask(*a, subscribe("open:2")).empty());
    CHECK(f.ask(*a, subscribe("open:3")) ==
          Lines{error("Channel open:3: there are too many subscriptions")});
    CHECK(f.ask(*a, subscribe("open:2")).empty());
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"weather"})") ==
          Lines{error("There are too many subscriptions")});
    CHECK(f.ask(*a, R"({"type":"unsubscribe","data":["channel"]})").empty());
    CHECK(f.hub.stats().subscriptions == 0);
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"weather"})").empty());
    CHECK(f.ask(*a, subscribe("open:3")).empty());

    options.limits.max_subscriptions = 0;
    f.rooms->set_options(options);
    f.hub.set_max_subscriptions_per_session(2);
    CHECK(f.ask(*a, subscribe("open:4")).empty());
    CHECK(f.ask(*a, subscribe("open:5")) ==
          Lines{error("Channel open:5: there are too many subscriptions")});
    f.hub.set_max_subscriptions_per_session(0);
    f.hub.set_auto_create_channels(false);
    CHECK(f.ask(*a, subscribe("open:5")) == Lines{error("Channel open:5: no such channel")});
    f.hub.set_auto_create_channels(true);
    f.hub.set_max_channels(2);
    CHECK(f.ask(*a, subscribe("open:5")) ==
          Lines{error("Channel open:5: the server has too many channels")});
}

TEST_CASE("what speaks of a channel and makes no sense is refused, anything else is as before",
          "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.join("room=r&session=a");
    for (const char* const data :
         {R"(["channel"])", R"(["channel",5])", R"(["channel",null])", R"(["channel","open",5])",
          R"(["channel","open","good",1])", R"(["ch\u0061nnel",["open"]])"}) {
        CAPTURE(data);
        const Lines got = f.ask(*a, R"({"type":"subscribe","data":)" + std::string(data) + "}");
        REQUIRE(got.size() == 1);
        CHECK(got[0].find("A subscription to a channel is [") != std::string::npos);
    }
    for (const char* const data :
         {R"(["channel",5])", R"(["channel","open","good"])", R"(["channel","a","",1])"}) {
        CAPTURE(data);
        CHECK(f.ask(*a, R"({"type":"unsubscribe","data":)" + std::string(data) + "}").size() == 1);
    }
    for (const char* const data : {"[]", "[5]", R"([["channel","open"]])", R"(["Channel","open"])",
                                   R"({"channel":"open"})", "null"}) {
        CAPTURE(data);
        CHECK(f.ask(*a, R"({"type":"subscribe","data":)" + std::string(data) + "}").empty());
        CHECK(f.ask(*a, R"({"type":"unsubscribe","data":)" + std::string(data) + "}").empty());
    }
    CHECK(f.ask(*a, unsubscribe("open:never")).empty());
    CHECK(f.hub.stats().subscriptions == 0);
    // An event of a room may have that name, and has nothing to do with it.
    CHECK(f.ask(*a, R"({"type":"subscribe","data":"channel:open"})").empty());
    f.publish("open", "1");
    f.run();
    CHECK(a->take().empty());
    CHECK_FALSE(f.rooms->broadcast("r", {"channel:open", "channel", "7"}));
    f.run();
    CHECK(a->take() == Lines{R"({"type":"channel","data":7})"});
}

TEST_CASE("an admin who listens in on subscriptions sees no tokens", "[rooms][channel]") {
    ChannelFixture f(signed_options());
    const auto admin = f.join("room=r&session=admin");
    become_admin(f, *admin);
    (void)f.ask(*admin, R"({"type":"relay","data":"subscribe"})");
    const auto a = f.join("room=r&session=a", 1);
    CHECK(f.ask(*a, subscribe("roblox:1:news", "good")).empty());
    (void)f.ask(*a, R"({"type":"subscribe","data":["channel",5,"good"]})");
    f.run();
    CHECK(admin->take().empty());
    (void)f.ask(*a, R"({"type":"subscribe","data":"chat"})");
    CHECK(admin->take().size() == 1);
}

TEST_CASE("a problem is told behind the answers to what was asked before", "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.join("room=r&session=a");
    f.store.is_held = true;
    a->say(R"({"type":"login","data":{"name":"Ann"}})");
    a->say(subscribe("roblox:1:news"));
    f.run();
    CHECK(a->take().empty());
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK(a->take() == Lines{profile_of(1, "a", R"({"name":"Ann"})"),
                             error("Channel roblox:1:news: not allowed")});
}

TEST_CASE("pages of other sites get nothing of the hub without a token that says who they are",
          "[rooms][channel]") {
    ChannelFixture f;
    const auto far =
        f.connect("room=r", 0, {{"origin", "https://far.example"}, {"host", "127.0.0.1:9100"}});
    (void)far->take();
    const Lines away{error("Channel open: pages of this site need a token")};
    CHECK(f.ask(*far, subscribe("open")) == away);
    f.tokens.rights->prefix = "open";
    CHECK(f.ask(*far, subscribe("open", "nobody")) == away);
    CHECK(f.ask(*far, subscribe("open", "good")).empty());
    const auto near =
        f.connect("room=r", 0, {{"origin", "http://localhost:3000"}, {"host", "127.0.0.1:9100"}});
    (void)near->take();
    CHECK(f.ask(*near, subscribe("open")).empty());

    // Where the transport has judged the page, that holds.
    f.options.any_origin = false;
    f.rooms->set_options(f.options);
    const auto judged =
        f.connect("room=r", 0, {{"origin", "https://far.example"}, {"host", "127.0.0.1:9100"}});
    (void)judged->take();
    CHECK(f.ask(*judged, subscribe("open")).empty());
}

TEST_CASE("a page is at home on the host it asks, or where it is listed", "[rooms][channel]") {
    const auto is_at_home = [](std::string origin, std::string host, bool is_local,
                               const std::vector<std::string>& allowed = {}) {
        core::OpenRequest request;
        request.peer.bytes = {192, 0, 2, 7};
        if (is_local) request.peer.bytes = {127, 0, 0, 1};
        request.header = [&](std::string_view name) -> std::string_view {
            if (name == "origin") return origin;
            return name == "host" ? std::string_view(host) : std::string_view();
        };
        return rooms::is_page_at_home(request, allowed);
    };
    CHECK(is_at_home("", "a.example", false));
    CHECK(is_at_home("https://a.example", "A.example", false));
    CHECK(is_at_home("http://a.example:81", "a.example:81", false));
    CHECK_FALSE(is_at_home("http://a.example:82", "a.example:81", false));
    CHECK_FALSE(is_at_home("https://b.example", "a.example", false));
    CHECK_FALSE(is_at_home("null", "a.example", false));
    CHECK_FALSE(is_at_home("null", "", false));
    // On one's own machine a name that resolves to it says nothing.
    CHECK(is_at_home("http://localhost:3000", "127.0.0.1:9100", true));
    CHECK(is_at_home("http://[::1]", "localhost", true));
    CHECK_FALSE(is_at_home("http://a.example", "a.example", true));
    CHECK_FALSE(is_at_home("http://127.0.0.1.a.example", "localhost", true));
    CHECK_FALSE(is_at_home("http://localhost", "a.example", true));
    CHECK_FALSE(is_at_home("http://10.0.0.1", "localhost", true));
    // A list replaces all of this.
    CHECK(is_at_home("https://b.example", "a.example", false, {"https://B.example"}));
    CHECK(is_at_home("https://b.example", "a.example", true, {"*"}));
    CHECK_FALSE(is_at_home("https://a.example", "a.example", false, {"https://b.example"}));
}

TEST_CASE("where nobody checks tokens, everybody may listen to everything", "[rooms][channel]") {
    RoomFixture f;
    const auto a = f.join();
    CHECK(f.ask(*a, subscribe("roblox:1:news")).empty());
    CHECK(f.ask(*a, subscribe("any", "token")).empty());
    CHECK(f.ask(*a, subscribe("$sys")).size() == 1);
    CHECK(f.hub.stats().subscriptions == 2);
}

TEST_CASE("pings go on beside reviews, and stay off where they were switched off",
          "[rooms][channel]") {
    ChannelFixture f;
    const auto a = f.join("room=r&session=a");
    f.tokens.rights = std::make_shared<TestRights>(10s);
    (void)f.ask(*a, subscribe("roblox:1:a", "good"));
    CHECK(a->tick_after == 10'000ms);
    CHECK(f.tick(*a, 20s).empty());
    CHECK(a->tick_after == 5'000ms);
    CHECK(f.tick(*a, 5s).size() == 1);
    CHECK(a->tick_after == 5'000ms);
    f.options.ping_interval = 0ms;
    f.rooms->set_options(f.options);
    CHECK(f.tick(*a, 60s).empty());
    CHECK(a->tick_after == 10'000ms);
    f.options.ping_interval = 25s;
    f.rooms->set_options(f.options);
    CHECK(f.tick(*a, 60s).empty());
}
