// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A NATS that speaks TLS, with a certificate of the test's own.
#include "contract/recovery_contract.hpp"
#include "nats_fixture.hpp"

#include <cstdlib>

using namespace pulse;
using test::eventually;

namespace {

/// A certificate for "localhost" and its key.
struct Certificate {
    Certificate() {
        const std::string command =
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
            "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout " +
            key() + " -out " + certificate() + " 2>" + (directory / "log").string();
        if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl");
    }
    [[nodiscard]] std::string key() const { return (directory / "key.pem").string(); }
    [[nodiscard]] std::string certificate() const { return (directory / "cert.pem").string(); }
    [[nodiscard]] std::string settings() const {
        return "tls { cert_file: \"" + certificate() + "\", key_file: \"" + key() + "\" }";
    }
    test::TempDir directory;
};

/// OpenSSL looks there for authorities when a connection is made.
struct Trust {
    explicit Trust(const std::string& file) { ::setenv("SSL_CERT_FILE", file.c_str(), 1); }
    ~Trust() { ::unsetenv("SSL_CERT_FILE"); }
};

}  // namespace

TEST_CASE("a NATS with TLS is used when its certificate is right, and else is not",
          "[nats][broker]") {
    const Certificate certificate;
    const test::NatsServer nats(certificate.settings());
    const std::string port = std::to_string(nats.port());
    SECTION("known authority, right name") {
        const Trust trust(certificate.certificate());
        test::NatsNodes nodes;
        const auto one = nodes.add("tls://localhost:" + port);
        const auto two = nodes.add("tls://localhost:" + port);
        REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
        contract::BrokerNode node(two);
        node.listen("news");
        // More than a record of TLS has, and than is read at once.
        const std::string large(300'000, 'x');
        core::PublicationView publication{"news"};
        publication.payload = protocol::as_bytes(large);
        CHECK_FALSE(contract::publish_and_wait(*one, publication));
        CHECK(node.hears("news", 1));
        CHECK((node.heard("news").at(0) == large));
    }
    SECTION("known authority, wrong name") {
        const Trust trust(certificate.certificate());
        test::NatsNodes nodes;
        const auto broker = nodes.add("tls://127.0.0.1:" + port);
        CHECK(eventually(
            [&] { return broker->obstacle().find("not connected yet") == std::string::npos; }));
        CHECK_FALSE(broker->is_healthy());
    }
    SECTION("unknown authority") {
        test::NatsNodes nodes;
        const auto broker = nodes.add("tls://localhost:" + port);
        CHECK(eventually(
            [&] { return broker->obstacle().find("not connected yet") == std::string::npos; }));
        CHECK_FALSE(broker->is_healthy());
    }
    SECTION("no TLS at all") {
        test::NatsNodes nodes;
        const auto broker = nodes.add("nats://localhost:" + port);
        CHECK(eventually(
            [&] { return broker->obstacle().find("not connected yet") == std::string::npos; }));
        CHECK_FALSE(broker->is_healthy());
    }
}
