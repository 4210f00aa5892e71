// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Authentication that answers at once, later, from another thread, or never.
#include "pulse_core/native/native_fixture.hpp"
#include "support/catch.hpp"
#include "support/lane_hosts.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <pulse/core/error.hpp>

using namespace pulse::test;
using namespace std::chrono_literals;
namespace core = pulse::core;
namespace protocol = pulse::protocol;

namespace {

/// Keeps every question until the test answers it.
class LaterAuthenticator final : public core::Authenticator {
  public:
    explicit LaterAuthenticator(bool is_required = true) : is_required_(is_required) {}

    struct Question {
        std::string token;
        std::string origin;
        std::string peer;
        Done done;
    };

    void authenticate(const core::Credentials& credentials, Done done) override {
        const std::lock_guard lock(mutex_);
        questions_.push_back({std::string(credentials.token), std::string(credentials.origin),
                              std::string(credentials.peer), std::move(done)});
    }
    [[nodiscard]] bool is_required() const noexcept override { return is_required_; }

    [[nodiscard]] std::size_t size() {
        const std::lock_guard lock(mutex_);
        return questions_.size();
    }
    Question take() {
        const std::lock_guard lock(mutex_);
        REQUIRE_FALSE(questions_.empty());
        Question question = std::move(questions_.front());
        questions_.pop_front();
        return question;
    }
    void accept() { take().done(core::Identity{"somebody", nullptr}); }
    void refuse() { take().done(tl::unexpected(make_error_code(core::Error::unauthorized))); }

  private:
    std::mutex mutex_;
    std::deque<Question> questions_;
    bool is_required_;
};

/// Allows what is listed, e.g. "subscribe:c".
class ListedRights final : public core::Rights {
  public:
    explicit ListedRights(std::vector<std::string> allowed) : allowed_(std::move(allowed)) {}
    [[nodiscard]] bool allows(core::Action action,
                              std::string_view channel) const noexcept override {
        const char* verb = action == core::Action::subscribe ? "subscribe:"
                           : action == core::Action::publish ? "publish:"
                                                             : "presence:";
        for (const std::string& entry : allowed_) {
            if (entry == std::string(verb).append(channel)) return true;
        }
        return false;
    }

  private:
    std::vector<std::string> allowed_;
};

/// Channels that may be listened to, until the test says otherwise.
class PassingRights final : public core::Rights {
  public:
    explicit PassingRights(std::vector<std::string> channels) : channels_(std::move(channels)) {}

    [[nodiscard]] bool allows(core::Action, std::string_view channel) const noexcept override {
        const std::lock_guard lock(mutex_);
        return std::find(channels_.begin(), channels_.end(), channel) != channels_.end();
    }
    [[nodiscard]] std::chrono::milliseconds review_interval() const noexcept override { return 5s; }
    [[nodiscard]] bool holds() const noexcept override { return is_held; }

    void withdraw(std::string_view channel) {
        const std::lock_guard lock(mutex_);
        std::erase(channels_, channel);
    }

    std::atomic<bool> is_held{true};

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> channels_;
};

Frame unauthorized(std::uint64_t id) {
    return Frame::error(id, ErrorCode::unauthorized, "Unauthorized");
}
const Frame kRefused = Frame::error(0, ErrorCode::unauthorized, "Authentication failed");

Frame numbered(std::uint64_t n) { return Frame::publish_with_ack(n, "nobody", {}); }

}  // namespace

