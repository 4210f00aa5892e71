// SPDX-License-Identifier: MIT OR Apache-2.0
#include "frame_writer.hpp"
#include "support/catch.hpp"
#include "zstd_text.hpp"

#include <string>
#include <vector>

#include <pulse/protocol/base64.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/frame.hpp>

using namespace pulse::roblox;

namespace {

std::string reason(std::string_view text) {
    const auto frame = decode_frame(text);
    if (!frame) return frame.error().message();
    if (frame->type == FrameType::batch || frame->type == FrameType::compressed) {
        const auto items = decode_items(*frame);
        return items ? "ok" : items.error().message();
    }
    if (frame->type == FrameType::claim) {
        const auto claim = decode_claim(*frame);
        return claim ? "ok" : claim.error().message();
    }
    return "ok";
}

const std::vector<Item> kItems = {
    {"chat", R"({"text":"h\"i"})", {.servers = {"a", "b"}, .sender = "me", .sent_at_ms = 17}},
    {"chat", "[1,2]", {.servers = {"job-1"}}},
    {"score", "null", {.spread_seq = 9}},
    {"chat", "\"caf\xc3\xa9\""},
    {"t", "1"},
    {"t", "2"},
};

std::string compressed_frame(std::string_view body) {
    std::string text;
    append_frame_header(text, FrameType::compressed, "ep0000", 7);
    return text + '\n' + ZstdPacker().pack(body);
}

}  // namespace

TEST_CASE("A batch is written as documented and read back", "[roblox][frame]") {
    const std::string text = encode_batch("abc123", 42, kItems);
    CHECK(text ==
          "P1B abc123 42\n"
          R"([["chat",{"text":"h\"i"},{"s":["a","b"],"f":"me","t":17}],[0,[1,2],{"s":"job-1"}],)"
          R"(["score",null,{"n":9}],[0,"café"],["t",1],[4,2]])");
    const auto frame = decode_frame(text);
    REQUIRE(frame);
    CHECK(frame->type == FrameType::batch);
    CHECK(frame->epoch == "abc123");
    CHECK(frame->seq == 42);
    const auto items = decode_items(*frame);
    REQUIRE(items);
    CHECK(*items == kItems);
    CHECK(decode_items(*decode_frame(encode_batch("abc123", 1, {})))->empty());
}

TEST_CASE("An item on its own is read back", "[roblox][frame]") {
    for (const Item& item : kItems) {
        const auto decoded = decode_item(encode_item(item));
        REQUIRE(decoded);
        CHECK(*decoded == item);
    }
    CHECK_FALSE(decode_item("[0,1]"));  // an index needs a frame around it
    CHECK_FALSE(decode_item("[\"\",1]"));
    CHECK_FALSE(decode_item("[\"t\"]"));
    CHECK_FALSE(decode_item("[\"t\",1,{},1]"));
    CHECK_FALSE(decode_item("[\"t\",1] x"));
    CHECK(decode_item(R"(["t",1,{"later":{"x":[]}}])"));
}

