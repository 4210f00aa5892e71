// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Redis that speaks TLS, with certificates made for the test.
#include "cluster_fixture.hpp"
#include "contract/broker_contract.hpp"
#include "contract/recovery_contract.hpp"
#include "support/certificates.hpp"
#include "support/tcp_ports.hpp"

#include <fstream>

using namespace pulse;
using contract::BrokerNode;
using test::eventually;

namespace {

/// Beside its TLS port it has the socket that the fixture waits for.
struct TlsRedis {
    test::Authority authority;
    std::uint16_t port = test::free_ports(1).front();
    std::unique_ptr<test::RedisServer> server;

    /// `clients`: yes when it wants certificates of its clients.
    explicit TlsRedis(const std::string& names = "DNS:localhost,IP:127.0.0.1",
                      const std::string& clients = "no") {
        authority.sign("server", names);
        server = std::make_unique<test::RedisServer>(std::vector<std::string>{
            "--bind", "127.0.0.1", "--tls-port", std::to_string(port), "--tls-cert-file",
            authority.certificate("server"), "--tls-key-file", authority.key("server"),
            "--tls-ca-cert-file", authority.certificate(), "--tls-auth-clients", clients});
        REQUIRE(eventually([this] { return test::is_listened_to(port); }));
    }
    [[nodiscard]] std::string at(const std::string& host, const std::string& query) const {
        return "rediss://" + host + ":" + std::to_string(port) + query;
    }
    [[nodiscard]] std::string with_ca(const std::string& more = "") const {
        return "?cafile=" + authority.certificate() + more;
    }
};

/// Why the broker at this address does not come up.
std::string refusal(const std::string& url) {
    test::RedisNodes nodes;
    const auto broker = nodes.add(url);
    REQUIRE(eventually([&] {
        return !broker->obstacle().empty() && broker->obstacle() != "broker: not connected yet";
    }));
    CHECK_FALSE(broker->is_healthy());
    return broker->obstacle();
}

bool has(const std::string& text, std::string_view part) {
    UNSCOPED_INFO(text);
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the Redis broker keeps both contracts over TLS", "[redis][tls][contract]") {
    const TlsRedis redis;
    test::RedisNodes nodes;
    static int n = 0;
    const auto make = [&](std::size_t count, const core::HistoryPolicies& policies) {
        cluster::BrokerOptions options;
        options.prefix = "tls" + std::to_string(++n) + ":";
        options.history = policies;
        return nodes.add(count, redis.at("localhost", redis.with_ca()), options);
    };
    SECTION("of brokers") {
        contract::broker_contract([&](std::size_t count) { return make(count, nullptr); });
    }
    SECTION("of recovery") { contract::recovery_contract(make); }
}

TEST_CASE("a server's certificate has to be trusted, and for the name that was asked for",
          "[redis][tls]") {
    SECTION("by address") {
        const TlsRedis redis;
        test::RedisNodes nodes;
        const auto broker = nodes.add(redis.at("127.0.0.1", redis.with_ca()));
        CHECK(eventually([&] { return broker->is_healthy(); }));
    }
    SECTION("another authority") {
        const TlsRedis redis;
        const test::Authority other;
        CHECK(has(refusal(redis.at("localhost", "?cafile=" + other.certificate())),
                  "TLS: certificate verify failed"));
    }
    SECTION("the authorities of the system") {
        const TlsRedis redis;
        CHECK(has(refusal(redis.at("localhost", "")), "TLS: certificate verify failed"));
    }
    SECTION("another name, or address") {
        const TlsRedis redis("DNS:elsewhere.example,IP:127.0.0.2");
        CHECK(has(refusal(redis.at("localhost", redis.with_ca())), "ostname mismatch"));
        CHECK(has(refusal(redis.at("127.0.0.1", redis.with_ca())), "IP address mismatch"));
        test::RedisNodes nodes;
        const auto broker =
            nodes.add(redis.at("localhost", redis.with_ca("&tls_name=elsewhere.example")));
        CHECK(eventually([&] { return broker->is_healthy(); }));
    }
}

TEST_CASE("a Redis that wants to know its clients gets a certificate", "[redis][tls]") {
    const TlsRedis redis("DNS:localhost", "yes");
    redis.authority.sign("client", "DNS:client");
    const auto url = [&](const std::string& more) {
        return redis.at("localhost", redis.with_ca(more));
    };
    CHECK(has(refusal(url("")), "TLS: "));
    const test::Authority other;
    other.sign("client", "DNS:client");
    CHECK(has(refusal(url("&certfile=" + other.certificate("client") +
                          "&keyfile=" + other.key("client"))),
              "TLS: "));

    const std::string own = "&certfile=" + redis.authority.certificate("client");
    test::RedisNodes nodes;
    const auto broker = nodes.add(url(own + "&keyfile=" + redis.authority.key("client")));
    CHECK(eventually([&] { return broker->is_healthy(); }));

    CHECK(has(refusal(url(own + "&keyfile=" + other.key("client"))), "TLS: keyfile"));
}

TEST_CASE("what TLS lacks is said, and looked at anew with each attempt", "[redis][tls]") {
    const TlsRedis redis;
    test::TempDir directory;
    const std::string late = (directory / "late.pem").string();
    test::RedisNodes nodes;
    const auto broker = nodes.add(redis.at("localhost", "?cafile=" + late));
    CHECK(
        eventually([&] { return broker->obstacle().starts_with("broker: TLS: cafile " + late); }));
    std::ofstream(late) << std::ifstream(redis.authority.certificate()).rdbuf();
    CHECK(eventually([&] { return broker->is_healthy(); }));

    // Neither side takes the other for something else.
    CHECK_FALSE(refusal("redis://127.0.0.1:" + std::to_string(redis.port)).empty());
    const std::uint16_t plain = test::free_ports(1).front();
    const test::RedisServer other({"--bind", "127.0.0.1", "--port", std::to_string(plain)});
    CHECK(has(refusal("rediss://127.0.0.1:" + std::to_string(plain)), "TLS: "));
}
