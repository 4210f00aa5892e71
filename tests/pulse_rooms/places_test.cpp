// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/room_fixture.hpp"

#include <string>
#include <utility>

#include <pulse/rooms/places.hpp>

using pulse::rooms::Places;
namespace core = pulse::core;

namespace {

core::PeerAddress address(const std::string& text) {
    core::PeerAddress out;
    REQUIRE(Places::read_address(text, out));
    return out;
}

std::shared_ptr<const Places> places(std::string text) {
    auto parsed = Places::parse(std::move(text));
    if (!parsed) FAIL(parsed.error().text);
    return *parsed;
}

/// The value of the one fact a table has.
std::string at(const Places& table, const std::string& text) {
    const Places::Facts facts = table.find(address(text));
    return facts.empty() ? std::string() : facts.front().second;
}

}  // namespace

TEST_CASE("a table of places tells what it has of an address", "[rooms][places]") {
    const auto table = places(
        "network,country,city,latitude,longitude\r\n"
        "# documentation's networks\r\n"
        "192.0.2.0/24,IS,Reykjav\xC3\xADk,64.14,-21.94\r\n"
        "\r\n"
        "2001:db8::/32,NZ,\"Auckland, \"\"Central\"\"\",-36.85,\r\n"
        "\"198.51.100.7\",,,1,2");
    CHECK(table->networks() == 3);
    CHECK(table->find(address("192.0.2.255")) == Places::Facts{{"country", "IS"},
                                                               {"city", "Reykjav\xC3\xADk"},
                                                               {"latitude", "64.14"},
                                                               {"longitude", "-21.94"}});
    CHECK(table->find(address("2001:db8:ffff::1")) ==
          Places::Facts{
              {"country", "NZ"}, {"city", "Auckland, \"Central\""}, {"latitude", "-36.85"}});
    CHECK(table->find(address("198.51.100.7")) ==
          Places::Facts{{"latitude", "1"}, {"longitude", "2"}});
    for (const char* const outside : {"192.0.1.255", "192.0.3.0", "198.51.100.6", "198.51.100.8",
                                      "2001:db7:ffff::", "2001:db9::", "::", "0.0.0.0"}) {
        CHECK(table->find(address(outside)).empty());
    }
    // The same address in the other family's clothes.
    CHECK(table->find(address("::ffff:192.0.2.1")).size() == 4);
}

TEST_CASE("of networks in one another the smallest counts, of equal ones the last",
          "[rooms][places]") {
    const auto table = places(
        "network,n\n10.1.2.0/24,small\n10.0.0.0/8,large\n10.1.0.0/16,middle\n"
        "10.1.2.128/25,half\n10.1.3.0/24,first\n10.1.3.0/24,second\n0.0.0.0/0,any\n"
        "255.255.255.255/32,last\n::/0,six\nffff::/16,end\n");
    const std::pair<const char*, const char*> expected[] = {
        {"9.255.255.255", "any"},
        {"10.0.0.0", "large"},
        {"10.0.255.255", "large"},
        {"10.1.0.0", "middle"},
        {"10.1.1.255", "middle"},
        {"10.1.2.0", "small"},
        {"10.1.2.127", "small"},
        {"10.1.2.128", "half"},
        {"10.1.2.255", "half"},
        {"10.1.3.0", "second"},
        {"10.1.3.255", "second"},
        {"10.1.4.0", "middle"},
        {"10.1.255.255", "middle"},
        {"10.2.0.0", "large"},
        {"10.255.255.255", "large"},
        {"11.0.0.0", "any"},
        {"255.255.255.254", "any"},
        {"255.255.255.255", "last"},
        {"::1", "six"},
        {"fffe:ffff::1", "six"},
        {"ffff::", "end"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "end"},
    };
    for (const auto& [where, what] : expected) {
        INFO(where);
        CHECK(at(*table, where) == what);
    }
}

TEST_CASE("a prefix may end anywhere, and what is behind it is not looked at", "[rooms][places]") {
    for (unsigned bits = 0; bits <= 128; ++bits) {
        const auto table = places("network,n\n5555:5555:5555:5555:5555:5555:5555:5555/" +
                                  std::to_string(bits) + ",x\n");
        INFO(bits);
        CHECK(at(*table, "5555:5555:5555:5555:5555:5555:5555:5555") == "x");
        // Differs in the last bit alone.
        CHECK(at(*table, "5555:5555:5555:5555:5555:5555:5555:5554") == (bits == 128 ? "" : "x"));
        CHECK(at(*table, "d555:5555:5555:5555:5555:5555:5555:5555") == (bits == 0 ? "x" : ""));
    }
}

