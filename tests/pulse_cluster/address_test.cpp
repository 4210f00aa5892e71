// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <pulse/redis/address.hpp>
#include <pulse/redis/error.hpp>

using namespace pulse;
using redis::Address;
using redis::Location;
using redis::parse_address;
using redis::parse_location;

TEST_CASE("addresses of a Redis are read", "[redis][address]") {
    CHECK(*parse_address("redis://cache") == Address{.host = "cache"});
    CHECK(*parse_address("redis://10.0.0.1:7000/5") ==
          Address{.host = "10.0.0.1", .port = 7000, .database = 5});
    CHECK(*parse_address("redis://[::1]:7000/") == Address{.host = "::1", .port = 7000});
    CHECK(*parse_address("redis://:secret@cache") ==
          Address{.host = "cache", .password = "secret"});
    CHECK(*parse_address("redis://ann:s%40c%2Fr%3At@cache:1/2") ==
          Address{
              .host = "cache", .port = 1, .username = "ann", .password = "s@c/r:t", .database = 2});
    CHECK(*parse_address("unix:///run/redis.sock") == Address{.path = "/run/redis.sock"});
    CHECK(*parse_address("unix://ann:pw@/run/redis.sock?db=7") ==
          Address{.path = "/run/redis.sock", .username = "ann", .password = "pw", .database = 7});
}

TEST_CASE("what is no address of a Redis is refused", "[redis][address]") {
    for (const char* url : {"",
                            "cache",
                            "redis:",
                            "redis://",
                            "redis://:6379",
                            "redis://host:0",
                            "redis://host:65536",
                            "redis://host:x",
                            "redis://host:",
                            "redis://host/x",
                            "redis://host/-1",
                            "redis://[::1",
                            "redis://[::1]x",
                            "redis://user@host",
                            "redis://user:@host",
                            "redis://%zz:p@host",
                            "redis://ho st",
                            "redis://host\n",
                            "unix://",
                            "unix://relative",
                            "unix:///x?db=x",
                            "unix:///x?other=1",
                            "unix:///x?db=1&db=2",
                            "redis://host,other",
                            "redis://:p%00@host",
                            "redis://host?cafile=/x",
                            "rediss://",
                            "rediss://host?cafile",
                            "rediss://host?cafile=",
                            "rediss://host?cafile=/x&cafile=/y",
                            "rediss://host?keyfile=/x",
                            "rediss://host?other=1",
                            "redis+cluster://host",
                            "redis+sentinel://host/main",
                            "http://host"}) {
        INFO(url);
        const auto address = parse_address(url);
        REQUIRE_FALSE(address);
        CHECK(address.error() == redis::Error::invalid_address);
    }
    CHECK_FALSE(parse_address("unix:///" + std::string(120, 'x')));
}

TEST_CASE("an address with TLS names its files", "[redis][address]") {
    const redis::TlsOptions nothing;
    CHECK(*parse_address("rediss://cache") == Address{.host = "cache", .tls = nothing});
    CHECK(
        *parse_address("rediss://:pw@cache:1/2?cafile=/a%20b&certfile=/c&keyfile=/k&tls_name=n") ==
        Address{.host = "cache",
                .port = 1,
                .password = "pw",
                .database = 2,
                .tls = redis::TlsOptions{"/a b", "/c", "/k", "n"}});
}

TEST_CASE("addresses of sentinels and of a Redis Cluster are read", "[redis][address]") {
    const auto sentinel = parse_location(
        "redis+sentinel://ann:pw@a,b:1,[::1]:2/main/3?sentinel_user=guard&sentinel_password=g%2Fw");
    REQUIRE(sentinel);
    const auto guard = [](const char* host, std::uint16_t port) {
        return Address{.host = host, .port = port, .username = "guard", .password = "g/w"};
    };
    CHECK(*sentinel ==
          Location{.kind = Location::Kind::sentinel,
                   .hosts = {guard("a", 26379), guard("b", 1), guard("::1", 2)},
                   .master = "main",
                   .redis = Address{.username = "ann", .password = "pw", .database = 3}});
    const auto encrypted = parse_location("rediss+sentinel://a/main?cafile=/ca");
    REQUIRE(encrypted);
    CHECK(encrypted->redis.tls == redis::TlsOptions{"/ca", "", "", ""});
    CHECK(encrypted->hosts.front().tls == encrypted->redis.tls);

    const auto cluster = parse_location("redis+cluster://:pw@a:1,b");
    REQUIRE(cluster);
    CHECK(*cluster == Location{.kind = Location::Kind::cluster,
                               .hosts = {Address{.host = "a", .port = 1, .password = "pw"},
                                         Address{.host = "b", .password = "pw"}}});
    CHECK(parse_location("rediss+cluster://a")->hosts.front().tls);
    CHECK(parse_location("redis://a")->kind == Location::Kind::single);

    std::string many = "redis+cluster://a";
    for (int i = 0; i < 100; ++i) many += ",a";
    for (const std::string url :
         {"redis+sentinel://a", "redis+sentinel://a/", "redis+sentinel://a/main/x",
          "redis+sentinel://a/main?sentinel_user=x", "redis+sentinel://a,/main",
          "redis+sentinel://a/main?cafile=/x", "redis+cluster://a/1", "redis+cluster://,a",
          "redis+cluster://a?sentinel_password=x", "redis+other://a", many.c_str()}) {
        INFO(url);
        CHECK_FALSE(parse_location(url));
    }
}

TEST_CASE("an address for logs has no login", "[redis][address]") {
    CHECK(to_string(*parse_address("redis://ann:secret@cache:7000")) == "cache:7000");
    CHECK(to_string(*parse_address("redis://:secret@[::1]")) == "[::1]:6379");
    CHECK(to_string(*parse_address("unix://:secret@/run/redis.sock")) == "/run/redis.sock");
    CHECK(to_string(*redis::parse_location("redis+sentinel://:secret@a,b:7/main")) ==
          "a:26379,b:7");
}
