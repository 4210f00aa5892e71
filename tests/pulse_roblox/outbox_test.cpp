// SPDX-License-Identifier: MIT OR Apache-2.0
#include "outbox.hpp"

#include "json/reader.hpp"
#include "support/catch.hpp"
#include "support/payloads.hpp"

#include <map>
#include <string>
#include <vector>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;

namespace {

constexpr Forms kV1{.v0 = false, .v1 = true};
constexpr Forms kV0{.v0 = true, .v1 = false};
constexpr Forms kBoth{.v0 = true, .v1 = true};

struct Fixture {
    explicit Fixture(OutboxOptions options = {}, Outbox::KeepClaim keep = {})
        : outbox(std::move(options), sequence, std::move(keep)) {}

    core::Result<Queued> push(std::string topic, std::string message, Forms forms = kV1) {
        return outbox.push({.topic = std::move(topic), .message = std::move(message)}, forms, now);
    }
    std::vector<OutgoingFrame> pump(std::size_t at_most = SIZE_MAX) {
        std::vector<OutgoingFrame> frames;
        outbox.pump(
            now, [&](const std::string&, Target::Kind) { return frames.size() < at_most; },
            [&](OutgoingFrame frame) { frames.push_back(std::move(frame)); });
        return frames;
    }
    std::vector<OutgoingFrame> pump_later(std::size_t at_most = SIZE_MAX) {
        now += 30ms;
        return pump(at_most);
    }

