// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Starting and stopping: exit codes, the drain, signals.
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/pulse_client.hpp"
#include "support/server_process.hpp"

#include <csignal>
#include <deque>
#include <fstream>
#include <string>
#include <vector>

using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

const Frame kShutdown = Frame::error(0, ErrorCode::connection_closed, "Server is shutting down");

/// Runs the binary to its end, with these arguments and without waiting for a listener.
struct Finished {
    Finished(const std::vector<std::string>& arguments, const Settings& settings = {}) {
        LaunchOptions options;
        options.arguments = arguments;
        options.waits_until_listening = false;
        ServerProcess process(settings, options);
        status = process.wait();
        out = process.output();
        err = process.errors();
    }
    ExitStatus status;
    std::string out;
    std::string err;
};

}  // namespace

TEST_CASE("SIGTERM and SIGINT tell every client and end with status 0", "[e2e][lifecycle]") {
    for (const int number : {SIGTERM, SIGINT}) {
        INFO("signal " << number);
        ServerProcess server;
        std::deque<PulseClient> clients;
        for (int i = 0; i < 10; ++i) clients.emplace_back(server.port()).subscribe("c");
        server.signal(number);
        for (PulseClient& client : clients) {
            CHECK(client.receive() == kShutdown);
            const CloseFrame close = client.read_close();
            CHECK(close.code == 1001);
            CHECK(close.reason == "Server is shutting down");
            client.send_close(1001);
            CHECK(client.tcp().is_ended_by_peer());
        }
        CHECK(server.wait() == exited(0));
        const std::string log = server.output();
        CHECK(log.find("\"event\":\"draining\"") != std::string::npos);
        CHECK(log.find("\"event\":\"stopped\"") != std::string::npos);
        CHECK(server.errors().empty());
    }
}

TEST_CASE("the native frames of the farewell are in the client's own form", "[e2e][lifecycle]") {
    ServerProcess server;
    UpgradeOptions options;
    options.path = "/ws?format=json";
    WsClient client(server.port(), options);
    (void)client.read_message(kText);
    server.signal(SIGTERM);
    CHECK(client.read_message(kText) ==
          R"({"type":"error","id":0,"code":1010,"message":"Server is shutting down"})");
    CHECK(client.read_close().code == 1001);
}