TEST_CASE("frames behind a connect wait for its answer and are then handled in order",
          "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine);
    CHECK(client.connection.tick == 10'000ms);

    client.send({numbered(1), Frame::connect(1, "t"), numbered(2), numbered(3)});
    CHECK(client.receive() == Frames{unauthorized(1)});
    CHECK(client.connection.is_paused);
    // What the transport had read before it was paused still comes.
    client.send({numbered(4), Frame::ping()});
    client.send(numbered(5));
    CHECK(client.receive().empty());

    authenticator.accept();
    CHECK(client.receive() ==
          Frames{Frame::ack(2), Frame::ack(3), Frame::ack(4), Frame::pong(), Frame::ack(5)});
    CHECK_FALSE(client.connection.is_paused);
    CHECK(client.ask(numbered(6)) == Frames{Frame::ack(6)});
}

TEST_CASE("waiting frames may be cut anywhere", "[core][native][auth]") {
    const std::string stream = encoded({Frame::connect(1, "t"), numbered(1), numbered(2)});
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        for (const bool is_late : {false, true}) {
            CAPTURE(cut, is_late);
            LaterAuthenticator authenticator;
            NativeEngine engine({}, &authenticator);
            NativeClient client(engine);
            client.send(std::string_view(stream).substr(0, cut));
            if (!is_late && authenticator.size() == 1) authenticator.accept();
            client.send(std::string_view(stream).substr(cut));
            if (authenticator.size() == 1) authenticator.accept();
            CHECK(client.receive() == Frames{Frame::ack(1), Frame::ack(2)});
        }
    }
}

TEST_CASE("a second connect among the waiting frames makes the rest wait again",
          "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine);
    client.send({Frame::connect(1, "a"), numbered(1), Frame::connect(1, "b"), numbered(2)});
    client.send({numbered(3), Frame::connect(1, "c"), numbered(4)});
    client.send(numbered(5));
    CHECK(client.receive().empty());
    authenticator.accept();
    CHECK(client.receive() == Frames{Frame::ack(1)});
    CHECK(client.connection.is_paused);
    client.send(numbered(6));
    authenticator.accept();
    CHECK(client.receive() == Frames{Frame::ack(2), Frame::ack(3)});
    CHECK(client.connection.is_paused);
    authenticator.accept();
    CHECK(client.receive() == Frames{Frame::ack(4), Frame::ack(5), Frame::ack(6)});
    CHECK_FALSE(client.connection.is_paused);
}

TEST_CASE("a refusal drops what waits and ends the conversation", "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine);
    client.send({Frame::connect(1, "bad"), Frame::subscribe(1, "c")});
    client.send(numbered(2));
    authenticator.refuse();
    CHECK(client.receive() == Frames{kRefused});
    CHECK(client.connection.close_code == 1008);
    CHECK(engine.hub.stats().subscriptions == 0);
    CHECK(engine.dialect.stats(0).authentication_failures.get() == 1);
    client.send(numbered(3));
    CHECK(client.receive().empty());
}

TEST_CASE("an authenticator that fails for its own reasons lets nobody in",
          "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine);
    client.send(Frame::connect(1, "t"));
    authenticator.take().done(tl::unexpected(std::make_error_code(std::errc::connection_refused)));
    CHECK(client.receive() == Frames{kRefused});
    CHECK(client.connection.close_code == 1008);
}

TEST_CASE("an answer for a connection that is gone is dropped", "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    {
        NativeClient client(engine);
        client.send({Frame::connect(1, "t"), Frame::subscribe(1, "c")});
    }
    CHECK(authenticator.size() == 1);
    authenticator.accept();
    engine.turn();
    CHECK(engine.hub.stats().subscriptions == 0);
    {
        // Gone between the answer and its turn.
        NativeClient client(engine);
        client.send({Frame::connect(1, "t"), Frame::subscribe(1, "c")});
        authenticator.accept();
    }
    engine.turn();
    CHECK(engine.hub.stats().subscriptions == 0);
}

TEST_CASE("an answer after the server began to close comes too late", "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine);
    client.send({Frame::connect(1, "t"), Frame::subscribe(1, "c")});
    client.connection.lane().begin_turn();
    client.conversation->on_closing(core::CloseReason::shutdown);
    client.connection.close(core::CloseReason::shutdown);
    authenticator.accept();
    CHECK(client.receive() ==
          Frames{Frame::error(0, ErrorCode::connection_closed, "Server is shutting down")});
    CHECK(engine.hub.stats().subscriptions == 0);
}

