// SPDX-License-Identifier: MIT OR Apache-2.0

#include "gzip.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/uplink_body.hpp>

using namespace pulse::roblox;

namespace {

const std::string kBatch =
    R"({"server":"job-1","batch":"job-1-17","ack":"abcdef:3","missing":[["abcdef","pulse.b0",[[4,9],[12,12]]]],)"
    R"("msgs":[["chat",{"b":1,"a":[1.0]}],["score",7,{"f":"job-1","t":1784000000000}]]})";

std::string reason(std::string_view body) {
    const auto batch = parse_batch_body(body);
    return batch ? "ok" : batch.error().message();
}

std::string batch_of(std::size_t messages) {
    std::string body = R"({"server":"s","batch":"s-1","msgs":[)";
    for (std::size_t i = 0; i < messages; ++i) body += i == 0 ? "[\"t\",1]" : ",[\"t\",1]";
    return body + "]}";
}

}  // namespace

TEST_CASE("A batch body is read with its messages in normal form", "[roblox][uplink]") {
    const auto batch = parse_batch_body(kBatch);
    REQUIRE(batch);
    CHECK(batch->server == "job-1");
    CHECK(batch->batch == "job-1-17");
    CHECK(batch->ack == "abcdef:3");
    CHECK(batch->missing ==
          std::vector<MissingRange>{{"abcdef", "pulse.b0", 4, 9}, {"abcdef", "pulse.b0", 12, 12}});
    REQUIRE(batch->messages.size() == 2);
    CHECK(batch->messages[0].message == R"({"b":1,"a":[1]})");
    CHECK(batch->messages[1].options.sender == "job-1");
    CHECK(reason(R"({"server":"s","batch":"s-1"})") == "ok");
    CHECK(reason(R"({"later":{},"server":"s","batch":"s-1","msgs":[]})") == "ok");
}

TEST_CASE("A message of a batch says where it goes, how long it is good and what it replaces",
          "[roblox][uplink]") {
    const auto batch = parse_batch_body(
        R"({"server":"s","batch":"s-1","msgs":[["a",1],["b",2,{"d":"roblox","ttl":2.5,"key":"k"}],)"
        R"(["c",3,{"destination":"server","later":[]}]]})");
    REQUIRE(batch);
    REQUIRE(batch->messages.size() == 3);
    CHECK(batch->options_of(0).is_default());
    CHECK(batch->options_of(1).destination == Destination::roblox);
    CHECK(batch->options_of(1).ttl == std::chrono::milliseconds(2'500));
    CHECK(batch->options_of(1).key == "k");
    CHECK(batch->options_of(2).is_default());
    CHECK(batch->options_of(200).is_default());
}

TEST_CASE("A batch body is refused for its shape, its names or its size", "[roblox][uplink]") {
    CHECK(reason("") == "not JSON");
    CHECK(reason("{") == "not JSON");
    CHECK(reason("[]") == "not a message of this kind");
    CHECK(reason("{}") == "not a server id");
    CHECK(reason(R"({"server":"a/b","batch":"a/b-1"})") == "not a server id");
    const std::string wrong = "not a message of this kind";
    for (const char* batch : {"", "s", "s-", "s-x", "t-1", "s1", "s-1x", "s--1"}) {
        CAPTURE(batch);
        CHECK(reason(R"({"server":"s","batch":")" + std::string(batch) + "\"}") == wrong);
    }
    for (const char* members :
         {R"("msgs":{})", R"("msgs":[1])", R"("msgs":[["t"]])", R"("msgs":[["",1]])",
          R"("msgs":[[0,1]])", R"("msgs":[["t",1,1]])", R"("msgs":[["t\n",1]])",
          R"("missing":[[]])", R"("missing":[["e","t",[[0,1]]]])",
          R"("missing":[["e","t",[[2,1]]]])", R"("missing":[["e","t",[[1,2,3]]]])",
          R"("missing":[["e","t",[[1,2]],3]])", R"("missing":[["e","t",1,2]])",
          R"("msgs":[["t",1,{"d":"web"}]])", R"("msgs":[["t",1,{"ttl":0}]])",
          R"("msgs":[["t",1,{"ttl":"5"}]])", R"("msgs":[["t",1,{"key":5}]])", R"("ack":7)"}) {
        CAPTURE(members);
        CHECK(reason(R"({"server":"s","batch":"s-1",)" + std::string(members) + "}") == wrong);
    }
    CHECK(reason(batch_of(kMaxUplinkMessages)) == "ok");
    CHECK(reason(batch_of(kMaxUplinkMessages + 1)) == wrong);
    CHECK(reason(std::string(kMaxUnpackedBodyBytes + 1, ' ')) == "body too large");
    std::string ranges = R"({"server":"s","batch":"s-1","missing":[)";
    for (std::size_t i = 0; i <= kMaxMissingRanges; ++i) ranges += "[\"e\",\"t\",[[1,1]]],";
    ranges.back() = ']';
    CHECK(reason(ranges + "}") == wrong);
    for (std::size_t size = 0; size < kBatch.size(); ++size) {
        CHECK(reason(std::string_view(kBatch).substr(0, size)) == "not JSON");
    }
}

TEST_CASE("A hello says what a server is and can", "[roblox][uplink]") {
    const auto hello = parse_hello_body(
        R"({"server":"job-1","place":5,"version":3,"players":20,"caps":["v1","z","http","poll","x"],)"
        R"("published":4,"shards":3})");
    REQUIRE(hello);
    CHECK(hello->server == "job-1");
    CHECK(hello->place == 5);
    CHECK(hello->players == 20);
    CHECK(hello->published == 4);
    CHECK(hello->shards == 3);
    CHECK(hello->speaks_v1);
    CHECK(hello->has_zstd);
    CHECK(hello->has_http);
    CHECK(hello->polls);
    CHECK(parse_hello_body(R"({"server":"j"})"));
    for (const char* body : {"", "[]", "{}", R"({"server":""})", R"({"server":"j","players":-1})",
                             R"({"server":"j","shards":9})", R"({"server":"j","caps":"v1"})"}) {
        CAPTURE(body);
        CHECK_FALSE(parse_hello_body(body));
    }
}

TEST_CASE("Compressed bodies are unpacked within bounds", "[roblox][uplink]") {
    const std::string packed = gzip(kBatch);
    CHECK(gunzip(packed).value() == kBatch);
    CHECK(gunzip(gzip("")).value().empty());
    for (std::size_t size = 0; size < packed.size(); ++size) {
        CHECK(gunzip(packed.substr(0, size)).error() == Error::invalid_compression);
    }
    CHECK_FALSE(gunzip(packed + "x"));
    CHECK_FALSE(gunzip(packed + packed));
    CHECK_FALSE(gunzip("not gzip at all"));
    for (std::size_t at = 0; at < packed.size(); ++at) {
        std::string damaged = packed;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
        const auto text = gunzip(damaged);
        if (text) CHECK(*text == kBatch);  // a header field that means nothing to us
    }
}

TEST_CASE("A gzip bomb is refused before it goes off", "[roblox][uplink]") {
    // Ten megabytes of zeros in ten kilobytes.
    const std::string bomb = gzip(std::string(10'000'000, '\0'));
    CHECK(bomb.size() < 20'000);
    CHECK(gunzip(bomb).error() == Error::invalid_compression);
    CHECK(gunzip(bomb, {.max_ratio = 100'000}).error() == Error::body_too_large);
    CHECK(gunzip(gzip(std::string(10'000, '\0'))).value().size() == 10'000);
    CHECK(gunzip(std::string(100, 'x'), {.max_bytes = 10}).error() == Error::body_too_large);
}