TEST_CASE("a table with a fault names the line", "[rooms][places]") {
    const std::pair<std::string, std::size_t> faulty[] = {
        {"", 0},
        {"# nothing\n", 0},
        {"network,n\n\xff", 0},
        {"country,network\n", 1},
        {"network,n\n1.2.3.4/33,x\n", 2},
        {"network,n\n1.2.3.4/8,x\n::/129,x\n", 3},
        {"network,n\n1.2.3/8,x\n", 2},
        {"network,n\n1.2.3.4/,x\n", 2},
        {"network,n\n1.2.3.4/-1,x\n", 2},
        {"network,n\n1.2.3.4/8x,x\n", 2},
        {"network,n\n1.2.3.4/8\n", 2},
        {"network,n\n1.2.3.4/8,x,y\n", 2},
        {"network,n\n1.2.3.4/8,\"x\n", 2},
        {"network,n\n1.2.3.4/8,\"x\"y\n", 2},
        {"network,n\n1.2.3.4/8,x\"y\n", 2},
        {"network,n\n1.2.3.4/8," + std::string(Places::kMaxLineBytes, 'x') + "\n", 2},
        {"network" +
             [] {
                 std::string names;
                 for (std::size_t i = 0; i < Places::kMaxFacts; ++i)
                     names += ",n" + std::to_string(i);
                 return names;
             }(),
         1},
    };
    for (const auto& [text, line] : faulty) {
        const auto parsed = Places::parse(text);
        INFO(text.substr(0, 60));
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().line == line);
        CHECK_FALSE(parsed.error().text.empty());
    }
    CHECK(places("\xEF\xBB\xBFnetwork,n\n1.2.3.4,x")->networks() == 1);
}

TEST_CASE("what is no address is not read as one", "[rooms][places]") {
    core::PeerAddress out;
    for (const char* const text : {"", "1.2.3", "1.2.3.4:80", "::1%eth0", "[::1]", "example",
                                   "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc"}) {
        CHECK_FALSE(Places::read_address(text, out));
    }
}

TEST_CASE("where a client is stands in its details: from the file, or what a trusted proxy says",
          "[rooms][places]") {
    using namespace pulse::test;
    pulse::rooms::RoomsOptions options;
    options.details = {{"latitude", "1"}, {"longitude", "2"}, {"country", "XX"}};
    options.places = places(
        "network,latitude,longitude,asn\n127.0.0.1,3,4,64496\n"
        "192.0.2.0/24,5,6,\n");
    options.detail_headers = {{"longitude", "x-longitude"}};
    options.address_header = "x-forwarded-for";
    const auto details = [](RoomFixture& f, std::map<std::string, std::string> headers) {
        const auto peer = f.connect("room=r", 0, std::move(headers));
        const auto profile = nlohmann::json::parse(peer->take().at(1));
        return profile.at("data").at("connectionDetails").dump();
    };
    const std::string here =
        R"({"asn":64496,"country":"XX","httpProtocol":"HTTP/1.1","latitude":"3","longitude":"4"})";
    SECTION("the peer's own address, whatever it says") {
        RoomFixture f(options);
        CHECK(details(f, {{"x-forwarded-for", "192.0.2.1"}, {"x-longitude", "7"}}) == here);
        f.rooms->set_places(nullptr);
        CHECK(details(f, {}) ==
              R"({"country":"XX","httpProtocol":"HTTP/1.1","latitude":"1","longitude":"2"})");
    }
    SECTION("what a trusted proxy says") {
        options.trusted_proxies = {"127.0.0.1"};
        RoomFixture f(options);
        CHECK(details(f, {{"x-forwarded-for", "127.0.0.1, 192.0.2.9"}, {"x-longitude", "7"}}) ==
              R"({"country":"XX","httpProtocol":"HTTP/1.1","latitude":"5","longitude":"7"})");
        // Nothing that can be read: the proxy's own place.
        CHECK(details(f, {{"x-forwarded-for", "unknown"}}) == here);
        CHECK(details(f, {}) == here);
        CHECK(details(f, {{"x-forwarded-for", "203.0.113.1"}}) ==
              R"({"country":"XX","httpProtocol":"HTTP/1.1","latitude":"1","longitude":"2"})");
    }
}