TEST_CASE("an authenticator that answers at once makes nobody wait", "[core][native][auth]") {
    const auto authenticator = core::make_token_authenticator({{"me", "secret"}});
    NativeEngine engine({}, authenticator.get());
    NativeClient client(engine);
    client.send({Frame::connect(1, "secret"), numbered(1)});
    CHECK(client.receive() == Frames{Frame::ack(1)});
    CHECK_FALSE(client.connection.is_paused);
}

TEST_CASE("a message of very many connects takes time, not stack", "[core][native][auth]") {
    constexpr int kMany = 300'000;
    const auto authenticator = core::make_open_authenticator();
    NativeEngine engine({}, authenticator.get());
    NativeClient client(engine);
    core::Lane& lane = engine.lane();
    const std::string connect = encoded(Frame::connect(1, "t").view());
    std::string message;
    for (int i = 0; i < kMany; ++i) message += connect;
    message += encoded(numbered(1).view());
    lane.begin_turn();
    client.conversation->on_message(protocol::as_bytes(message), MessageKind::binary);
    // JSON that waits for its turn is handed over piece by piece, and nests no more.
    for (int i = 0; i < kMany / 10; ++i) {
        client.conversation->on_message(
            protocol::as_bytes(R"({"type":"connect","version":1,"token":"t"})"), MessageKind::text);
    }
    client.conversation->on_message(protocol::as_bytes(encoded(numbered(2).view())),
                                    MessageKind::binary);
    for (int turns = 0; client.connection.is_paused; ++turns) {
        lane.flush();
        REQUIRE(turns < kMany);
        lane.begin_turn();
    }
    CHECK(client.receive() == Frames{Frame::ack(1), Frame::ack(2)});
    CHECK(engine.dialect.stats(0).frames_in.get() == kMany + kMany / 10 + 2);
}

TEST_CASE("an authenticator may answer from another thread, even while it is being asked",
          "[core][native][auth]") {
    // The answer races with the return of authenticate(): it is used once, on the loop.
    for (int round = 0; round < 200; ++round) {
        std::thread answering;
        const auto authenticator = core::make_callback_authenticator(
            [&](const core::Credentials&, core::Authenticator::Done done) {
                answering = std::thread([done = std::move(done)] { done(core::Identity{}); });
                if (round % 2 == 0) answering.join();
            });
        NativeEngine engine({}, authenticator.get());
        NativeClient client(engine);
        client.send({Frame::connect(1, "t"), numbered(1)});
        if (answering.joinable()) answering.join();
        REQUIRE(client.receive() == Frames{Frame::ack(1)});
        REQUIRE_FALSE(client.connection.is_paused);
    }
}

TEST_CASE("who does not authenticate in time is closed", "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine(with([](auto& o) { o.authentication_timeout = 500ms; }), &authenticator);
    SECTION("having sent nothing") {
        NativeClient client(engine);
        CHECK(client.connection.tick == 500ms);
        engine.clock.advance(500ms);
        client.connection.lane().begin_turn();
        client.conversation->on_tick(engine.clock.now());
        CHECK(client.receive() == Frames{kRefused});
        CHECK(client.connection.close_code == 1008);
    }
    SECTION("because the authenticator does not answer") {
        NativeClient client(engine);
        client.send({Frame::connect(1, "t"), numbered(1)});
        engine.clock.advance(500ms);
        client.connection.lane().begin_turn();
        client.conversation->on_tick(engine.clock.now());
        CHECK(client.receive() == Frames{kRefused});
        authenticator.accept();
        CHECK(client.receive().empty());
    }
    SECTION("but not who did") {
        NativeClient client(engine);
        client.send(Frame::connect(1, "t"));
        authenticator.accept();
        (void)client.receive();
        client.connection.lane().begin_turn();
        client.conversation->on_tick(engine.clock.now());
        CHECK(client.ask(numbered(1)) == Frames{Frame::ack(1)});
    }
    CHECK(engine.dialect.stats(0).authentication_failures.get() <= 1);
}

