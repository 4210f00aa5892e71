// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <memory>
#include <string>
#include <thread>

#include <pulse/core/connection.hpp>

using namespace pulse::core;
using pulse::test::HubFixture;

namespace {

class TestConnection final : public Connection {
  public:
    explicit TestConnection(Lane& lane) : Connection(lane, no_framing()) {}
    [[nodiscard]] const PeerAddress& peer() const noexcept override { return peer_; }
    using Connection::close;
    void close(std::uint16_t code, std::string_view text) override {
        closed = std::to_string(code) + " " + std::string(text);
    }
    void request_tick(std::chrono::milliseconds) override {}
    void pause_reading(bool) override {}
    using Connection::expire_handles;

    std::string closed;
    int visits = 0;

  private:
    void write_out() noexcept override {}
    void on_overflow() noexcept override {}
    PeerAddress peer_;
};

PeerAddress v6(std::initializer_list<std::uint8_t> bytes) {
    PeerAddress address;
    address.is_v6 = true;
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    return address;
}

}  // namespace

TEST_CASE("peer addresses are written as people write them", "[core][connection]") {
    CHECK(PeerAddress{}.to_string() == "0.0.0.0");
    CHECK(PeerAddress{{192, 0, 2, 1}, 80, false}.to_string() == "192.0.2.1");
    CHECK(PeerAddress{{255, 255, 255, 255}, 1, false}.to_string() == "255.255.255.255");
    CHECK(v6({}).to_string() == "::");
    CHECK(v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}).to_string() ==
          "2001:db8::1");
    CHECK(v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}).to_string() ==
          "::ffff:192.0.2.1");
    const PeerAddress longest = v6({0x20, 0x01, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                    0x18, 0x19, 0x20, 0x21, 0x22, 0x23});
    CHECK(longest.to_string() == "2001:1011:1213:1415:1617:1819:2021:2223");
}

TEST_CASE("loopback addresses are known in every notation", "[core][connection]") {
    CHECK(PeerAddress{{127, 0, 0, 1}, 0, false}.is_loopback());
    CHECK(PeerAddress{{127, 255, 0, 9}, 0, false}.is_loopback());
    CHECK(v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}).is_loopback());
    CHECK(v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}).is_loopback());
    CHECK_FALSE(PeerAddress{{128, 0, 0, 1}, 0, false}.is_loopback());
    CHECK_FALSE(v6({}).is_loopback());
    CHECK_FALSE(v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1}).is_loopback());
    CHECK_FALSE(v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}).is_loopback());
    CHECK_FALSE(v6({1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}).is_loopback());
}

TEST_CASE("a close reason becomes its code and text", "[core][connection]") {
    HubFixture fixture;
    TestConnection connection(fixture.lane());
    connection.close(CloseReason::slow_consumer);
    const auto& info = pulse::protocol::close_info(CloseReason::slow_consumer);
    CHECK(connection.closed == std::to_string(info.websocket_code) + " " + std::string(info.text));
}

TEST_CASE("what is posted to a handle runs on the lane, with the connection",
          "[core][connection]") {
    HubFixture fixture;
    TestConnection connection(fixture.lane());
    const ConnectionHandle handle = connection.handle();
    const ConnectionHandle copy = handle;
    std::thread([&] {
        handle.post([](Connection& c) { ++static_cast<TestConnection&>(c).visits; });
        copy.post([](Connection& c) { c.close(4000, "posted"); });
    }).join();
    CHECK(connection.visits == 0);
    CHECK(fixture.host().wakes() >= 1);
    fixture.flush();
    CHECK(connection.visits == 1);
    CHECK(connection.closed == "4000 posted");
}

TEST_CASE("what is posted to a connection that is gone does not run", "[core][connection]") {
    HubFixture fixture;
    auto connection = std::make_unique<TestConnection>(fixture.lane());
    const ConnectionHandle handle = connection->handle();
    const auto held = std::make_shared<int>(0);
    handle.post([held](Connection&) { ++*held; });
    connection.reset();
    handle.post([held](Connection&) { ++*held; });
    fixture.flush();
    CHECK(*held == 0);
    CHECK(held.use_count() == 1);
}

TEST_CASE("a connection that a posted function ends is gone for the next", "[core][connection]") {
    HubFixture fixture;
    auto connection = std::make_unique<TestConnection>(fixture.lane());
    const ConnectionHandle handle = connection->handle();
    int ran = 0;
    handle.post([&](Connection&) {
        ++ran;
        connection.reset();
    });
    handle.post([&](Connection&) { ++ran; });
    fixture.flush();
    CHECK(ran == 1);
}

TEST_CASE("handles that expired run nothing, though the connection is still there",
          "[core][connection]") {
    HubFixture fixture;
    TestConnection connection(fixture.lane());
    connection.expire_handles();  // before there is any
    const ConnectionHandle handle = connection.handle();
    int ran = 0;
    handle.post([&](Connection&) { ++ran; });
    connection.expire_handles();
    handle.post([&](Connection&) { ++ran; });
    fixture.flush();
    CHECK(ran == 0);
}

TEST_CASE("an empty handle posts nothing", "[core][connection]") {
    ConnectionHandle().post([](Connection&) { FAIL("there is no connection"); });
}