TEST_CASE("what was queued is delivered before the farewell", "[e2e][lifecycle]") {
    ServerProcess server(Settings{{"server.drain_timeout_ms", "20000"}});
    UpgradeOptions slow;
    slow.tcp.receive_buffer_bytes = 4096;
    PulseClient reader(server.port(), slow);
    reader.subscribe("c");
    PulseClient publisher(server.port());
    const std::string text(16'384, 'x');
    std::uint64_t sent = 0;
    while (server.metric("pulse_queue_bytes") < 1'000'000) {
        REQUIRE(sent < 2000);
        for (int i = 0; i < 20; ++i) {
            ++sent;
            REQUIRE(publisher.ask(Frame::publish_with_ack(sent, "c", payload_of(text))) ==
                    Frame::ack(sent));
        }
    }
    server.signal(SIGTERM);
    CHECK(publisher.receive() == kShutdown);
    for (std::uint64_t i = 0; i < sent; ++i) REQUIRE(reader.receive() == publication("c", text));
    CHECK(reader.receive() == kShutdown);
    CHECK(reader.read_close().code == 1001);
    reader.send_close(1001);
    publisher.send_close(1001);
    CHECK(server.wait() == exited(0));
}

TEST_CASE("nobody new is let in while the server drains", "[e2e][lifecycle]") {
    // The spread keeps the drain going, until the last connection has gone by itself.
    ServerProcess server(
        Settings{{"server.close_spread_ms", "60000"}, {"server.drain_timeout_ms", "60000"}});
    TcpClient probe(server.port());
    probe.send(get_request("/readyz"));
    CHECK(read_answer(probe).status == 200);
    TcpClient late(server.port());
    late.send(get_request("/healthz"));
    CHECK(read_answer(late).status == 200);
    server.signal(SIGTERM);
    server.wait_for_event("draining");
    // New connections are refused by the kernel; connections that are there get honest answers.
    CHECK(eventually([&] {
        try {
            const TcpClient refused(server.port());
            return false;
        } catch (const ClientError&) {
            return true;
        }
    }));
    probe.send(get_request("/readyz"));
    const HttpAnswer answer = read_answer(probe);
    CHECK(answer.status == 503);
    CHECK(answer.body == "draining\n");
    CHECK(answer.header("connection") == "close");
    late.send(upgrade_request());
    CHECK(read_answer(late).status == 503);
    CHECK(server.wait() == exited(0));
}

TEST_CASE("clients that do not go are cut off at the drain's end", "[e2e][lifecycle]") {
    ServerProcess server(Settings{{"server.drain_timeout_ms", "1500"}});
    PulseClient rude(server.port());
    TcpClient silent(server.port());
    server.signal(SIGTERM);
    CHECK(server.wait(20s) == exited(0));
    CHECK(rude.receive() == kShutdown);
    CHECK(rude.tcp().is_ended_by_peer());
    CHECK(silent.is_ended_by_peer());
}

TEST_CASE("a spread longer than the drain's time still tells every client", "[e2e][lifecycle]") {
    ServerProcess server(
        Settings{{"server.close_spread_ms", "60000"}, {"server.drain_timeout_ms", "3000"}});
    std::deque<PulseClient> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(server.port());
    server.signal(SIGTERM);
    for (PulseClient& client : clients) {
        CHECK(client.receive() == kShutdown);
        CHECK(client.read_close().code == 1001);
        client.send_close(1001);
    }
    CHECK(server.wait() == exited(0));
}

TEST_CASE("a second signal ends the server at once", "[e2e][lifecycle]") {
    ServerProcess server(
        Settings{{"server.close_spread_ms", "60000"}, {"server.drain_timeout_ms", "60000"}});
    std::deque<PulseClient> clients;
    for (int i = 0; i < 20; ++i) clients.emplace_back(server.port());
    server.signal(SIGTERM);
    server.wait_for_event("draining");
    server.signal(SIGINT);
    CHECK(server.wait(20s) == exited(0));
    CHECK(server.output().find("\"event\":\"stopped_at_once\"") != std::string::npos);
}

TEST_CASE("a port that is taken ends the start with status 1 and names the address",
          "[e2e][lifecycle]") {
    for (const char* threads : {"1", "2"}) {
        INFO(threads << " threads");
        const ServerProcess first(Settings{{"server.threads", threads}});
        const std::string port = std::to_string(first.port());
        const Finished second({}, {{"server.port", port}, {"server.threads", threads}});
        CHECK(second.status == exited(1));
        CHECK(second.err.find("127.0.0.1:" + port) != std::string::npos);
        CHECK(second.err.find("in use") != std::string::npos);
        // The first goes on undisturbed.
        CHECK(PulseClient(first.port()).is_quiet());
    }
}

TEST_CASE("a metrics port that is taken is reported and nothing more", "[e2e][lifecycle]") {
    const ServerProcess first;
    LaunchOptions options;
    options.waits_until_listening = false;
    ServerProcess second(Settings{{"metrics.port", std::to_string(first.metrics_port())}}, options);
    const auto listening = second.wait_for_event("listening");
    const std::string address = listening.at("address");
    const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    second.wait_for_event("metrics_unavailable");
    CHECK(http_get(port, "/health").status == 200);
}

TEST_CASE("an address of another machine cannot be bound", "[e2e][lifecycle]") {
    // TEST-NET-1 (RFC 5737) is nobody's.
    const Finished run({}, {{"server.host", "\"192.0.2.1\""}, {"server.allow_anonymous", "true"}});
    CHECK(run.status == exited(1));
    CHECK(run.err.find("192.0.2.1:0") != std::string::npos);
}

TEST_CASE("a public address without authentication is refused with status 78", "[e2e][lifecycle]") {
    const Finished run({}, {{"server.host", "\"0.0.0.0\""}});
    CHECK(run.status == exited(78));
    CHECK(run.err.find("allow_anonymous") != std::string::npos);
}

TEST_CASE("configuration errors are found by a check and end a start with status 78",
          "[e2e][lifecycle]") {
    const Settings typo{{"limits.max_conections", "5"}};
    for (const bool is_check : {true, false}) {
        const Finished run(
            is_check ? std::vector<std::string>{"--check-config"} : std::vector<std::string>{},
            typo);
        CHECK(run.status == exited(78));
        CHECK(run.err.find("pulse.toml:") != std::string::npos);
        CHECK(run.err.find("limits.max_conections: unknown key (did you mean "
                           "limits.max_connections?)") != std::string::npos);
        CHECK(run.out.empty());
    }
    const Finished type({"--check-config"}, {{"server.port", "\"8080\""}});
    CHECK(type.status == exited(78));
    CHECK(Finished({"--check-config"}).status == exited(0));
}

TEST_CASE("a mistyped command line ends with status 2", "[e2e][lifecycle]") {
    const Finished run({"--no-such-flag"});
    CHECK(run.status == exited(2));
    CHECK(run.err.find("--no-such-flag") != std::string::npos);
    CHECK(Finished({"--port", "high"}).status == exited(2));
}

TEST_CASE("questions are answered on standard output with status 0", "[e2e][lifecycle]") {
    const Finished version({"--version"});
    CHECK(version.status == exited(0));
    CHECK(version.out.starts_with("pulse-server 0.1.1\n"));
    const Finished help({"--help"});
    CHECK(help.status == exited(0));
    CHECK(help.out.find("--check-config") != std::string::npos);
    const Finished print({"--print-config"}, {{"limits.max_channels", "77"}});
    CHECK(print.status == exited(0));
    CHECK(print.out.find("max_channels = 77") != std::string::npos);
}

TEST_CASE("flags win over the file", "[e2e][lifecycle]") {
    LaunchOptions options;
    options.arguments = {"--port", "0", "--host", "127.0.0.1", "--log-level", "info"};
    const ServerProcess server(Settings{{"server.port", "1"}, {"logging.level", "\"off\""}},
                               options);
    CHECK(server.port() != 1);
    CHECK(http_get(server.port(), "/health").status == 200);
}

TEST_CASE("IPv6 addresses and names are listened on", "[e2e][lifecycle]") {
    {
        const ServerProcess server(Settings{{"server.host", "\"localhost\""}});
        // The machine's hosts file says which of the two it is.
        const auto is_healthy_at = [&server](const char* host) {
            try {
                TcpClient tcp(server.port(), {.receive_buffer_bytes = 0, .host = host});
                tcp.send(get_request("/health"));
                return read_answer(tcp).status == 200;
            } catch (const ClientError&) {
                return false;
            }
        };
        CHECK((is_healthy_at("127.0.0.1") || is_healthy_at("::1")));
    }
    TcpOptions v6;
    v6.host = "::1";
    try {
        const ServerProcess server(Settings{{"server.host", "\"::1\""}});
        UpgradeOptions options;
        options.tcp = v6;
        PulseClient client(server.port(), options);
        CHECK(client.is_quiet());
    } catch (const std::exception& error) {
        // A machine without IPv6.
        CHECK(std::string(error.what()).find("::1") != std::string::npos);
    }
}