TEST_CASE("every question to the authenticator has its own time", "[core][native][auth]") {
    LaterAuthenticator authenticator(false);
    NativeEngine engine(with([](auto& o) { o.authentication_timeout = 500ms; }), &authenticator);
    NativeClient client(engine);
    // Nobody has to authenticate here, so no time runs yet.
    CHECK_FALSE(client.connection.tick.has_value());
    CHECK(client.ask(numbered(1)) == Frames{Frame::ack(1)});
    client.send(Frame::connect(1, "t"));
    // Now the client is paused: it must not stay so for ever.
    CHECK(client.connection.tick == 500ms);
    authenticator.accept();
    (void)client.receive();
    client.connection.tick.reset();
    client.send(Frame::connect(1, "again"));
    CHECK(client.connection.tick == 500ms);
}

TEST_CASE("credentials are what the client sent and where it came from", "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine, "", 0, "https://app.example");
    client.send(Frame::connect(1, "t\u00f6ken"));
    const auto question = authenticator.take();
    CHECK(question.token == "t\u00f6ken");
    CHECK(question.origin == "https://app.example");
    CHECK(question.peer == "192.0.2.7");
    question.done(core::Identity{});
    (void)client.receive();
    client.send(Frame::connect(1));
    CHECK(authenticator.take().token.empty());
}

TEST_CASE("where nobody has to authenticate, a connect without a token asks nobody",
          "[core][native][auth]") {
    LaterAuthenticator authenticator(false);
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine);
    client.send({Frame::connect(1), numbered(1)});
    CHECK(authenticator.size() == 0);
    CHECK(client.receive() == Frames{Frame::ack(1)});
}

TEST_CASE("what an identity has no right to is refused with 1004", "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine);
    client.send(Frame::connect(1, "t"));
    authenticator.take().done(core::Identity{
        "limited", std::make_shared<ListedRights>(std::vector<std::string>{
                       "subscribe:in", "publish:out", "subscribe:both", "presence:both"})});
    (void)client.receive();
    const auto forbidden = [](std::uint64_t id) {
        return Frame::error(id, ErrorCode::forbidden, "Forbidden");
    };
    CHECK(client.ask(Frame::subscribe(1, "in")) == Frames{Frame::ack(1)});
    CHECK(client.ask(Frame::subscribe(2, "out")) == Frames{forbidden(2)});
    CHECK(client.ask(Frame::publish_with_ack(3, "out", {})) == Frames{Frame::ack(3)});
    CHECK(client.ask(Frame::publish_with_ack(4, "in", {})) == Frames{forbidden(4)});
    CHECK(client.ask(Frame::publish("in", {})) == Frames{forbidden(0)});
    CHECK(client.ask(Frame::presence(5, "in", PresenceAction::join)) == Frames{forbidden(5)});
    CHECK(client.ask(Frame::subscribe(6, "both")) == Frames{Frame::ack(6)});
    CHECK(client.ask(Frame::presence(7, "both", PresenceAction::join)).at(0) == Frame::ack(7));
    // Leaving needs no right.
    CHECK(client.ask(Frame::unsubscribe(8, "in")) == Frames{Frame::ack(8)});
}

TEST_CASE("a subscription ends when the right to it is found gone", "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine);
    const auto rights = std::make_shared<PassingRights>(std::vector<std::string>{"a", "b"});
    client.send({Frame::connect(1, "t"), Frame::subscribe(1, "a"), Frame::subscribe(2, "b")});
    authenticator.take().done(core::Identity{"somebody", rights});
    CHECK(client.receive() == Frames{Frame::ack(1), Frame::ack(2)});
    CHECK(client.connection.tick == 5s);

    // As long as nobody has asked again, nothing changes: the interval is the promise.
    rights->withdraw("a");
    engine.publish("a", "last");
    engine.clock.advance(5s);
    client.tick();
    CHECK(client.receive() ==
          Frames{publication("a", "last"),
                 Frame::error(0, ErrorCode::forbidden, "Subscription ended: a")});
    engine.publish("a", "unheard");
    engine.publish("b", "heard");
    CHECK(client.receive() == Frames{publication("b", "heard")});
    CHECK(client.ask(Frame::subscribe(3, "a")) ==
          Frames{Frame::error(3, ErrorCode::forbidden, "Forbidden")});

    SECTION("and is asked for again and again") {
        CHECK(client.connection.tick == 5s);
        rights->withdraw("b");
        engine.clock.advance(5s);
        client.tick();
        CHECK(client.receive() ==
              Frames{Frame::error(0, ErrorCode::forbidden, "Subscription ended: b")});
    }
    SECTION("and the connection with what the client proved to be") {
        rights->is_held = false;
        engine.clock.advance(5s);
        client.tick();
        CHECK(client.receive() == Frames{kRefused});
        CHECK(client.connection.close_code == 1008);
        engine.publish("b", "unheard");
        CHECK(client.receive().empty());
    }
    SECTION("and does not pass to whoever the client becomes") {
        client.send(Frame::connect(1, "other"));
        authenticator.take().done(core::Identity{
            "another", std::make_shared<ListedRights>(std::vector<std::string>{"subscribe:a"})});
        CHECK(client.receive() ==
              Frames{Frame::error(0, ErrorCode::forbidden, "Subscription ended: b")});
    }
}

