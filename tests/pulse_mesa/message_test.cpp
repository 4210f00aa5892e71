// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <string>

#include <pulse/mesa/error.hpp>
#include <pulse/mesa/id.hpp>
#include <pulse/mesa/message.hpp>

namespace {

using namespace pulse::mesa;

TEST_CASE("a message is written with its keys in order, and without those that are not there",
          "[mesa][message]") {
    CHECK(to_json(Message(0, R"({"x":1})", "T"), Form::wire) == R"({"op":0,"d":{"x":1},"t":"T"})");
    CHECK(to_json(Message(7), Form::wire) == R"({"op":7,"d":{}})");
    CHECK(to_json(Message(), Form::wire) == "{}");
    CHECK(to_json(Message(0, "", "a\"b\n"), Form::wire) == R"({"op":0,"t":"a\"b\n"})");
}

TEST_CASE("clients never see options, stores never see positions", "[mesa][message]") {
    Message message(0, "1", std::nullopt, MessageOptions{false});
    message.sequence = 3;
    CHECK(to_json(message, Form::wire) == R"({"op":0,"d":1,"s":3})");
    CHECK(to_json(message, Form::internal) == R"({"op":0,"d":1,"o":{"sync":false}})");
}

TEST_CASE("what a client writes is passed on as it wrote it", "[mesa][message]") {
    const auto message =
        parse_message(R"( {"t":"\u0041", "d":{"n":1.50e1,"e":[]}, "op":2.0} )", Form::wire);
    REQUIRE(message);
    CHECK(message->opcode == 2);
    CHECK(message->data == R"({"n":1.50e1,"e":[]})");
    CHECK(message->type == "A");
}

TEST_CASE("odd opcodes and types keep their JSON", "[mesa][message]") {
    const auto message = parse_message(R"({"op":"0","t":[1],"d":null})", Form::wire);
    REQUIRE(message);
    CHECK_FALSE(message->opcode);
    CHECK_FALSE(message->type);
    CHECK(to_json(*message, Form::wire) == R"({"op":"0","d":null,"t":[1]})");
    CHECK(parse_message(R"({"op":1.5})", Form::wire)->odd_opcode == "1.5");
}

TEST_CASE("of a key that comes twice the last counts", "[mesa][message]") {
    const auto message = parse_message(R"({"op":"x","op":3,"t":"a","t":1})", Form::wire);
    REQUIRE(message);
    CHECK(message->opcode == 3);
    CHECK(message->odd_opcode.empty());
    CHECK_FALSE(message->type);
    CHECK(message->odd_type == "1");
}

TEST_CASE("a client has no options and no positions to give", "[mesa][message]") {
    const std::string text = R"({"op":0,"d":{},"s":4,"o":{"sync":false}})";
    CHECK(*parse_message(text, Form::wire) == Message(0));
    CHECK(*parse_message(text, Form::internal) ==
          Message(0, "{}", std::nullopt, MessageOptions{false}));
    CHECK(parse_message(R"({"o":{}})", Form::internal)->options == MessageOptions{true});
}

TEST_CASE("JSON that is no object is an empty message", "[mesa][message]") {
    for (const char* text : {"5", "[]", "\"x\"", "true", "[[1]]"}) {
        CAPTURE(text);
        const auto message = parse_message(text, Form::wire);
        REQUIRE(message);
        CHECK(*message == Message());
    }
}

TEST_CASE("null and text that is no JSON are errors", "[mesa][message]") {
    for (const char* text :
         {"", " ", "null", "{", "{]", "{\"op\":01}", "nul", "{\"a\":1,}", "1 2"}) {
        CAPTURE(text);
        const auto message = parse_message(text, Form::wire);
        REQUIRE_FALSE(message);
        CHECK(message.error() == make_error_code(Error::invalid_json));
    }
    const std::string deep(100'000, '[');
    CHECK(parse_message(deep, Form::wire).error() == make_error_code(Error::nested_too_deeply));
}

TEST_CASE("every cut of a message is refused", "[mesa][message]") {
    const std::string text = R"({"op":0,"d":{"a":["x\u0041",-1.5e3,null]},"t":"T"})";
    REQUIRE(parse_message(text, Form::wire));
    for (std::size_t n = 0; n < text.size(); ++n) {
        CAPTURE(n);
        CHECK_FALSE(parse_message(text.substr(0, n), Form::wire));
    }
}

TEST_CASE("numbers and texts are different ids", "[mesa][id]") {
    CHECK(*Id::from_json("5") == Id(5));
    CHECK(*Id::from_json("5.0") == Id(5));
    CHECK(*Id::from_json("\"5\"") == Id("5"));
    CHECK(Id(5) != Id("5"));
    CHECK(Id(5).name() == Id("5").name());
    CHECK(Id(5).to_json() == "5");
    CHECK(Id("a\"b").to_json() == R"("a\"b")");
    CHECK(*Id::from_json(R"("\u0041")") == Id("A"));
    CHECK(Id::from_json("0.5")->to_json() == "0.5");
    for (const char* text : {"null", "{}", "[]", "true", "", "x"}) CHECK_FALSE(Id::from_json(text));
}

}  // namespace
