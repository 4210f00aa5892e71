// SPDX-License-Identifier: MIT OR Apache-2.0
#include "nats/nats_names.hpp"

#include "nats/nats_address.hpp"
#include "nats/nats_api.hpp"
#include "nats/place_index.hpp"
#include "support/catch.hpp"

#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

using namespace pulse::cluster;
using namespace std::chrono_literals;

TEST_CASE("any name is one legal subject token, and different names are different ones",
          "[cluster][nats]") {
    CHECK(subject_token("chat:room-1_x") == "chat:room-1_x");
    CHECK(subject_token("a.b *>") == "a=2Eb=20=2A=3E");
    CHECK(subject_token("=61") == "=3D61");
    std::vector<std::string> names{"",     "a",  "=", "=_", "=a", "=m", std::string("\0", 1),
                                   "\xff", "a.b"};
    for (const std::size_t size : {299U, 300U, 301U, 302U, 303U, 2000U}) {
        names.emplace_back(size, 'a');
        names.emplace_back(size, '\xff');
    }
    std::set<std::string> tokens;
    for (const std::string& name : names) {
        const std::string token = subject_token(name);
        CHECK(tokens.insert(token).second);
        CHECK_FALSE(token.empty());
        CHECK(token.size() < 3000);
        CHECK(token.find_first_of(". *>\t\r\n") == std::string::npos);
        // Those are words' and marks'.
        const bool is_own = token.size() > 1 && token[0] == '=' && token[1] >= 'a';
        CHECK_FALSE(is_own);
    }
    CHECK(subject_token(std::string(2001, 'a')).empty());
    CHECK(node_token({1, 0xabc}) == "=n00000000000000010000000000000abc");
    CHECK(policy_name({}) == "live");
    CHECK(policy_name({.size = 10, .ttl = 2s}) == "10x2000");
}

TEST_CASE("addresses of NATS servers are read, or refused with a reason", "[cluster][nats]") {
    const auto plain = parse_nats_address("nats://one");
    REQUIRE(plain);
    CHECK(plain->servers == std::vector<std::string>{"nats://one:4222"});
    CHECK_FALSE(plain->is_tls);
    const auto many = parse_nats_address("tls://user:p%40ss@one:1,two,[::1]:3/");
    REQUIRE(many);
    CHECK(many->servers ==
          std::vector<std::string>{"nats://one:1", "nats://two:4222", "nats://[::1]:3"});
    CHECK(many->user == "user");
    CHECK(many->password == "p@ss");
    CHECK(many->is_tls);
    const auto token = parse_nats_address("nats://t%3Aken@one");
    REQUIRE(token);
    CHECK(token->token == "t:ken");
    for (const char* const wrong :
         {"", "nats://", "nats:/one", "http://one", "redis://one", "nats://one:0",
          "nats://one:65536", "nats://one:x", "nats://one:", "nats://,one", "nats://one,",
          "nats://:@one", "nats://user:@one", "nats://@one", "nats://%zz@one", "nats://one two",
          "nats://[::1", "nats://one/path", "nats://o\xffne"}) {
        const auto parsed = parse_nats_address(wrong);
        INFO(wrong);
        REQUIRE_FALSE(parsed);
        CHECK_FALSE(parsed.error().empty());
    }
    CHECK(parse_nats_address("nats://user:secret@one two").error().find("secret") ==
          std::string::npos);
}

