// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two clients of the native dialect, their messages, and what the loop does between them, all as
// the input says: with or without a token that is wanted, in binary or in JSON.
//
// Whatever they say: nothing throws or nests without end, everything that is answered is a frame of
// the client's own form, limits hold, and when both are gone nothing of them is left in the hub.
#include "support/fake_connection.hpp"
#include "support/lane_hosts.hpp"
#include "support/manual_clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fuzzer/FuzzedDataProvider.h>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/native/dialect.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/json.hpp>
#include <pulse/protocol/utf8.hpp>

namespace {

using namespace pulse;
using core::MessageKind;

void require(bool holds) {
    if (!holds) std::abort();
}

core::HubOptions hub_options() {
    core::HubOptions options;
    options.max_channels = 8;
    options.max_subscriptions_per_session = 4;
    options.max_presence_bytes = 4096;
    return options;
}

class Engine {
  public:
    explicit Engine(bool wants_token)
        : hub_(hub_options(), core::HubServices{.clock = clock_,
                                                .rng = rng_,
                                                .log = log_,
                                                .budget = &budget_,
                                                .history = nullptr,
                                                .broker = nullptr}),
          authenticator_(wants_token ? core::make_token_authenticator({{"ann", "t"}}, true)
                                     : core::make_open_authenticator()),
          dialect_(hub_, {}, authenticator_.get()) {
        hub_.add_lane(host_);
    }

    [[nodiscard]] core::Lane& lane() { return *hub_.lanes().front(); }
    [[nodiscard]] core::Hub& hub() { return hub_; }
    [[nodiscard]] core::native::NativeDialect& dialect() { return dialect_; }
    void turn() {
        lane().flush();
        lane().flush();
    }
    void pass(std::chrono::milliseconds time) { clock_.advance(time); }

  private:
    test::ManualClock clock_;
    core::SeededRng rng_{1};
    core::NullLog log_;
    core::MemoryBudget budget_{0};
    test::FakeHost host_;
    core::Hub hub_;
    std::unique_ptr<core::Authenticator> authenticator_;
    core::native::NativeDialect dialect_;
};

class Client {
  public:
    Client(Engine& engine, bool is_json) : engine_(engine), connection_(engine.lane()) {
        core::OpenRequest request;
        request.path = "/ws";
        request.query = is_json ? "format=json" : "";
        request.peer = connection_.peer();
        request.header = [](std::string_view) { return std::string_view{}; };
        engine_.lane().begin_turn();
        conversation_ = engine_.dialect().open(connection_, request);
        conversation_->on_open();
        read();
    }
    ~Client() {
        engine_.lane().begin_turn();
        connection_.expire();
        conversation_->on_close({1006, "", false});
        conversation_.reset();
        engine_.turn();
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void say(std::string_view message, MessageKind kind) {
        if (connection_.close_code) return;
        if (kind == MessageKind::text && !protocol::is_valid_utf8(message)) return;
        // The transport reads nothing while it is told not to, but hands over what it has.
        if (connection_.is_paused && ++said_while_paused_ > 2) return;
        if (!connection_.is_paused) said_while_paused_ = 0;
        engine_.lane().begin_turn();
        conversation_->on_message(protocol::as_bytes(message), kind);
        read();
    }
    void tick() {
        engine_.lane().begin_turn();
        conversation_->on_tick(engine_.lane().now());
        read();
    }

    void read() {
        engine_.turn();
        for (const test::SentMessage& message : connection_.take()) {
            if (message.kind == MessageKind::text) {
                require(static_cast<bool>(protocol::decode_json(message.bytes)));
            } else {
                const auto result = protocol::decode_owned(protocol::as_bytes(message.bytes));
                require(static_cast<bool>(result));
                require(result.consumed == message.bytes.size());
            }
        }
    }

  private:
    Engine& engine_;
    int said_while_paused_ = 0;
    test::FakeConnection connection_;
    std::unique_ptr<core::Conversation> conversation_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    Engine engine(input.ConsumeBool());
    {
        Client one(engine, input.ConsumeBool());
        Client two(engine, input.ConsumeBool());
        while (input.remaining_bytes() > 0) {
            const auto what = input.ConsumeIntegral<std::uint8_t>();
            Client& client = (what & 1) != 0 ? one : two;
            switch (what >> 1 & 3) {
                case 0:
                    client.tick();
                    break;
                case 1:
                    engine.pass(std::chrono::milliseconds(what) * 100);
                    break;
                default: {
                    const bool is_text = (what >> 3 & 3) == 3;
                    const std::size_t most = input.ConsumeIntegral<std::uint8_t>();
                    const std::string message =
                        input.ConsumeBytesAsString((what & 0x80) != 0 ? most * 16 : most);
                    client.say(message, is_text ? MessageKind::text : MessageKind::binary);
                }
            }
            one.read();
            two.read();
            require(engine.hub().stats().subscriptions <= 8);
        }
    }
    engine.turn();
    const core::HubStats stats = engine.hub().stats();
    require(stats.subscriptions == 0 && stats.channels == 0);
    return 0;
}
