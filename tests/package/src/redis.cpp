// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Links the connection to a Redis, and tries one that is not there. hiredis and OpenSSL come along,
// though no header names them.
#include <cstdio>
#include <string>

#include <asio/io_context.hpp>

#include <pulse/core/rng.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/error.hpp>
#include <pulse/redis/link.hpp>

namespace redis = pulse::redis;

int main() {
    const auto address = redis::parse_address("unix://:secret@/nowhere/redis.sock?db=1");
    if (!address || redis::to_string(*address) != "/nowhere/redis.sock") return 1;
    if (redis::parse_address("http://host").error() != redis::Error::invalid_address) return 1;
    pulse::core::SystemRng rng;
    asio::io_context io{1};
    std::string why;
    redis::LinkOptions options;
    options.address = *address;
    redis::Link link(io, options, rng,
                     {{},
                      [&](bool, std::string_view reason) {
                          why = reason;
                          link.finish();
                      },
                      {}});
    link.start();
    io.run();
    if (why.empty() || link.is_up()) return 1;
    std::puts("redis works");
    return 0;
}