TEST_CASE("Chunk, claim and wake frames are taken apart", "[roblox][frame]") {
    const auto chunk = decode_frame("P1C abc123 5 x7 2/3 00ff00ff\n{\"a\n\":");
    REQUIRE(chunk);
    CHECK(chunk->chunk.id == "x7");
    CHECK(chunk->chunk.index == 2);
    CHECK(chunk->chunk.count == 3);
    CHECK(chunk->chunk.crc == 0x00ff00ff);
    CHECK(chunk->body == "{\"a\n\":");

    const auto claim = decode_frame("P1G abc123 6 70000\n[\"t\",\"tok\",{\"f\":\"me\"}]");
    REQUIRE(claim);
    CHECK(claim->claim_bytes == 70'000);
    const auto content = decode_claim(*claim);
    REQUIRE(content);
    CHECK(content->topic == "t");
    CHECK(content->token == "tok");
    CHECK(content->options.sender == "me");

    const std::string wake = encode_wake("abc123", 8, "ep0000:12");
    CHECK(wake == "P1W abc123 8 ep0000:12\n");
    CHECK(decode_frame(wake)->cursor == "ep0000:12");

    std::string fields;
    append_chunk_fields(fields, {.id = "x7", .index = 2, .count = 64, .crc = 0xff});
    CHECK(fields == " x7 2/64 000000ff");
    CHECK(crc32_of("123456789") == 0xcbf43926);
}

TEST_CASE("What is no frame is refused", "[roblox][frame]") {
    const std::string frame = "not a frame";
    for (const char* text : {
             "",
             "P",
             "P1",
             "P1B",
             "P1B\n",
             "P1B abc123 1",
             "P1B abc123\n[]",
             "P1B  abc123 1\n[]",
             "P1B abc12 1\n[]",
             "P1B abc1234 1\n[]",
             "P1B ABC123 1\n[]",
             "P1B abc123 0\n[]",
             "P1B abc123 01\n[]",
             "P1B abc123 -1\n[]",
             "P1B abc123 1 \n[]",
             "P1B abc123 1 x\n[]",
             "P1B abc123 9007199254740992\n[]",
             "P1B\tabc123 1\n[]",
             "P1Babc123 1\n[]",
             "P1B abc123 1\n",
             "P1B abc123 1\n[",
             "P1B abc123 1\n{}",
             "P1B abc123 1\n[[]]",
             "P1B abc123 1\n[[0,1]]",
             "P1B abc123 1\n[[\"t\",1],[1,2]]",
             "P1B abc123 1\n[[\"t\",1],[-1,2]]",
             "P1B abc123 1\n[[\"t\",1],[0.5,2]]",
             "P1B abc123 1\n[[\"t\\n\",1]]",
             "P1B abc123 1\n[[\"t\",1,{\"s\":1}]]",
             "P1B abc123 1\n[[\"t\",1,{\"s\":\"a/b\"}]]",
             "P1B abc123 1\n[[\"t\",1,{\"t\":-1}]]",
             "P1B abc123 1\n[[\"t\",1]]]",
             "P1B abc123 1\n[[\"t\",1]\xff]",
             "P1C abc123 1 x 0/3 00ff00ff\nx",
             "P1C abc123 1 x 4/3 00ff00ff\nx",
             "P1C abc123 1 x 1/65 00ff00ff\nx",
             "P1C abc123 1 x 65/65 00ff00ff\nx",
             "P1C abc123 1 x 1/0 00ff00ff\nx",
             "P1C abc123 1 x 13 00ff00ff\nx",
             "P1C abc123 1 X 1/3 00ff00ff\nx",
             "P1C abc123 1 abcdefghijklm 1/3 00ff00ff\nx",
             "P1C abc123 1 x 1/3 00FF00FF\nx",
             "P1C abc123 1 x 1/3 0ff00ff\nx",
             "P1C abc123 1 x 1/3 00ff00fg\nx",
             "P1C abc123 1 x 1/3 00ff00ff\n",
             "P1C abc123 1 x 1/3 00ff00ff y\nx",
             "P1G abc123 1 0\n[\"t\",\"x\"]",
             "P1G abc123 1\n[\"t\",\"x\"]",
             "P1G abc123 1 5\n[\"t\",\"\"]",
             "P1G abc123 1 5\n[\"t\",5]",
             "P1W abc123 1 \n",
             "P1W abc123 1 a b\n",
             "P1W abc123 1 a\nx",
             "P1W abc123 1 \xc3\xa9\n",
         }) {
        CAPTURE(text);
        CHECK(reason(text) == frame);
    }
    CHECK(reason("P1Q abc123 1\n[]") == "frame type not supported");
    CHECK(reason("P1W abc123 1 " + std::string(kMaxCursorBytes + 1, 'c') + "\n") == frame);
    CHECK(reason("P1B abc123 1\n[" + std::string(kMaxFrameBytes, ' ') + "]") == frame);
}

TEST_CASE("A frame that is cut or damaged is refused or read, never past its end",
          "[roblox][frame]") {
    const std::string text = encode_batch("abc123", 42, kItems);
    for (std::size_t size = 0; size < text.size(); ++size) {
        const std::vector<char> cut(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK(reason({cut.data(), cut.size()}) != "ok");
    }
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            std::string damaged = text;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            CHECK_FALSE(reason(damaged).empty());
        }
    }
}