    core::SeededRng rng{1};
    MemorySequence sequence{rng};
    Outbox outbox;
    core::MonotonicTime now{1h};
};

std::vector<Item> items_of(const OutgoingFrame& frame) {
    const auto view = decode_frame(frame.text);
    REQUIRE(view);
    auto items = decode_items(*view);
    REQUIRE(items);
    return std::move(*items);
}

std::vector<std::string> messages_of(const OutgoingFrame& frame) {
    std::vector<std::string> messages;
    for (const Item& item : items_of(frame)) {
        messages.push_back(item.topic + "=" + item.message);
    }
    return messages;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("Messages wait for company as long as the linger time, then go in one frame",
          "[roblox][outbox]") {
    Fixture f;
    REQUIRE(f.push("a", "1"));
    CHECK(f.pump().empty());
    CHECK(f.outbox.next_due() == f.now + 30ms);
    f.now += 29ms;
    REQUIRE(f.push("a", "2"));
    CHECK(f.pump().empty());
    f.now += 1ms;
    const auto frames = f.pump();
    REQUIRE(frames.size() == 1);
    CHECK(messages_of(frames[0]) == Texts{"a=1", "a=2"});
    CHECK(frames[0].messages == std::vector<MessageId>{1, 2});
    CHECK(frames[0].seq == 1);
    CHECK(frames[0].real_topic == shard_topic("pulse", shard_of("a", 3)));
    CHECK_FALSE(f.outbox.next_due());
    CHECK(f.outbox.message_count() == 0);
    CHECK(f.outbox.byte_count() == 0);
}

TEST_CASE("A full frame does not wait", "[roblox][outbox]") {
    Fixture f;
    for (int i = 0; i < 200; ++i) REQUIRE(f.push("a", std::to_string(i)));
    const auto frames = f.pump();
    REQUIRE(frames.size() >= 1);
    CHECK(counted_size(frames[0].text, Counting::escaped) <= 1'000);
    CHECK(counted_size(frames[0].text, Counting::escaped) > 980);
}

TEST_CASE("No frame exceeds the budget in any counting mode, and nothing is lost or reordered",
          "[roblox][outbox]") {
    const auto counting = GENERATE(Counting::escaped, Counting::bytes, Counting::chars);
    const auto budget = GENERATE(std::size_t{200}, std::size_t{1'000}, std::size_t{1'024});
    const bool zstd = GENERATE(false, true);
    test::Dice dice(7 + budget);
    Fixture f({.budget = budget, .counting = counting});
    f.outbox.set_capabilities({.zstd = zstd, .http = false});
    std::map<std::string, Texts> sent;
    std::map<std::string, Texts> received;
    test::Unpacker unpacker;
    const auto drain = [&] {
        for (const OutgoingFrame& frame : f.pump_later()) {
            CHECK(counted_size(frame.text, counting) <= budget);
            std::vector<Item> items;
            REQUIRE(unpacker.add(frame.text, f.now, items));
            for (const Item& item : items) received[item.topic].push_back(item.message);
        }
    };
    for (int round = 0; round < 40; ++round) {
        for (std::uint64_t i = dice.below(30); i > 0; --i) {
            // Every length around the budget, and some of many chunks.
            const std::size_t size =
                dice.chance(0.1) ? budget - 100 + dice.below(120) : dice.below(60);
            const std::string topic =
                dice.chance(0.5) ? "chat" : "t\"" + std::to_string(dice.below(5));
            const std::string message =
                json::normalise(test::awkward_text(dice.chance(0.02) ? 5'000 : size, dice));
            REQUIRE(f.push(topic, message));
            sent[topic].push_back(message);
        }
        drain();
    }
    drain();
    CHECK(received == sent);
    CHECK(f.outbox.take_dropped().empty());
    CHECK(f.outbox.message_count() == 0);
    CHECK(f.outbox.byte_count() == 0);
}

TEST_CASE("Every length around the budget fits one frame or goes in chunks", "[roblox][outbox]") {
    for (std::size_t size = 930; size < 1'010; ++size) {
        Fixture f;
        const std::string message = "\"" + std::string(size, 'x') + "\"";
        REQUIRE(f.push("t", message));
        test::Unpacker unpacker;
        std::vector<Item> items;
        for (const OutgoingFrame& frame : f.pump_later()) {
            CHECK(counted_size(frame.text, Counting::escaped) <= 1'000);
            REQUIRE(unpacker.add(frame.text, f.now, items));
        }
        REQUIRE(items.size() == 1);
        CHECK(items[0].message == message);
    }
}

TEST_CASE("Typical payloads fill a publish as far as promised", "[roblox][outbox]") {
    struct Expectation {
        test::Payload payload;
        Counting counting;
        bool zstd;
        std::size_t at_least;
    };
    const auto expected =
        GENERATE(Expectation{test::Payload::chat, Counting::escaped, false, 21},
                 Expectation{test::Payload::chat, Counting::bytes, false, 25},
                 Expectation{test::Payload::chat, Counting::escaped, true, 108},
                 Expectation{test::Payload::kill, Counting::escaped, false, 18},
                 Expectation{test::Payload::kill, Counting::bytes, false, 21},
                 Expectation{test::Payload::kill, Counting::escaped, true, 53},
                 Expectation{test::Payload::position, Counting::escaped, false, 18},
                 Expectation{test::Payload::position, Counting::bytes, false, 21},
                 Expectation{test::Payload::position, Counting::escaped, true, 47},
                 Expectation{test::Payload::number, Counting::escaped, false, 135},
                 Expectation{test::Payload::number, Counting::escaped, true, 984});
    test::Dice dice(3);
    Fixture f({.counting = expected.counting});
    f.outbox.set_capabilities({.zstd = expected.zstd, .http = false});
    for (int i = 0; i < 3'000; ++i)
        REQUIRE(f.push("t", test::payload_text(expected.payload, dice)));
    const auto frames = f.pump(1);
    REQUIRE(frames.size() == 1);
    CAPTURE(static_cast<int>(expected.payload), expected.zstd);
    CHECK(frames[0].messages.size() >= expected.at_least);
}

TEST_CASE("Higher priorities go first, but no virtual topic is reordered", "[roblox][outbox]") {
    Fixture f({.shards = 1});
    const auto push = [&](const char* topic, const char* message, Priority priority) {
        REQUIRE(
            f.outbox.push({.topic = topic, .message = message, .priority = priority}, kV1, f.now));
    };
    push("a", "1", Priority::low);
    push("b", "1", Priority::normal);
    push("c", "1", Priority::normal);
    push("b", "2", Priority::normal);
    push("d", "1", Priority::low);
    push("d", "2", Priority::high);  // lifts what is before it in its topic
    const auto frames = f.pump_later();
    REQUIRE(frames.size() == 1);
    CHECK(messages_of(frames[0]) == Texts{"d=1", "d=2", "b=1", "c=1", "b=2", "a=1"});
}

TEST_CASE("Messages for servers and places go to topics of theirs", "[roblox][outbox]") {
    Fixture f;
    const auto push = [&](Target target) {
        return f.outbox.push({.topic = "t", .message = "1", .target = std::move(target)}, kV1,
                             f.now);
    };
    REQUIRE(push({Target::Kind::server, "job-1"}));
    REQUIRE(push({Target::Kind::place, "77"}));
    REQUIRE(push({}));
    Texts topics;
    for (const OutgoingFrame& frame : f.pump_later()) {
        topics.push_back(frame.real_topic);
        CHECK(frame.seq == 1);
    }
    std::sort(topics.begin(), topics.end());
    CHECK(topics == Texts{shard_topic("pulse", shard_of("t", 3)), "pulse.p.77", "pulse.s.job-1"});
    CHECK(push({Target::Kind::server, "a/b"}).error() == Error::invalid_server_id);
    CHECK(push({Target::Kind::server, ""}).error() == Error::invalid_server_id);
}

TEST_CASE("A newer message with the same key takes the waiting one's place", "[roblox][outbox]") {
    Fixture f({.shards = 1});
    const auto push = [&](const char* message, const char* key, const char* topic = "t") {
        return f.outbox.push({.topic = topic, .message = message, .key = key}, kV1, f.now)
            .value()
            .id;
    };
    const MessageId first = push("1", "k");
    push("2", "other");
    push("\"a longer one\"", "k");
    push("4", "k", "u");
    const auto dropped = f.outbox.take_dropped();
    REQUIRE(dropped.size() == 1);
    CHECK(dropped[0].id == first);
    CHECK(dropped[0].error == Error::replaced);
    const auto frames = f.pump_later();
    REQUIRE(frames.size() == 1);
    CHECK(messages_of(frames[0]) == Texts{"t=\"a longer one\"", "t=2", "u=4"});
    CHECK(f.outbox.byte_count() == 0);
    push("5", "k");  // what has been sent is not replaced
    CHECK(f.outbox.take_dropped().empty());
    CHECK(messages_of(f.pump_later().at(0)) == Texts{"t=5"});
}

TEST_CASE("What expires before it can be sent is said to have", "[roblox][outbox]") {
    Fixture f;
    REQUIRE(f.outbox.push({.topic = "t", .message = "1", .ttl = 1'000ms}, kV1, f.now));
    REQUIRE(f.outbox.push({.topic = "t", .message = "2"}, kV1, f.now));
    REQUIRE(f.outbox.push({.topic = "t", .message = "3", .ttl = 1ms}, kV1, f.now));  // at least 1 s
    f.now += 1'000ms;
    CHECK(messages_of(f.pump().at(0)) == Texts{"t=2"});
    // The first was at the head and went with pump(); the last stood behind and went alike.
    CHECK(f.outbox.take_dropped().size() == 2);
    CHECK(f.outbox.message_count() == 0);

    REQUIRE(f.outbox.push({.topic = "t", .message = "1"}, kV1, f.now));
    REQUIRE(f.outbox.push({.topic = "t", .message = "2", .ttl = 1'000ms}, kV1, f.now));
    f.now += 14'999ms;
    f.outbox.expire(f.now);
    CHECK(f.outbox.take_dropped().size() == 1);
    f.now += 1ms;
    f.outbox.expire(f.now);
    CHECK(f.outbox.take_dropped().size() == 1);
    CHECK(f.outbox.byte_count() == 0);
}

TEST_CASE("The queue is bounded by messages and by bytes", "[roblox][outbox]") {
    Fixture f({.max_messages = 3, .max_bytes = 4'000});
    for (int i = 0; i < 3; ++i) REQUIRE(f.push("t", "1"));
    CHECK(f.push("t", "1").error() == Error::queue_full);
    f.pump_later();
    const std::string large = "\"" + std::string(3'000, 'x') + "\"";
    REQUIRE(f.push("t", large));
    CHECK(f.push("t", large).error() == Error::queue_full);
    CHECK(f.outbox.message_count() == 1);
    f.outbox.drop_all(Error::forbidden);
    CHECK(f.outbox.take_dropped().size() == 1);
    CHECK(f.outbox.message_count() == 0);
    CHECK(f.outbox.byte_count() == 0);
}

TEST_CASE("A large item goes in chunks, a larger one as a claim check, else not at all",
          "[roblox][outbox]") {
    Texts kept;
    Fixture f({}, [&](const std::string& item) {
        kept.push_back(item);
        return std::string("token-1");
    });
    const auto text_of = [](std::size_t size) { return "\"" + std::string(size, 'x') + "\""; };

    f.outbox.set_capabilities({.zstd = false, .http = true});
    REQUIRE(f.push("t", text_of(3'000)));
    CHECK(f.pump_later().size() == 4);
    CHECK(kept.empty());
    REQUIRE(f.push("t", text_of(200'000)));
    auto frames = f.pump_later();
    REQUIRE(frames.size() == 1);
    const auto claim = decode_frame(frames[0].text);
    REQUIRE(claim->type == FrameType::claim);
    CHECK(claim->seq == 5);
    CHECK(claim->claim_bytes == kept.at(0).size());
    CHECK(decode_claim(*claim)->token == "token-1");
    CHECK(decode_item(kept.at(0))->message == text_of(200'000));
    CHECK(f.push("t", text_of(2'000'000)).error() == Error::message_too_large);

    f.outbox.set_capabilities({});
    REQUIRE(f.push("t", text_of(50'000)));
    CHECK(f.pump_later().size() == 54);
    CHECK(f.push("t", text_of(70'000)).error() == Error::message_too_large);

    // Accepted while everybody had HTTP, too large when a server without came.
    f.outbox.set_capabilities({.zstd = false, .http = true});
    REQUIRE(f.push("t", text_of(70'000)));
    REQUIRE(f.push("t", "1"));
    f.outbox.set_capabilities({});
    frames = f.pump_later();
    REQUIRE(frames.size() == 1);
    CHECK(messages_of(frames[0]) == Texts{"t=1"});
    CHECK(f.outbox.take_dropped().at(0).error == Error::message_too_large);
}

TEST_CASE("Chunks of one item go out before anything else of their topic", "[roblox][outbox]") {
    Fixture f;
    REQUIRE(f.push("t", "\"" + std::string(2'500, 'x') + "\""));
    REQUIRE(f.push("t", "1"));
    std::vector<std::uint64_t> seqs;
    std::string types;
    for (int i = 0; i < 4; ++i) {
        const auto frames = f.pump_later(1);
        REQUIRE(frames.size() == 1);
        seqs.push_back(frames[0].seq);
        types += frames[0].text[2];
        if (i == 0) {
            REQUIRE(f.outbox.push({.topic = "t", .message = "2", .priority = Priority::high}, kV1,
                                  f.now));
        }
    }
    CHECK(types == "CCCB");
    CHECK(seqs == std::vector<std::uint64_t>{1, 2, 3, 4});
}

TEST_CASE("In compatibility a publish is the original's envelope", "[roblox][outbox]") {
    Fixture f;
    REQUIRE(f.push("test", "\"hello world\"", kV0));
    REQUIRE(f.outbox.push(
        {.topic = "test", .message = "1", .target = {Target::Kind::server, "job"}}, kV0, f.now));
    REQUIRE(f.outbox.push({.topic = "t", .message = "1", .v0_text = R"({"message":1,"topic":"t"})"},
                          kV0, f.now));
    REQUIRE(f.push("", "1", kV0));
    const auto frames = f.pump();  // nothing to wait for
    REQUIRE(frames.size() == 4);
    Texts texts;
    for (const OutgoingFrame& frame : frames) {
        CHECK(frame.real_topic == "pulse");
        CHECK(frame.messages.size() == 1);
        texts.push_back(frame.text);
    }
    CHECK(std::find(texts.begin(), texts.end(), R"({"topic":"test","message":"hello world"})") !=
          texts.end());
    CHECK(std::find(texts.begin(), texts.end(),
                    R"({"topic":"test","message":1,"serverId":"job"})") != texts.end());
    CHECK(std::find(texts.begin(), texts.end(), R"({"message":1,"topic":"t"})") != texts.end());
    const std::string large = "\"" + std::string(1'100, 'x') + "\"";
    CHECK(f.push("t", large, kV0).error() == Error::message_too_large);
    CHECK(f.push("", "1", kV1).error() == Error::invalid_topic);
    CHECK(f.push(std::string(129, 't'), "1", kV0).error() == Error::invalid_topic);

    // Both forms; what only frames can carry goes as frames.
    REQUIRE(f.push("t", "1", kBoth));
    REQUIRE(f.push("t", large, kBoth));
    std::size_t envelopes = 0;
    for (const OutgoingFrame& frame : f.pump_later()) envelopes += is_frame(frame.text) ? 0U : 1U;
    CHECK(envelopes == 1);
}

TEST_CASE("A spread topic uses all shards and numbers its messages", "[roblox][outbox]") {
    Fixture f;
    for (int i = 0; i < 6; ++i) {
        REQUIRE(f.outbox.push(
            {.topic = "t", .message = std::to_string(i), .is_spread = true, .sender = "job"}, kV1,
            f.now));
    }
    std::map<std::uint64_t, std::string> by_number;
    const auto frames = f.pump_later();
    CHECK(frames.size() == 3);
    for (const OutgoingFrame& frame : frames) {
        for (const Item& item : items_of(frame)) {
            by_number[item.options.spread_seq] = item.message;
            CHECK(item.options.sender == "job");
        }
    }
    CHECK(by_number == std::map<std::uint64_t, std::string>{
                           {1, "0"}, {2, "1"}, {3, "2"}, {4, "3"}, {5, "4"}, {6, "5"}});
}

TEST_CASE("Nothing is built while numbers cannot be had", "[roblox][outbox]") {
    struct Unavailable final : SequenceSource {
        std::string_view epoch() const noexcept override { return "abcdef"; }
        std::optional<std::uint64_t> take(std::string_view, unsigned) override {
            if (!is_there) return {};
            return 1;
        }
        std::uint64_t head(std::string_view) const override { return 0; }
        bool is_there = false;
    } sequence;
    Outbox outbox({}, sequence);
    core::MonotonicTime now{1h};
    REQUIRE(outbox.push({.topic = "t", .message = "1"}, kV1, now));
    REQUIRE(outbox.push({.topic = "t",
                         .message = "\"" + std::string(3'000, 'x') + "\"",
                         .target = {Target::Kind::server, "j"}},
                        kV1, now));
    now += 1s;
    const auto yes = [](const std::string&, Target::Kind) { return true; };
    CHECK(outbox.pump(now, yes, [](OutgoingFrame) {}) == 0);
    CHECK(outbox.message_count() == 2);
    sequence.is_there = true;
    CHECK(outbox.pump(now, yes, [](OutgoingFrame) {}) == 5);
}

TEST_CASE("A wake goes out without a message, before what waits, and only the latest",
          "[roblox][outbox]") {
    core::SeededRng rng(1);
    MemorySequence sequence(rng);
    Outbox outbox({}, sequence);
    core::MonotonicTime now{1h};
    CHECK_FALSE(outbox.next_due());
    outbox.push_wake("pulse.b0", Target::Kind::broadcast, "abc:1");
    outbox.push_wake("pulse.b0", Target::Kind::broadcast, "abc:2");
    REQUIRE(outbox.next_due());
    CHECK(*outbox.next_due() <= now);
    CHECK_FALSE(outbox.next_due([](const std::string& topic) { return topic == "pulse.b0"; }));
    std::vector<OutgoingFrame> frames;
    const auto pump = [&] {
        outbox.pump(
            now, [](const std::string&, Target::Kind) { return true; },
            [&](OutgoingFrame frame) { frames.push_back(std::move(frame)); });
    };
    pump();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].messages.empty());
    const auto frame = decode_frame(frames[0].text);
    REQUIRE(frame);
    CHECK(frame->type == FrameType::wake);
    CHECK(frame->cursor == "abc:2");
    CHECK(frame->seq == 1);
    pump();
    CHECK(frames.size() == 1);
    CHECK_FALSE(outbox.next_due());
}