TEST_CASE("what JetStream answers is read with care", "[cluster][nats]") {
    using namespace nats_api;
    CHECK(read_ack(R"({"stream":"s","seq":7})").sequence == 7);
    const Ack wrong =
        read_ack(R"({"error":{"code":400,"err_code":10071,"description":"no"},"seq":0})");
    CHECK(wrong.is_refused);
    const auto second = read_ack(R"({"stream":"s","seq":7,"duplicate":true})");
    CHECK(second.is_refused);
    CHECK(second.sequence == 0);
    CHECK(wrong.failure.text == "no");
    for (const char* const text : {"", "{", "[]", "1", R"({"error":1})", R"({"error":{}})"}) {
        CHECK(read_ack(text).failure);
        CHECK(read_stored(text).failure);
        CHECK(read_consumer_info(text).failure);
    }
    CHECK(read_stored(R"({"message":{"seq":3,"data":"AAH/"}})").data ==
          std::string("\0\x01\xff", 3));
    CHECK(read_stored(R"({"message":{"seq":3,"data":"eA=="}})").data == "x");
    CHECK(read_stored(R"({"message":{"seq":3,"data":"e~=="}})").failure);
    CHECK(read_stored(R"({"message":{"seq":"3","data":"eA=="}})").failure);

    const auto short_one = read_delivery("$JS.ACK.stream.name.1.57.2.1669106415123456789.9");
    REQUIRE(short_one);
    CHECK(short_one->consumer == "name");
    CHECK(short_one->sequence == 57);
    CHECK(short_one->time_ns == 1669106415123456789);
    CHECK(short_one->pending == 9);
    const auto long_one =
        read_delivery("$JS.ACK._.hash.stream.name.1.57.2.1669106415123456789.9.random");
    REQUIRE(long_one);
    CHECK(long_one->consumer == "name");
    CHECK(long_one->pending == 9);
    for (const char* const text : {"", "$JS.ACK", "$JS.ACK.s.c.1.x.2.3.4", "$JS.ACK.s.c.1.2.3.4"}) {
        CHECK_FALSE(read_delivery(text));
    }
    CHECK(parse_time("1970-01-01T00:00:01Z") == 1'000'000'000);
    CHECK(parse_time("2022-11-22T08:40:15.123456789Z") == 1669106415123456789);
    CHECK(parse_time("2022-11-22T09:40:15.5+01:00") == 1669106415500000000);
    for (const char* const text : {"", "2022", "2022-13-22T08:40:15Z", "2022-11-22T08:40:15",
                                   "2022-11-22T08:40:15.5", "2022-11-22 08:40:15Z"}) {
        CHECK_FALSE(parse_time(text));
    }
}

TEST_CASE("a stream that is there is taken only when it does what is needed", "[cluster][nats]") {
    using namespace nats_api;
    const StreamSetup setup{"p-10x2000", "p.p.10x2000.", "p.c.", {.size = 10, .ttl = 2s}, 3};
    auto config = nlohmann::json::parse(stream_config(setup));
    CHECK(config["max_msgs_per_subject"] == 10);
    CHECK(config["num_replicas"] == 3);
    CHECK(config["max_age"] == 64'000'000'000);
    const auto is_fit = [&] {
        const nlohmann::json answer{
            {"config", config}, {"created", "now"}, {"state", {{"last_seq", 5}}}};
        const StreamInfo info = read_stream_info(answer.dump(), setup);
        CHECK_FALSE(info.failure);
        CHECK(info.last_sequence == 5);
        return info.is_fit;
    };
    CHECK(is_fit());
    config["num_replicas"] = 1;
    CHECK(is_fit());
    config["republish"]["dest"] = "q.c.>";
    CHECK_FALSE(is_fit());
    config.erase("republish");
    CHECK_FALSE(is_fit());
}

TEST_CASE("an index of places stays small and covers everything", "[cluster][nats]") {
    PlaceIndex index;
    CHECK_FALSE(index.find(5));
    for (std::uint64_t i = 0; i < 100'000; ++i) index.add(1 + 3 * i, 10 + i, 100);
    CHECK(index.messages() == 100'000);
    CHECK(index.bytes() == 10'000'000);
    CHECK_FALSE(index.find(0));
    for (const std::uint64_t offset : {1U, 2U, 1000U, 150'000U, 299'000U, 300'000U}) {
        const auto entry = index.find(offset);
        REQUIRE(entry);
        CHECK(entry->first <= offset);
        CHECK(entry->first + 3 * 2048 > offset);
        CHECK(entry->sequence == 10 + (entry->first - 1) / 3);
        CHECK(entry->bytes == 100 * entry->messages);
    }
}