TEST_CASE("Compressed batches are read within their bounds", "[roblox][frame]") {
    if (!has_zstd()) return;
    const std::string batch = encode_batch("ep0000", 7, kItems);
    const std::string body = batch.substr(batch.find('\n') + 1);
    const auto items = decode_items(*decode_frame(compressed_frame(body)));
    REQUIRE(items);
    CHECK(*items == kItems);

    const std::string refused = "compressed data refused";
    CHECK(reason("P1Z ep0000 7\nAAAA") == refused);
    CHECK(reason("P1Z ep0000 7\n!!!!") == refused);
    CHECK(reason("P1Z ep0000 7\n") == refused);
    CHECK(reason(compressed_frame("not json")) == "not a frame");
    const std::string packed = ZstdPacker().pack(body);
    std::string bytes;
    REQUIRE(decode_base64(packed, pulse::protocol::Base64::standard, bytes));
    // Two frames in a row, a cut one, one with a byte behind it.
    for (const std::string& wrong :
         {bytes + bytes, bytes.substr(0, bytes.size() - 1), bytes + 'x'}) {
        CHECK(reason("P1Z ep0000 7\n" + encode_base64(wrong, pulse::protocol::Base64::standard)) ==
              refused);
    }
    // A small frame that unpacks to much: refused by its announced size.
    CHECK(reason(compressed_frame(std::string(kMaxBatchBytes, ' ') + "[]")) == refused);
    CHECK(reason(compressed_frame(std::string(kMaxBatchBytes - 2, ' ') + "[]")) == "ok");
    std::string many = "[";
    for (std::size_t i = 0; i < kMaxBatchItems; ++i) many += i == 0 ? "[\"t\",0]" : ",[0,0]";
    CHECK(reason(compressed_frame(many + "]")) == "ok");
    CHECK(reason(compressed_frame(many + ",[0,0]]")) == "not a frame");
}

TEST_CASE("A text is counted in each of the three ways", "[roblox][frame]") {
    const auto sizes = [](std::string_view text) {
        return std::vector<std::size_t>{counted_size(text, Counting::escaped),
                                        counted_size(text, Counting::bytes),
                                        counted_size(text, Counting::chars)};
    };
    CHECK(sizes("abc") == std::vector<std::size_t>{3, 3, 3});
    CHECK(sizes("a\"\\\n\x01") == std::vector<std::size_t>{13, 5, 5});
    CHECK(sizes("\xc3\xa9") == std::vector<std::size_t>{2, 2, 1});
    CHECK(sizes("\xe2\x82\xac") == std::vector<std::size_t>{3, 3, 1});
    CHECK(sizes("\xf0\x9f\x98\x80") == std::vector<std::size_t>{4, 4, 2});
}

TEST_CASE("Base64 has one text per value", "[roblox][frame]") {
    // RFC 4648, section 10.
    const std::vector<std::pair<std::string, std::string>> cases = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
    std::string out;
    for (const auto& [plain, text] : cases) {
        CHECK(encode_base64(plain, pulse::protocol::Base64::standard) == text);
        REQUIRE(decode_base64(text, pulse::protocol::Base64::standard, out));
        CHECK(out == plain);
        std::string bare = text.substr(0, text.find('='));
        CHECK(encode_base64(plain, pulse::protocol::Base64::url) == bare);
        CHECK(decode_base64(bare, pulse::protocol::Base64::url, out));
        if (bare != text) {
            CHECK_FALSE(decode_base64(bare, pulse::protocol::Base64::standard, out));
            CHECK_FALSE(decode_base64(text, pulse::protocol::Base64::url, out));
        }
    }
    for (const char* text : {"Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm-v"}) {
        CHECK_FALSE(decode_base64(text, pulse::protocol::Base64::standard, out));
    }
    CHECK(encode_base64("\xfb\xff", pulse::protocol::Base64::url) == "-_8");
    CHECK_FALSE(decode_base64("-_9", pulse::protocol::Base64::url, out));
    CHECK_FALSE(decode_base64("A", pulse::protocol::Base64::url, out));
}