TEST_CASE("JSON clients wait for their answers alike", "[core][native][auth]") {
    LaterAuthenticator authenticator;
    NativeEngine engine({}, &authenticator);
    NativeClient client(engine);
    client.send_text(R"({"type":"connect","version":1,"token":"t"})");
    CHECK(authenticator.size() == 1);
    client.send_text(R"({"type":"ping","timestamp":1})");
    client.send(Frame::ping_with_timestamp(2));
    client.send_text(R"({"type":"ping","timestamp":3})");
    authenticator.accept();
    engine.turn();
    const auto messages = client.connection.take();
    REQUIRE(messages.size() == 3);
    CHECK(messages[0].bytes == R"({"type":"pong","timestamp":1})");
    CHECK(messages[1].bytes == encoded(Frame::pong(2).view()));
    CHECK(messages[2].bytes == R"({"type":"pong","timestamp":3})");
}

TEST_CASE("answers from threads reach conversations on a running loop", "[core][native][auth]") {
    LaterAuthenticator authenticator;
    pulse::test::ManualClock clock;
    core::SeededRng rng{1};
    core::NullLog log;
    core::Hub hub({}, {.clock = clock, .rng = rng, .log = log});
    LoopThread loop;
    core::Lane& lane = hub.add_lane(loop);
    core::native::NativeDialect dialect(hub, {}, &authenticator);
    loop.start(lane);
    constexpr std::size_t kClients = 20;
    struct Client {
        explicit Client(core::Lane& lane_) : connection(lane_) {}
        FakeConnection connection;
        std::unique_ptr<core::Conversation> conversation;
    };
    std::vector<std::unique_ptr<Client>> clients;
    loop.run_and_wait([&] {
        for (std::size_t i = 0; i < kClients; ++i) {
            clients.push_back(std::make_unique<Client>(lane));
            core::OpenRequest request;
            clients.back()->conversation = dialect.open(clients.back()->connection, request);
            clients.back()->conversation->on_open();
            const std::string message = encoded({Frame::connect(1, "t"), Frame::subscribe(1, "c")});
            clients.back()->conversation->on_message(pulse::protocol::as_bytes(message),
                                                     MessageKind::binary);
        }
    });
    std::thread answering([&] {
        for (std::size_t i = 0; i < kClients; ++i) authenticator.accept();
    });
    // Meanwhile every second client leaves.
    loop.run_and_wait([&] {
        for (std::size_t i = 0; i < kClients; i += 2) {
            clients[i]->connection.expire();
            clients[i]->conversation->on_close({});
            clients[i].reset();
        }
    });
    answering.join();
    loop.run_and_wait([] {});
    loop.run_and_wait([&] {
        CHECK(hub.subscriber_count("c") == kClients / 2);
        for (auto& client : clients) {
            if (client == nullptr) continue;
            client->connection.expire();
            client->conversation->on_close({});
            client.reset();
        }
    });
    CHECK(hub.subscriber_count("c") == 0);
    loop.stop();
}
