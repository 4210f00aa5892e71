// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The exposition: names that dashboards know, and that each counts what it says.
#include "support/catch.hpp"
#include "support/document.hpp"
#include "support/eventually.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace pulse::test;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        if (!line.empty()) lines.push_back(line);
    }
    return lines;
}

}  // namespace

TEST_CASE("the names of the original's metrics are exposed with type and help", "[e2e][metrics]") {
    const ServerProcess server;
    {
        PulseClient client(server.port());
        client.subscribe("c");
        client.send(publication("c", "x"));
        (void)client.receive();
    }
    const std::string text = server.metrics();
    struct Family {
        const char* name;
        const char* type;
    };
    for (const auto& [name, type] : std::vector<Family>{{"pulse_connections_total", "counter"},
                                                        {"pulse_connections_active", "gauge"},
                                                        {"pulse_messages_total", "counter"},
                                                        {"pulse_messages_bytes", "counter"},
                                                        {"pulse_channels_active", "gauge"},
                                                        {"pulse_subscriptions_total", "counter"},
                                                        {"pulse_errors_total", "counter"}}) {
        INFO(name);
        CHECK(text.find("\n# TYPE " + std::string(name) + " " + type + "\n") != std::string::npos);
        CHECK(text.find("\n# HELP " + std::string(name) + " ") != std::string::npos);
    }
    for (const char* series : {R"(pulse_messages_total{direction="inbound"})",
                               R"(pulse_messages_total{direction="outbound"})",
                               R"(pulse_messages_total{direction="broadcast"})",
                               R"(pulse_messages_bytes{direction="inbound"})",
                               R"(pulse_messages_bytes{direction="outbound"})",
                               R"(pulse_messages_bytes{direction="broadcast"})",
                               R"(pulse_errors_total{type="websocket"})"}) {
        INFO(series);
        CHECK(metric(text, series).has_value());
    }
}

TEST_CASE("the latency of handling messages is exposed as the original's summary",
          "[e2e][metrics]") {
    const ServerProcess server;
    PulseClient client(server.port());
    CHECK(client.ask(FrameView::ping()) == Frame::pong());
    const std::string text = server.metrics();
    CHECK(text.find("\n# TYPE pulse_latency_seconds summary\n") != std::string::npos);
    // Counted when the answer is written, so its receiver may be faster.
    CHECK(eventually([&] { return metric(server.metrics(), "pulse_latency_seconds_count") == 1; }));
    CHECK(metric(text, R"(pulse_latency_seconds{quantile="0.99"})").has_value());
}

TEST_CASE("the exposition is well-formed", "[e2e][metrics]") {
    const ServerProcess server;
    PulseClient client(server.port());
    client.subscribe("with \"quotes\" and \\");
    std::set<std::string> families;
    std::set<std::string> series;
    for (const std::string& line : lines_of(server.metrics())) {
        INFO(line);
        if (line.starts_with("# TYPE ")) {
            CHECK(families.insert(line.substr(7, line.find(' ', 7) - 7)).second);
            continue;
        }
        if (line.starts_with("#")) continue;
        const std::size_t space = line.rfind(' ');
        REQUIRE(space != std::string::npos);
        CHECK(series.insert(line.substr(0, space)).second);
        CHECK_NOTHROW(std::stod(line.substr(space + 1)));
        CHECK(line.starts_with("pulse_"));
        // Neither channel nor user nor session is a label: a peer must not make series.
        CHECK(line.find("quotes") == std::string::npos);
        CHECK(line.find("conn_") == std::string::npos);
    }
    // The operator's page lists each of them, and nothing else.
    std::set<std::string> documented;
    for (const TableRow& row :
         read_table(read_document("docs/operations/metrics.md"), "| name | kind |")) {
        documented.insert(row.at(0));
    }
    CHECK(families == documented);
}

