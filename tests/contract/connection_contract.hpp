// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/mailbox.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <pulse/core/connection.hpp>

namespace pulse::contract {

/// What a peer gets: a message, or the end with its code and text.
struct PeerEvent {
    enum class What : std::uint8_t { text, binary, end } what;
    std::string bytes;
    std::uint16_t code = 0;

    friend bool operator==(const PeerEvent&, const PeerEvent&) = default;
};

/// One open connection, with its two sides: the loop it is bound to, and the peer.
class ConnectionUnderTest {
  public:
    virtual ~ConnectionUnderTest() = default;

    [[nodiscard]] virtual core::ConnectionHandle handle() = 0;
    /// Runs what has been posted, where nobody else does.
    virtual void turn() {}
    /// What the peer gets next; throws when nothing comes.
    virtual PeerEvent next() = 0;
    /// The peer goes without a word; the transport has noticed when this returns.
    virtual void leave() = 0;

    /// On the loop; false when the connection is gone.
    bool on_loop(std::function<void(core::Connection&)> function) {
        auto done = std::make_shared<std::promise<void>>();
        std::future<void> is_done = done->get_future();
        handle().post(
            [function = std::move(function), done = std::move(done)](core::Connection& connection) {
                function(connection);
                done->set_value();
            });
        turn();
        try {
            is_done.get();
            return true;
        } catch (const std::future_error&) {
            return false;
        }
    }
};

/// Of a transport that also hears its peer and keeps time.
class SpokenConnectionUnderTest : public ConnectionUnderTest {
  public:
    virtual void say(std::string_view message, core::MessageKind kind) = 0;
    /// Makes time go by for the transport's timers.
    virtual void pass(std::chrono::milliseconds time) = 0;

