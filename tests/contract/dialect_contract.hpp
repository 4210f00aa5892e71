// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every Dialect, and the Conversations it makes, keep to towards a transport. Call it in a
// TEST_CASE of its own.
#pragma once

#include "support/catch.hpp"
#include "support/fake_connection.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/dialect.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/protocol/bytes.hpp>

namespace pulse::contract {

/// A dialect and the loop that its connections live on.
struct DialectUnderTest {
    core::Dialect& dialect;
    core::Lane& lane;
    std::function<void()> turn;  ///< of that loop, and of what it waits for
    std::function<void(std::chrono::milliseconds)> pass;  ///< time
    std::string sense{};                                  ///< a message it understands
    core::MessageKind kind = core::MessageKind::text;     ///< of that message
};

/// One connection, in the way a transport holds it.
class Spoken {
  public:
    explicit Spoken(DialectUnderTest& subject)
        : subject_(subject), connection(std::make_unique<test::FakeConnection>(subject.lane)) {
        core::OpenRequest request;
        request.path = "/";
        request.peer = connection->peer();
        request.header = [](std::string_view) { return std::string_view{}; };
        subject_.lane.begin_turn();
        refusal = subject_.dialect.admit(request);
        if (refusal) return;
        conversation = subject_.dialect.open(*connection, request);
    }
    ~Spoken() { end(); }
    Spoken(const Spoken&) = delete;
    Spoken& operator=(const Spoken&) = delete;

    void open() {
        subject_.lane.begin_turn();
        conversation->on_open();
        subject_.turn();
    }
    /// As a transport does: not when the conversation has closed.
    void say(std::string_view message, core::MessageKind kind) {
        if (connection->close_code) return;
        subject_.lane.begin_turn();
        conversation->on_message(protocol::as_bytes(message), kind);
        subject_.turn();
    }
    void tick() {
        subject_.lane.begin_turn();
        conversation->on_tick(subject_.lane.now());
        subject_.turn();
    }
    void end() {
        if (conversation == nullptr) return;
        subject_.lane.begin_turn();
        connection->expire();
        conversation->on_close({1006, "", false});
        conversation.reset();
        connection.reset();
        subject_.turn();
    }

  private:
    DialectUnderTest& subject_;

  public:
    std::unique_ptr<test::FakeConnection> connection;
    std::optional<core::Refusal> refusal;
    std::unique_ptr<core::Conversation> conversation;
};

/// Bytes of any kind, or text that is UTF-8 and often nearly a message.
[[nodiscard]] inline std::string nonsense(core::Rng& rng, core::MessageKind kind) {
    static constexpr std::string_view kPieces[] = {"{", "}",    "[",   "]",   "\"",    ",",
                                                   ":", "null", "\\u", "-1",  "1e999", "a",
                                                   "é", "😀",    "\0",  "true"};
    std::string text;
    const std::size_t pieces = rng.next_u64() % 40;
    for (std::size_t i = 0; i < pieces; ++i) {
        if (kind == core::MessageKind::text) {
            text += kPieces[rng.next_u64() % std::size(kPieces)];
        } else {
            text += static_cast<char>(rng.next_u64());
        }
    }
    return text;
}

inline void dialect_contract(DialectUnderTest subject) {
    SECTION("it has a name that fits a metric, always the same") {
        const std::string name(subject.dialect.name());
        REQUIRE_FALSE(name.empty());
        CHECK(std::all_of(name.begin(), name.end(),
                          [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || c == '-'; }));
        CHECK(subject.dialect.name() == name);
        CHECK(subject.dialect.subprotocols().data() == subject.dialect.subprotocols().data());
    }

    SECTION("it says nothing before the connection is open, and admits the same client again") {
        Spoken first(subject);
        REQUIRE_FALSE(first.refusal);
        REQUIRE(first.conversation != nullptr);
        subject.turn();
        CHECK(first.connection->take().empty());
        first.open();
        Spoken second(subject);
        REQUIRE_FALSE(second.refusal);
        second.open();
    }

    SECTION("it can be told of the end at any moment") {
        {
            Spoken never_open(subject);
            REQUIRE(never_open.conversation != nullptr);
        }
        Spoken silent(subject);
        silent.open();
        silent.end();
        Spoken busy(subject);
        busy.open();
        busy.say(subject.sense, subject.kind);
        busy.end();
        subject.pass(std::chrono::minutes(10));
        subject.turn();
    }

    SECTION("no message makes it throw, and nobody else pays for one") {
        core::SeededRng rng(7);
        Spoken bystander(subject);
        bystander.open();
        for (int i = 0; i < 500; ++i) {
            Spoken one(subject);
            one.open();
            for (int j = 0; j < 20; ++j) {
                const auto kind =
                    rng.next_u64() % 2 == 0 ? core::MessageKind::text : core::MessageKind::binary;
                const std::string message = nonsense(rng, kind);
                REQUIRE_NOTHROW(one.say(message, kind));
            }
            REQUIRE_NOTHROW(one.say("", core::MessageKind::binary));
            REQUIRE_NOTHROW(one.say("", core::MessageKind::text));
        }
        CHECK_FALSE(bystander.connection->close_code);
        const bool is_paused = bystander.connection->is_paused;
        REQUIRE_NOTHROW(bystander.say(subject.sense, subject.kind));
        CHECK_FALSE(bystander.connection->close_code);
        CHECK_FALSE(is_paused);
    }

    SECTION(
        "a message it understands, cut anywhere or with a byte changed, does not make it throw") {
        for (std::size_t n = 0; n < subject.sense.size(); ++n) {
            Spoken one(subject);
            one.open();
            REQUIRE_NOTHROW(one.say(subject.sense.substr(0, n), subject.kind));
            std::string changed = subject.sense;
            // Stays UTF-8 where it has to.
            changed[n] = static_cast<char>((changed[n] ^ 0x15) & 0x7f);
            REQUIRE_NOTHROW(one.say(changed, subject.kind));
        }
    }

    SECTION("ticks may come unasked, and late") {
        Spoken one(subject);
        one.open();
        for (int i = 0; i < 3; ++i) {
            REQUIRE_NOTHROW(one.tick());
            subject.pass(std::chrono::hours(1));
            if (one.connection->close_code) break;
        }
    }

    SECTION(
        "told that the server is about to close, it may say a last word, and then is told of the "
        "end") {
        Spoken one(subject);
        one.open();
        (void)one.connection->take();
        subject.lane.begin_turn();
        REQUIRE_NOTHROW(one.conversation->on_closing(core::CloseReason::shutdown));
        one.connection->close(core::CloseReason::shutdown);
        subject.turn();
        CHECK(one.connection->take().size() <= 1);
        one.end();
    }

    SECTION("a peer's longest message is bounded by something") {
        Spoken one(subject);
        one.open();
        CHECK(one.conversation->max_message_bytes() > 0);
    }
}

}  // namespace pulse::contract