TEST_CASE("messages and bytes are counted once each, in the direction they went",
          "[e2e][metrics]") {
    const ServerProcess server;
    PulseClient client(server.port());
    PulseClient listener(server.port());
    std::size_t bytes_in = 0;
    std::size_t frames_out = 0;
    std::size_t bytes_out = 0;
    const auto send = [&](PulseClient& from, std::initializer_list<Frame> frames) {
        const std::string message = encoded(frames);
        bytes_in += message.size();
        from.send_binary(message);
    };
    const auto receive = [&](PulseClient& to, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            bytes_out += to.read_message().size();
            ++frames_out;
        }
    };
    send(client, {Frame::subscribe(1, "c")});
    receive(client, 1);
    send(listener, {Frame::subscribe(1, "c")});
    receive(listener, 1);
    // Four frames in one message: two publishes, one to nobody, one refused request.
    send(client, {Frame::publish_with_ack(2, "c", payload_of("12345")), Frame::ping(),
                  Frame::publish("nobody", payload_of("678")), Frame::unsubscribe(3, "x")});
    receive(client, 4);  // ack, pong, error, echo
    receive(listener, 1);
    // HTTP is no message, and reading metrics changes none of these.
    (void)http_get(server.port(), "/health");
    (void)server.metrics();
    const std::string text = server.metrics();
    CHECK(metric(text, R"(pulse_messages_total{direction="inbound"})") == 6);
    CHECK(metric(text, R"(pulse_messages_bytes{direction="inbound"})") == bytes_in);
    CHECK(metric(text, R"(pulse_messages_total{direction="broadcast"})") == 2);
    CHECK(metric(text, R"(pulse_messages_bytes{direction="broadcast"})") == 8);
    // Not the two `connected` frames, nor what HTTP sent.
    CHECK(metric(text, R"(pulse_messages_total{direction="outbound"})") == frames_out);
    CHECK(metric(text, R"(pulse_messages_bytes{direction="outbound"})") == bytes_out);
    CHECK(metric(text, "pulse_deliveries_total") == 2);
    CHECK(metric(text, "pulse_subscriptions_total") == 2);
    CHECK(metric(text, "pulse_subscriptions_active") == 2);
    CHECK(metric(text, "pulse_channels_active") == 1);
}

TEST_CASE("gauges go back to nothing when clients have left", "[e2e][metrics]") {
    const ServerProcess server;
    {
        std::vector<std::unique_ptr<PulseClient>> clients;
        for (int i = 0; i < 10; ++i) {
            clients.push_back(std::make_unique<PulseClient>(server.port()));
            clients.back()->subscribe("c" + std::to_string(i % 3));
        }
        const std::string text = server.metrics();
        CHECK(metric(text, "pulse_connections_active") == 10);
        CHECK(metric(text, "pulse_channels_active") == 3);
        CHECK(metric(text, "pulse_subscriptions_active") == 10);
    }
    CHECK(eventually([&] { return server.metric("pulse_connections_active") == 0; }));
    const std::string text = server.metrics();
    CHECK(metric(text, "pulse_connections_total") == 10);
    CHECK(metric(text, "pulse_channels_active") == 0);
    CHECK(metric(text, "pulse_subscriptions_active") == 0);
    CHECK(metric(text, "pulse_subscriptions_total") == 10);
    CHECK(metric(text, "pulse_queue_bytes") == 0);
}

TEST_CASE("a connection that ends without a close is an error, one with a close is not",
          "[e2e][metrics]") {
    const ServerProcess server;
    const auto errors = [&] { return server.metric(R"(pulse_errors_total{type="websocket"})"); };
    {
        PulseClient client(server.port());
        client.send_close(1000);
        CHECK(client.read_close().code == 1000);
    }
    CHECK(eventually([&] { return server.metric("pulse_connections_active") == 0; }));
    CHECK(errors() == 0);
    { const PulseClient client(server.port()); }
    CHECK(eventually([&] { return errors() == 1; }));
    PulseClient(server.port()).tcp().reset();
    CHECK(eventually([&] { return errors() == 2; }));
}
