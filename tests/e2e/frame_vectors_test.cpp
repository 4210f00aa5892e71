// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The conformance vectors, byte for byte over real sockets: each conversation in one piece per
// message, byte by byte on TCP, and with every message split over WebSocket fragments.
#include "pulse_protocol/support/vectors.hpp"
#include "support/catch.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace pulse::test;
using pulse::protocol::test::bytes_of;
using pulse::protocol::test::from_hex;
using pulse::protocol::test::Json;
using pulse::protocol::test::to_hex;
using pulse::protocol::test::vectors;

namespace {

enum class Delivery { whole, bytewise, fragmented };
constexpr Delivery kDeliveries[] = {Delivery::whole, Delivery::bytewise, Delivery::fragmented};

const char* to_text(Delivery delivery) {
    return delivery == Delivery::whole      ? "whole"
           : delivery == Delivery::bytewise ? "byte by byte"
                                            : "in fragments";
}

std::string text_of_hex(const Json& hex) {
    return std::string(pulse::protocol::as_text(from_hex(hex.get<std::string>())));
}

std::string hex_of(std::string_view bytes) { return to_hex(pulse::protocol::as_bytes(bytes)); }

/// The message as fragments of seven bytes, with a ping after the first: control frames may stand
/// between fragments.
std::string fragments(unsigned opcode, const std::string& message) {
    constexpr std::size_t kBytes = 7;
    std::string wire;
    for (std::size_t at = 0; at == 0 || at < message.size(); at += kBytes) {
        const bool is_last = at + kBytes >= message.size();
        wire += ClientFrame{.opcode = at == 0 ? opcode : kContinuation,
                            .payload = message.substr(at, kBytes),
                            .is_final = is_last}
                    .bytes();
        if (at == 0 && !is_last) wire += ClientFrame{kPing, "between"}.bytes();
    }
    return wire;
}

void send(PulseClient& client, unsigned opcode, const std::string& message, Delivery delivery) {
    switch (delivery) {
        case Delivery::whole:
            client.send_frame({opcode, message});
            return;
        case Delivery::bytewise:
            client.tcp().send_bytewise(ClientFrame{opcode, message}.bytes());
            return;
        case Delivery::fragmented:
            client.tcp().send(fragments(opcode, message));
            return;
    }
}

void run_session(const Json& session, std::uint16_t port, Delivery delivery) {
    std::map<std::string, std::unique_ptr<PulseClient>> clients;
    for (const Json& step : session.at("steps")) {
        auto& client = clients[step.at("conn")];
        if (client == nullptr) client = std::make_unique<PulseClient>(port);
        if (step.contains("send")) {
            send(*client, kBinary, text_of_hex(step.at("send")), delivery);
        } else if (step.contains("expect")) {
            CHECK(hex_of(client->read_message()) == step.at("expect").get<std::string>());
        } else {
            REQUIRE(step.at("expect_nothing").get<bool>());
            CHECK(client->is_quiet());
        }
    }
    // Nothing beyond what the script says.
    for (auto& [name, client] : clients) CHECK(client->is_quiet());
}

}  // namespace

TEST_CASE("the scripted sessions run byte for byte however the messages are cut",
          "[e2e][conformance]") {
    for (const Delivery delivery : kDeliveries) {
        // One server for each way: a script expects its channels to be new.
        const ServerProcess server;
        for (const Json& session : vectors().at("sessions")) {
            INFO(session.at("name") << ", " << to_text(delivery));
            run_session(session, server.port(), delivery);
        }
    }
}

TEST_CASE("frames are found in the stream of messages wherever the messages end",
          "[e2e][conformance]") {
    const ServerProcess server;
    for (const Delivery delivery : kDeliveries) {
        for (const Json& stream : vectors().at("streams")) {
            INFO(stream.at("name") << ", " << to_text(delivery));
            PulseClient client(server.port());
            const Json& messages = stream.at("websocket_messages");
            for (std::size_t i = 0; i < messages.size(); ++i) {
                const bool is_text = messages[i].at("op") == "text";
                send(client, is_text ? kText : kBinary, text_of_hex(messages[i].at("hex")),
                     delivery);
                // The streams consist of pings: each is answered as soon as it is whole.
                for (const Json& frame : stream.at("decoded_after_each")[i]) {
                    REQUIRE(frame.at("type") == "ping");
                    CHECK(client.receive() ==
                          Frame::pong(frame.at("timestamp").get<std::uint64_t>()));
                }
            }
            if (stream.at("bytes_pending") == 0) {
                CHECK(client.is_quiet());
            } else {
                // The rest of a frame is still awaited: a WebSocket ping shows that nothing came.
                client.ping();
            }
        }
    }
}

