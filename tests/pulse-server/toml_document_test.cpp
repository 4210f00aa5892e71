// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/toml_document.hpp"

#include "support/catch.hpp"

#include <string>

namespace pulse::server {
namespace {

using Type = TomlNode::Type;

TEST_CASE("a document becomes a tree in the order of the file, with positions", "[config][toml]") {
    const auto document = parse_toml(
        "z = 1\n"
        "a = \"text\"\n"
        "[table]\n"
        "  list = [true, 2.5]\n"
        "  when = 2026-11-21\n");
    REQUIRE(document);
    const auto& nodes = document->children;
    REQUIRE(nodes.size() == 3);
    CHECK(nodes[0].name == "z");
    CHECK(nodes[0].type == Type::integer);
    CHECK(nodes[0].integer == 1);
    CHECK(nodes[1].name == "a");
    CHECK(nodes[1].text == "text");
    CHECK(nodes[1].name_at.line == 2);
    CHECK(nodes[1].at.column == 5);
    REQUIRE(nodes[2].children.size() == 2);
    const TomlNode& list = nodes[2].children[0];
    CHECK(list.name_at.line == 4);
    CHECK(list.name_at.column == 3);
    REQUIRE(list.children.size() == 2);
    CHECK(list.children[0].boolean);
    CHECK(list.children[1].type == Type::number);
    CHECK(nodes[2].children[1].type == Type::date);
}

TEST_CASE("an offence against the grammar has a position", "[config][toml]") {
    const auto document = parse_toml("a = 1\nb = \n");
    REQUIRE_FALSE(document);
    CHECK(document.error().at.line == 2);
    CHECK_FALSE(document.error().message.empty());
    CHECK(document.error().message.find('\n') == std::string::npos);

    CHECK_FALSE(parse_toml("a = 1\na = 2\n"));
    CHECK_FALSE(parse_toml("a = \"\xff\"\n"));
    CHECK_FALSE(parse_toml("# \v \u00a7\n"));
    CHECK_FALSE(parse_toml("# \r \u00a7\n"));
    CHECK_FALSE(parse_toml(std::string{"a = \"\0\"\n", 8}));
}

TEST_CASE("nesting without end is refused instead of exhausting the stack", "[config][toml]") {
    std::string dotted = "a";
    std::string quoted = "\"a\"";
    for (int i = 0; i < 50'000; ++i) dotted += ".a";
    for (int i = 0; i < 25'000; ++i) quoted += " . \"a\"";
    for (const std::string& text :
         {dotted + " = 1", "[" + dotted + "]", "x = { " + dotted + " = 1 }", quoted + " = 1"}) {
        const auto document = parse_toml(text);
        REQUIRE_FALSE(document);
        CHECK(document.error().message == "more than 32 dots outside quotes");
    }
    CHECK_FALSE(parse_toml("a = " + std::string(50'000, '[')));
    std::string tables = "a = ";
    for (int i = 0; i < 20'000; ++i) tables += "{ a = ";
    CHECK_FALSE(parse_toml(tables));
}

TEST_CASE("the deepest text that is read neither overflows nor comes back whole",
          "[config][toml]") {
    std::string text = "[a";
    for (int i = 0; i < 32; ++i) text += ".a";
    text += "]\n";
    for (int i = 0; i < 15; ++i) {
        text += "b";
        for (int dot = 0; dot < 32; ++dot) text += ".b";
        text += " = [\n{ ";
    }
    text += "c = 1";
    for (int i = 0; i < 15; ++i) text += " }\n]";
    const auto document = parse_toml(text);
    REQUIRE(document);
    const TomlNode* node = &*document;
    int depth = 0;
    while (!node->children.empty()) {
        node = &node->children.front();
        ++depth;
    }
    CHECK(depth == 7);
    CHECK(node->type == Type::too_deep);
}

TEST_CASE("characters beyond ASCII stand in quotes and comments only", "[config][toml]") {
    const auto document = parse_toml(
        "\xEF\xBB\xBF# na\u00efve \u2028 \U0001F600\n"
        "a = \"\u00a7 # \\\" \u00e9\" # \u00e9\n"
        "b = '\u00a7 \\'\n"
        "\"\u00e9\" = 1\n");
    REQUIRE(document);
    REQUIRE(document->children.size() == 3);
    CHECK(document->children[0].text == "\u00a7 # \" \u00e9");
    CHECK(document->children[1].text == "\u00a7 \\");
    CHECK(document->children[2].name == "\u00e9");

    // U+00A7 and U+032A are among those that the library's own check for blanks trips over.
    for (const char* text :
         {"\u00a7", "\u032a", "a\u00a7 = 1", "a = \u00e9", "a = 1 \u00e9", "[\u00e9]",
          "a = ''\u00e9", "a = \"\\\\\"\u00e9", "a = \"#\" \u00a7", "\xff", "a = [\n\u00a0]"}) {
        CAPTURE(text);
        const auto refused = parse_toml(text);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message ==
              "a character outside ASCII has to stand in quotes or a comment");
    }
    CHECK(parse_toml("a = 1\nb = 2 \u00e9\n").error().at.line == 2);
    CHECK(parse_toml("a = 1\nb = 2 \u00e9\n").error().at.column == 7);
}

TEST_CASE("what the library takes for granted is looked at before", "[config][toml]") {
    for (const char* header : {"[+server]", "[=]", "[ .a]", "[[ ,a]]", "[\t[#a]]", "  [ *a]"}) {
        CAPTURE(header);
        const auto refused = parse_toml(std::string("a = 1\n") + header + "\nb = 2\n");
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message == "no table's name begins with this character");
        CHECK(refused.error().at.line == 2);
    }
    for (const char* header : {"[", "[ \t", "[[", "[[ ", "[\r", "  [[\r"}) {
        CAPTURE(header);
        const auto refused = parse_toml(std::string("a = 1\n") + header + "\nb = 2\n");
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message == "a table's name is missing");
        CHECK(refused.error().at.line == 2);
    }
    for (const char* time : {"2026-11-21T.12:00:00Z", "12:00", "localhost:8080"}) {
        const auto refused = parse_toml(std::string("a = ") + time);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message == "a colon has to stand in quotes or a comment");
    }
    CHECK_FALSE(parse_toml("[]"));
    CHECK_FALSE(parse_toml("["));
    CHECK_FALSE(parse_toml("[["));
    // Lists over several lines are no headers, nor is what stands in quotes.
    CHECK(parse_toml("a = [\n[+1, 2],\n[\"[\"],\n[ .5e0 ]]\n").has_value() ==
          parse_toml("a = [[+1, 2],[\"[\"],[ .5e0 ]]\n").has_value());
    CHECK(parse_toml("a = [\n  [+1, 2],\n  [-3]\n]\n[b]\n[ \"+c\" ]\n[[ _d ]]\n[0]\n[-e]\n"));
}

TEST_CASE("control characters are refused wherever they stand", "[config][toml]") {
    using namespace std::string_literals;
    for (const std::string& text :
         {"a = 1\n[\0\0[b]]\n"s, "a = 1\n \0b = 2\n"s, "a = 1\n# \x01\n"s, "a = 1\nb = \"\x7F\"\n"s,
          "a = 1\nb = \"\\\0\"\n"s, "a = 1\nb = 1\r2\n"s}) {
        const auto document = parse_toml(text);
        REQUIRE_FALSE(document);
        CHECK(document.error().at.line == 2);
        CHECK(document.error().message.find("control character") != std::string::npos);
    }
    CHECK(parse_toml("\ta\t=\t1\r\n"));
}

TEST_CASE("strings of several lines are refused", "[config][toml]") {
    for (const char* text : {"s = \"\"\"\\\n\u00a7\"\"\"\n", "s = '''x'''", "s = \"\"\"\"\"\""}) {
        const auto document = parse_toml(text);
        REQUIRE_FALSE(document);
        CHECK(document.error().message == "strings of several lines are not supported here");
        CHECK(document.error().at.column == 5);
    }
    CHECK(parse_toml("s = \"\" # \"\"\"\nt = ''\nu = \"'''\"\n"));
}

TEST_CASE("a text that is no configuration by its size is refused", "[config][toml]") {
    const auto document = parse_toml(std::string(kMaxTomlBytes + 1, '#'));
    REQUIRE_FALSE(document);
    CHECK(document.error().message == "the file is larger than 256 KiB");
    CHECK(parse_toml(std::string(kMaxTomlBytes, '#')));
}

}  // namespace
}  // namespace pulse::server
