// SPDX-License-Identifier: MIT OR Apache-2.0
#include "client_limits.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <thread>
#include <vector>

using namespace pulse::transport;
using pulse::core::MonotonicTime;
using pulse::core::PeerAddress;
using Verdict = ClientGate::Verdict;
using namespace std::chrono_literals;

namespace {

PeerAddress v4(std::uint8_t last, std::uint16_t port = 1000) {
    PeerAddress address;
    address.bytes = {192, 0, 2, last};
    address.port = port;
    return address;
}

PeerAddress v6(std::uint8_t last) {
    PeerAddress address;
    address.bytes = {0x20, 0x01, 0x0d, 0xb8};
    address.bytes[15] = last;
    address.is_v6 = true;
    return address;
}

const MonotonicTime kNow{100s};

Verdict admit(ClientGate& gate, const PeerAddress& peer, MonotonicTime now = kNow) {
    bool ignored = false;
    return gate.admit(peer, now, ignored);
}

}  // namespace

TEST_CASE("the gate counts connections and lets in as many as allowed", "[transport][gate]") {
    ClientLimits limits;
    limits.max_connections = 2;
    ClientGate gate(limits, kNow);
    CHECK(admit(gate, v4(1)) == Verdict::admitted);
    CHECK(admit(gate, v4(1)) == Verdict::admitted);
    CHECK(admit(gate, v4(2)) == Verdict::full);
    CHECK(gate.connections() == 2);
    gate.release(v4(1), false);
    CHECK(admit(gate, v4(2)) == Verdict::admitted);
}

TEST_CASE("a gate without limits counts and refuses nobody", "[transport][gate]") {
    ClientLimits limits;
    limits.max_connections = 0;
    ClientGate gate(limits, kNow);
    for (int i = 0; i < 1000; ++i) REQUIRE(admit(gate, v4(1)) == Verdict::admitted);
    CHECK(gate.connections() == 1000);
    bool is_counted = true;
    for (int i = 0; i < 5000; ++i) REQUIRE(gate.admit_socket(v4(1), is_counted));
    CHECK_FALSE(is_counted);
    CHECK(gate.sockets() == 5000);
}

TEST_CASE("addresses are counted one by one, without their ports", "[transport][gate]") {
    ClientLimits limits;
    limits.max_connections_per_address = 2;
    ClientGate gate(limits, kNow);
    bool is_counted = false;
    CHECK(gate.admit(v4(1, 1), kNow, is_counted) == Verdict::admitted);
    CHECK(is_counted);
    CHECK(admit(gate, v4(1, 2)) == Verdict::admitted);
    CHECK(admit(gate, v4(1, 3)) == Verdict::too_many_from_address);
    CHECK(admit(gate, v4(2)) == Verdict::admitted);
    CHECK(admit(gate, v6(1)) == Verdict::admitted);
    CHECK(admit(gate, v6(2)) == Verdict::admitted);
    // A refused one takes no place.
    CHECK(gate.connections() == 5);
    gate.release(v4(1, 9), true);
    CHECK(admit(gate, v4(1, 4)) == Verdict::admitted);
}

TEST_CASE("an IPv4 address and an IPv6 one with the same bytes are two", "[transport][gate]") {
    ClientLimits limits;
    limits.max_connections_per_address = 1;
    ClientGate gate(limits, kNow);
    PeerAddress same = v4(1);
    CHECK(admit(gate, same) == Verdict::admitted);
    same.is_v6 = true;
    CHECK(admit(gate, same) == Verdict::admitted);
}

TEST_CASE("connections that come too fast are refused until time has passed", "[transport][gate]") {
    ClientLimits limits;
    limits.connections = {.per_second = 2, .burst = 3};
    ClientGate gate(limits, kNow);
    for (int i = 0; i < 3; ++i) CHECK(admit(gate, v4(1)) == Verdict::admitted);
    CHECK(admit(gate, v4(2)) == Verdict::too_fast);
    CHECK(gate.connections() == 3);
    CHECK(admit(gate, v4(2), kNow + 500ms) == Verdict::admitted);
    CHECK(admit(gate, v4(2), kNow + 500ms) == Verdict::too_fast);
}

TEST_CASE("limits can be changed while connections are open", "[transport][gate]") {
    ClientLimits limits;
    limits.max_connections = 1;
    limits.max_connections_per_address = 1;
    ClientGate gate(limits, kNow);
    bool is_counted = false;
    CHECK(gate.admit(v4(1), kNow, is_counted) == Verdict::admitted);
    limits.max_connections = 3;
    limits.max_connections_per_address = 0;
    gate.set_limits(limits);
    bool is_second_counted = true;
    CHECK(gate.admit(v4(1), kNow, is_second_counted) == Verdict::admitted);
    CHECK_FALSE(is_second_counted);
    gate.release(v4(1), is_counted);
    gate.release(v4(1), is_second_counted);
    CHECK(gate.connections() == 0);
    // The count of the address was not left behind.
    limits.max_connections_per_address = 1;
    gate.set_limits(limits);
    CHECK(admit(gate, v4(1)) == Verdict::admitted);
}

TEST_CASE("sockets may outnumber connections, so that refusals can be answered",
          "[transport][gate]") {
    ClientLimits limits;
    limits.max_connections = 10;
    ClientGate gate(limits, kNow);
    bool is_counted = false;
    for (int i = 0; i < 10 + 1024; ++i) REQUIRE(gate.admit_socket(v4(1), is_counted));
    CHECK_FALSE(gate.admit_socket(v4(2), is_counted));
    CHECK(gate.sockets() == 10 + 1024);
    gate.release_socket(v4(1), is_counted);
    CHECK(gate.admit_socket(v4(2), is_counted));
}

TEST_CASE("an address that has a limit has one for its sockets too", "[transport][gate]") {
    ClientLimits limits;
    limits.max_connections_per_address = 4;
    ClientGate gate(limits, kNow);
    bool is_counted = false;
    for (std::uint16_t port = 1; port <= 4 + 16; ++port) {
        REQUIRE(gate.admit_socket(v4(1, port), is_counted));
        CHECK(is_counted);
    }
    CHECK_FALSE(gate.admit_socket(v4(1), is_counted));
    CHECK_FALSE(is_counted);
    CHECK(gate.sockets() == 20);
    CHECK(gate.admit_socket(v4(2), is_counted));
    gate.release_socket(v4(1), true);
    CHECK(gate.admit_socket(v4(1), is_counted));
    // Its connections are counted apart.
    for (int i = 0; i < 4; ++i) CHECK(admit(gate, v4(1)) == Verdict::admitted);
    CHECK(admit(gate, v4(1)) == Verdict::too_many_from_address);
}

TEST_CASE("loops use the gate at the same time and never pass its limit", "[transport][gate]") {
    ClientLimits limits;
    limits.max_connections = 10;
    limits.max_connections_per_address = 7;
    ClientGate gate(limits, kNow);
    std::atomic<int> inside{0};
    std::atomic<bool> has_passed{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            const PeerAddress peer = v4(static_cast<std::uint8_t>(t % 2));
            for (int i = 0; i < 5000; ++i) {
                bool is_counted = false;
                if (gate.admit(peer, kNow, is_counted) != Verdict::admitted) continue;
                if (++inside > 10) has_passed = true;
                --inside;
                gate.release(peer, is_counted);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK_FALSE(has_passed);
    CHECK(gate.connections() == 0);
}
