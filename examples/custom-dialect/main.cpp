// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A protocol of your own on the same engine, in sixty lines: plain text, one command per message.
//
//   > join news              < joined news
//   > say news Hello         < news: Hello        (to everybody who joined)
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include <pulse/core.hpp>
#include <pulse/transport.hpp>

namespace {

using namespace pulse;

/// What the hub delivers, written once for all listeners of this dialect.
struct LineEncoder final : core::Encoder {
    using core::Encoder::encode;
    bool encode(const core::PublicationView& publication, core::MessageWriter& out) const override {
        const std::string line = std::string(publication.channel) + ": " +
                                 std::string(protocol::as_text(publication.payload));
        std::byte* at = out.begin(line.size(), core::MessageKind::text);
        if (at == nullptr) return false;
        std::memcpy(at, line.data(), line.size());
        return true;
    }
};

struct LineConversation final : core::Conversation {
    LineConversation(core::Hub& hub, core::Connection& peer, const core::Encoder& encoder)
        : connection(peer), session(hub, peer, encoder, core::SessionId::generate(hub.rng())) {}

    void on_message(core::ByteView message, core::MessageKind) override {
        std::string_view rest = protocol::as_text(message);
        const std::string_view command = word(rest);
        const std::string_view channel = word(rest);
        if (command == "join") {
            const auto error = session.subscribe(channel);
            reply(error ? error.message() : "joined " + std::string(channel));
        } else if (command == "say") {
            (void)session.publish({.channel = channel, .payload = protocol::as_bytes(rest)});
        } else {
            reply("commands: join CHANNEL, say CHANNEL TEXT");
        }
    }
    void reply(std::string_view text) {
        connection.send(protocol::as_bytes(text), core::MessageKind::text);
    }
    static std::string_view word(std::string_view& rest) {
        const std::string_view first = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(first.size() + 1, rest.size()));
        return first;
    }
    core::Connection& connection;
    core::Session session;
};

struct LineDialect final : core::Dialect {
    explicit LineDialect(core::Hub& engine) : hub(engine) {}
    std::string_view name() const noexcept override { return "line"; }
    std::unique_ptr<core::Conversation> open(core::Connection& connection,
                                             const core::OpenRequest&) override {
        return std::make_unique<LineConversation>(hub, connection, encoder);
    }
    core::Hub& hub;
    LineEncoder encoder;
};

}  // namespace

int main() {
    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    core::Hub hub({}, {clock, rng, log});
    LineDialect lines(hub);
    core::native::NativeDialect native(hub, {});  // both hear the same channels
    transport::LoopThreads loops(hub, 1);
    transport::Server server(hub, loops.loops());
    loops.start();
    const auto listener = server.listen(
        {.port = 8080}, {.dialects = {{"/line", &lines}, {"/ws", &native}}, .routes = nullptr});
    if (!listener) return std::puts(listener.error().message().c_str()), 1;
    std::puts("ws://127.0.0.1:8080/line; Enter ends");
    (void)std::getchar();
}