TEST_CASE("a malformed frame is answered with 1001 and the frames around it are handled",
          "[e2e][conformance]") {
    const ServerProcess server;
    const std::string error = encoded(Frame::error(0, ErrorCode::invalid_frame, "Invalid frame"));
    for (const Delivery delivery : kDeliveries) {
        std::size_t seen = 0;
        PulseClient client(server.port());
        for (const Json& vector : vectors().at("malformed")) {
            const std::string recommended = vector.at("recommended");
            if (!recommended.starts_with("error id 0 code 1001, drop this frame")) continue;
            INFO(vector.at("name") << ", " << to_text(delivery));
            const std::string bad(pulse::protocol::as_text(bytes_of(vector)));
            // One message, so that the frames behind it have to be found in what was received.
            send(client, kBinary,
                 encoded(Frame::ping_with_timestamp(1)) + bad + bad +
                     encoded(Frame::ping_with_timestamp(2)),
                 delivery);
            CHECK(client.receive() == Frame::pong(1));
            CHECK(hex_of(client.read_message()) == hex_of(error));
            CHECK(hex_of(client.read_message()) == hex_of(error));
            CHECK(client.receive() == Frame::pong(2));
            ++seen;
        }
        CHECK(seen >= 45);
    }
}

TEST_CASE("what may be ignored in a frame is ignored without an answer", "[e2e][conformance]") {
    const ServerProcess server;
    PulseClient client(server.port());
    for (const Json& vector : vectors().at("malformed")) {
        const std::string recommended = vector.at("recommended");
        if (!recommended.starts_with("may ")) continue;
        INFO(vector.at("name"));
        client.send_binary(pulse::protocol::as_text(bytes_of(vector)));
        // Read with the odd key left out, it is an ack; read strictly, it is no frame. Either way
        // it is refused as something a client may not send, and the stream goes on.
        const Frame answer = client.receive();
        CHECK(answer.type == FrameType::error);
        CHECK(answer.code == 1001);
        CHECK(client.is_quiet());
    }
}

TEST_CASE("a length prefix beyond the limit is answered with 1007 and ends the connection",
          "[e2e][conformance]") {
    const ServerProcess server;
    for (const Delivery delivery : kDeliveries) {
        INFO(to_text(delivery));
        PulseClient client(server.port());
        send(client, kBinary, encoded(Frame::ping()) + std::string("\x01\0\0\x01x", 5), delivery);
        CHECK(client.receive() == Frame::pong());
        CHECK(client.receive() == Frame::error(0, ErrorCode::payload_too_large, "Frame too large"));
        const CloseFrame close = client.skip_to_close();
        CHECK(close.code == 1009);
        client.send_close(1009);
        CHECK(client.tcp().is_ended_by_peer());
    }
}

TEST_CASE("a length prefix at the limit is waited for, not refused", "[e2e][conformance]") {
    const ServerProcess server(
        Settings{{"transport.max_frame_bytes", "4096"}, {"limits.max_message_size", "2048"}});
    PulseClient client(server.port());
    // The prefix alone, and then a body of exactly the limit: an array of zeros is no frame.
    client.send_binary(std::string("\0\0\x10\0", 4));
    client.ping();
    client.send_binary(std::string(4096, '\0') + encoded(Frame::ping()));
    CHECK(client.receive() == Frame::error(0, ErrorCode::invalid_frame, "Invalid frame"));
    CHECK(client.receive() == Frame::pong());
    client.send_binary(std::string("\0\0\x10\x01", 4));
    CHECK(client.receive().code == 1007);
    CHECK(client.read_close().code == 1009);
}

TEST_CASE("numeric frame types have their documented meaning", "[e2e][conformance]") {
    const ServerProcess server;
    for (const Json& vector : vectors().at("numeric_type")) {
        INFO(vector.at("name"));
        PulseClient client(server.port());
        client.send_binary(pulse::protocol::as_text(bytes_of(vector)));
        const Json& meaning = vector.at("documented_meaning");
        if (meaning.is_null()) {
            CHECK(client.receive() == Frame::error(0, ErrorCode::invalid_frame, "Invalid frame"));
            continue;
        }
        const std::string type = meaning.at("type");
        if (type == "subscribe") {
            CHECK(client.receive() == Frame::ack(1));
        } else if (type == "unsubscribe") {
            CHECK(client.receive() ==
                  Frame::error(1, ErrorCode::not_subscribed, "Not subscribed to channel: c"));
        } else if (type == "presence") {
            CHECK(client.receive().code == 1005);
        } else if (type == "ping") {
            CHECK(client.receive() == Frame::pong(5));
        } else if (type == "ack" || type == "error" || type == "connected") {
            const Frame answer = client.receive();
            CHECK(answer.code == 1001);
            CHECK(answer.id == (type == "connected" ? 0U : 1U));
        }
        CHECK(client.is_quiet());
    }
}

TEST_CASE("a frame of exactly 16 MiB is accepted when split over messages and delivered whole",
          "[e2e][conformance]") {
    const ServerProcess server(Settings{{"limits.max_message_size", "0"}});
    const Json* largest = nullptr;
    for (const Json& vector : vectors().at("large")) {
        if (vector.at("name").get<std::string>().find("16") != std::string::npos) {
            largest = &vector;
        }
    }
    REQUIRE(largest != nullptr);
    const std::string frame(pulse::protocol::as_text(bytes_of(*largest)));
    REQUIRE(frame.size() == pulse::protocol::kMaxFrameBytes + pulse::protocol::kLengthPrefixBytes);
    PulseClient client(server.port());
    const std::string channel = largest->at("decoded").at("channel");
    client.subscribe(channel);
    client.send_binary(frame.substr(0, 9'000'000));
    client.send_binary(frame.substr(9'000'000));
    const std::string delivered = client.read_message();
    CHECK(delivered.size() == frame.size());
    CHECK(delivered == frame);
}
