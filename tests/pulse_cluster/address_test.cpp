// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <pulse/redis/address.hpp>
#include <pulse/redis/error.hpp>

using namespace pulse;
using redis::Address;
using redis::parse_address;

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
                            "http://host"}) {
        INFO(url);
        const auto address = parse_address(url);
        REQUIRE_FALSE(address);
        CHECK(address.error() == redis::Error::invalid_address);
    }
    CHECK_FALSE(parse_address("unix:///" + std::string(120, 'x')));
    CHECK(parse_address("rediss://host").error() == redis::Error::tls_not_supported);
}

TEST_CASE("an address for logs has no login", "[redis][address]") {
    CHECK(to_string(*parse_address("redis://ann:secret@cache:7000")) == "cache:7000");
    CHECK(to_string(*parse_address("redis://:secret@[::1]")) == "[::1]:6379");
    CHECK(to_string(*parse_address("unix://:secret@/run/redis.sock")) == "/run/redis.sock");
}
