// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/host.hpp"

#include "support/catch.hpp"

namespace pulse::server {
namespace {

TEST_CASE("only addresses that cannot be reached from outside count as loopback",
          "[config][host]") {
    for (const char* host :
         {"127.0.0.1", "127.255.0.9", "::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1",
          "[::ffff:127.0.0.1]", "localhost", "LocalHost", "localhost.", "pulse.localhost"}) {
        CAPTURE(host);
        CHECK(is_loopback_host(host));
    }
    for (const char* host : {"0.0.0.0", "::", "[::]", "10.0.0.1", "192.168.1.1", "128.0.0.1", "::2",
                             "fe80::1%eth0", "::ffff:10.0.0.1", "::127.0.0.1", "example.org",
                             "localhost.example.org", "notlocalhost", "127.1", ""}) {
        CAPTURE(host);
        CHECK_FALSE(is_loopback_host(host));
    }
}

TEST_CASE("addresses and host names are accepted as hosts", "[config][host]") {
    for (const char* host : {"127.0.0.1", "0.0.0.0", "::", "[::1]", "fe80::1%eth0", "localhost",
                             "node-1.example.org", "my_service", "a"}) {
        CAPTURE(host);
        CHECK(find_host_problem(host).empty());
    }
}

TEST_CASE("a host that cannot be one is explained", "[config][host]") {
    CHECK(find_host_problem("") == "must not be empty; 0.0.0.0 or :: listens on every interface");
    CHECK(find_host_problem("0.0.0.0:8080") ==
          "\"0.0.0.0:8080\" holds a port; give the port by itself");
    CHECK(find_host_problem("example.org:80") ==
          "\"example.org:80\" holds a port; give the port by itself");
    CHECK(find_host_problem("[::1]:80") == "\"[::1]:80\" holds a port; give the port by itself");
    for (const char* host : {"*", "http://example.org", "a b", ".", "[127.0.0.1]", "h\n", ":::"}) {
        CAPTURE(host);
        CHECK(find_host_problem(host).find("is neither an IP address nor a host name") !=
              std::string::npos);
    }
    CHECK(find_host_problem(std::string(254, 'a')) == "is longer than a host name can be");
}

TEST_CASE("hosts overlap when one bind shuts out the other", "[config][host]") {
    CHECK(hosts_overlap("127.0.0.1", "127.0.0.1"));
    CHECK(hosts_overlap("0.0.0.0", "127.0.0.1"));
    CHECK(hosts_overlap("10.0.0.1", "0.0.0.0"));
    CHECK(hosts_overlap("::", "[::1]"));
    CHECK(hosts_overlap("::1", "0:0::1"));
    CHECK(hosts_overlap("Example.org", "example.org."));
    CHECK_FALSE(hosts_overlap("127.0.0.1", "127.0.0.2"));
    CHECK_FALSE(hosts_overlap("0.0.0.0", "::"));
    CHECK_FALSE(hosts_overlap("fe80::1%eth0", "fe80::1%eth1"));
    CHECK_FALSE(hosts_overlap("example.org", "127.0.0.1"));
}

TEST_CASE("IPv6 addresses are joined with brackets", "[config][host]") {
    CHECK(join_host_port("127.0.0.1", 8080) == "127.0.0.1:8080");
    CHECK(join_host_port("::1", 80) == "[::1]:80");
    CHECK(join_host_port("[::1]", 80) == "[::1]:80");
}

}  // namespace
}  // namespace pulse::server