    /// Runs within the conversation's on_message, behind the note of what was heard. Set by a test
    /// before the peer speaks.
    std::function<void(core::Connection&, std::string_view)> on_heard;
    test::Mailbox<PeerEvent> heard;
    test::Mailbox<int> ticks;
    /// The code of each Conversation::on_close.
    test::Mailbox<std::uint16_t> ends;
};

namespace detail {

inline PeerEvent text(std::string bytes) { return {PeerEvent::What::text, std::move(bytes)}; }
inline PeerEvent binary(std::string bytes) { return {PeerEvent::What::binary, std::move(bytes)}; }
inline PeerEvent end(std::uint16_t code, std::string why) {
    return {PeerEvent::What::end, std::move(why), code};
}
inline void send(core::Connection& connection, std::string_view message,
                 core::MessageKind kind = core::MessageKind::text) {
    connection.send(protocol::as_bytes(message), kind);
}

}  // namespace detail

/// What every Connection keeps to. Call it in a TEST_CASE of its own.
inline void connection_contract(const std::function<std::unique_ptr<ConnectionUnderTest>()>& make) {
    using namespace detail;
    const std::unique_ptr<ConnectionUnderTest> owned = make();
    ConnectionUnderTest& subject = *owned;

    SECTION("its peer has one address") {
        core::PeerAddress first;
        core::PeerAddress later;
        REQUIRE(subject.on_loop([&](core::Connection& c) { first = c.peer(); }));
        REQUIRE(subject.on_loop([&](core::Connection& c) { later = c.peer(); }));
        CHECK(first == later);
        CHECK(first.port != 0);
    }

    SECTION("messages arrive whole, with their kinds, in the order they were sent in") {
        const std::string large(100'000, 'l');
        REQUIRE(subject.on_loop([&](core::Connection& c) {
            send(c, "one");
            send(c, std::string("\0two", 4), core::MessageKind::binary);
            send(c, "");
        }));
        REQUIRE(subject.on_loop([&](core::Connection& c) {
            send(c, large, core::MessageKind::binary);
            send(c, "last");
        }));
        CHECK(subject.next() == text("one"));
        CHECK(subject.next() == binary(std::string("\0two", 4)));
        CHECK(subject.next() == text(""));
        CHECK((subject.next() == binary(large)));
        CHECK(subject.next() == text("last"));
    }

    SECTION("what was sent before the close arrives before it, what is sent after it never") {
        REQUIRE(subject.on_loop([](core::Connection& c) {
            send(c, "before");
            c.close(4001, "enough");
            send(c, "after");
        }));
        CHECK(subject.next() == text("before"));
        CHECK(subject.next() == end(4001, "enough"));
    }

    SECTION("only the first close counts") {
        REQUIRE(subject.on_loop([](core::Connection& c) {
            c.close(4001, "first");
            c.close(4002, "second");
            c.close(core::CloseReason::shutdown);
        }));
        CHECK(subject.next() == end(4001, "first"));
    }

    SECTION("a reason is closed with its code and text") {
        REQUIRE(subject.on_loop(
            [](core::Connection& c) { c.close(core::CloseReason::slow_consumer); }));
        const protocol::CloseInfo& info = protocol::close_info(core::CloseReason::slow_consumer);
        CHECK(subject.next() == end(info.websocket_code, std::string(info.text)));
    }

    SECTION("what other threads post runs one by one, each thread's in its order") {
        constexpr int kEach = 200;
        const core::ConnectionHandle handle = subject.handle();
        std::vector<int> next(2, 0);  // the loop's alone
        bool is_ordered = true;
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < next.size(); ++t) {
            threads.emplace_back([&, t, copy = handle] {
                for (int i = 0; i < kEach; ++i) {
                    copy.post([&, t, i](core::Connection&) { is_ordered &= next[t]++ == i; });
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        bool is_all = false;
        REQUIRE(subject.on_loop([&](core::Connection&) {
            is_all = next == std::vector<int>{kEach, kEach};
        }));
        CHECK(is_all);
        CHECK(is_ordered);
    }

    SECTION("what is posted may send, and post again") {
        const core::ConnectionHandle handle = subject.handle();
        handle.post([&](core::Connection& c) {
            send(c, "outer");
            c.handle().post([](core::Connection& inner) { send(inner, "inner"); });
        });
        subject.turn();
        CHECK(subject.next() == text("outer"));
        subject.turn();
        CHECK(subject.next() == text("inner"));
    }

    SECTION("it pays for what throws, in order") {
        CHECK_FALSE(subject.on_loop([](core::Connection& c) {
            send(c, "before");
            throw std::runtime_error("thrown by a test");
        }));
        const protocol::CloseInfo& info = protocol::close_info(core::CloseReason::internal_error);
        CHECK(subject.next() == text("before"));
        CHECK(subject.next() == end(info.websocket_code, std::string(info.text)));
    }

    SECTION("nothing runs on a connection that is gone, and what was posted is let go of") {
        const core::ConnectionHandle handle = subject.handle();
        subject.leave();
        const auto held = std::make_shared<int>(0);
        for (int i = 0; i < 3; ++i) handle.post([held](core::Connection&) { ++*held; });
        CHECK_FALSE(subject.on_loop([](core::Connection&) {}));
        CHECK(test::eventually([&] { return held.use_count() == 1; }));
        CHECK(*held == 0);
    }

    SECTION("a handle of nothing posts nowhere") {
        bool has_run = false;
        core::ConnectionHandle{}.post([&](core::Connection&) { has_run = true; });
        subject.turn();
        CHECK_FALSE(has_run);
    }
}

/// What those keep to that hear a peer. Call it in a TEST_CASE of its own.
inline void spoken_connection_contract(
    const std::function<std::unique_ptr<SpokenConnectionUnderTest>()>& make) {
    using namespace detail;
    using namespace std::chrono_literals;
    const std::unique_ptr<SpokenConnectionUnderTest> owned = make();
    SpokenConnectionUnderTest& subject = *owned;

    SECTION("messages are heard whole, with their kinds, in their order") {
        const std::string large(100'000, 'l');
        subject.say("one", core::MessageKind::text);
        subject.say(std::string("\0two", 4), core::MessageKind::binary);
        subject.say("", core::MessageKind::text);
        subject.say(large, core::MessageKind::binary);
        CHECK(subject.heard.take() == text("one"));
        CHECK(subject.heard.take() == binary(std::string("\0two", 4)));
        CHECK(subject.heard.take() == text(""));
        CHECK((subject.heard.take() == binary(large)));
    }

    SECTION("nothing is heard after the close") {
        subject.on_heard = [](core::Connection& c, std::string_view message) {
            if (message == "end it") c.close(4001, "as you wish");
        };
        subject.say("end it", core::MessageKind::text);
        for (int i = 0; i < 3; ++i) subject.say("too late", core::MessageKind::text);
        CHECK(subject.next() == end(4001, "as you wish"));
        CHECK(subject.heard.take() == text("end it"));
        subject.leave();
        CHECK(subject.heard.size() == 0);
    }

    SECTION("whoever is paused is not heard, and loses nothing by it") {
        REQUIRE(subject.on_loop([](core::Connection& c) { c.pause_reading(true); }));
        for (const char* each : {"one", "two", "three"}) subject.say(each, core::MessageKind::text);
        // By the time a tick has come, the loop has turned often enough to have read them.
        REQUIRE(subject.on_loop([](core::Connection& c) { c.request_tick(1ms); }));
        subject.pass(1s);
        (void)subject.ticks.take();
        CHECK(subject.heard.size() == 0);
        REQUIRE(subject.on_loop([](core::Connection& c) { c.pause_reading(false); }));
        for (const char* each : {"one", "two", "three"}) CHECK(subject.heard.take() == text(each));
    }

    SECTION(
        "a pause within a message holds back what was not read yet, and what was arrives once") {
        subject.on_heard = [](core::Connection& c, std::string_view) { c.pause_reading(true); };
        for (int i = 0; i < 20; ++i) subject.say(std::to_string(i), core::MessageKind::text);
        for (int i = 0; i < 20; ++i) {
            REQUIRE(subject.on_loop([](core::Connection& c) { c.pause_reading(false); }));
            CHECK(subject.heard.take() == text(std::to_string(i)));
        }
    }

    SECTION("a tick comes once, and a later wish replaces an earlier") {
        REQUIRE(subject.on_loop([](core::Connection& c) {
            c.request_tick(1h);
            c.request_tick(500ms);
        }));
        subject.pass(1s);
        (void)subject.ticks.take();
        REQUIRE(subject.on_loop([](core::Connection& c) { c.request_tick(30s); }));
        subject.pass(1s);
        subject.say("still here", core::MessageKind::text);
        (void)subject.heard.take();
        CHECK(subject.ticks.size() == 0);
        subject.pass(40s);
        (void)subject.ticks.take();
        CHECK(subject.ticks.size() == 0);
    }

    SECTION("the conversation is told of the end once") {
        subject.leave();
        (void)subject.ends.take();
        CHECK_FALSE(subject.on_loop([](core::Connection&) {}));
        CHECK(subject.ends.size() == 0);
    }

    SECTION("a conversation whose message throws is ended alone") {
        subject.on_heard = [](core::Connection&, std::string_view) {
            throw std::runtime_error("thrown by a test");
        };
        subject.say("go on", core::MessageKind::text);
        const protocol::CloseInfo& info = protocol::close_info(core::CloseReason::internal_error);
        CHECK(subject.next() == end(info.websocket_code, std::string(info.text)));
        CHECK(subject.ends.take() == info.websocket_code);
        const std::unique_ptr<SpokenConnectionUnderTest> other = make();
        other->say("and you?", core::MessageKind::text);
        CHECK(other->heard.take() == text("and you?"));
    }
}

}  // namespace pulse::contract
