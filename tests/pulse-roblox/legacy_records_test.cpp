// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse-roblox/legacy_records.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

using namespace pulse::roblox_command;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

TEST_CASE("base64 is read in both alphabets, with and without padding", "[pulse-roblox]") {
    CHECK(decode_base64("") == "");
    CHECK(decode_base64("Zg==") == "f");
    CHECK(decode_base64("Zg") == "f");
    CHECK(decode_base64("Zm8=") == "fo");
    CHECK(decode_base64("Zm9v") == "foo");
    CHECK(decode_base64("+/8=") == "\xfb\xff");
    CHECK(decode_base64("-_8") == "\xfb\xff");
    for (const char* bad : {"Z", "Zm9vY", "Zm9v\n", "Z===", "====", "Zm 9", "Zm9vé"}) {
        CAPTURE(bad);
        CHECK_FALSE(decode_base64(bad));
    }
}

TEST_CASE("a JSON export is one object of texts, every one of which is seen", "[pulse-roblox]") {
    const auto found = parse_legacy_export(
        R"({"12":"Zm9v","12:clients":"Mw==","007":"Zg","12":"Zm8","9":"not base64"})");
    REQUIRE(found);
    REQUIRE(found->records.size() == 4);
    CHECK(found->records[0].name == "12");
    CHECK(found->records[0].bytes == "foo");
    CHECK(found->records[3].name == "12");
    CHECK(found->records[3].bytes == "fo");
    REQUIRE(found->problems.size() == 1);
    CHECK(found->problems[0].document == "9");

    const auto empty = parse_legacy_export("{}");
    REQUIRE(empty);
    CHECK(empty->records.empty());
}

TEST_CASE("any other JSON is refused, without a word of what is in it", "[pulse-roblox]") {
    for (const std::string& text : std::vector<std::string>{
             "", "null", "7", R"("hidden")", "[]", R"(["hidden"])", R"({"1":7})", R"({"1":-7})",
             R"({"1":0.5})", R"({"1":null})", R"({"1":true})", R"({"1":{"2":"hidden"}})",
             R"({"1":["hidden"]})", R"({"1":"hidden)", R"({"1":"aa"} {})",
             std::string(1'000'000, '['), std::string(1'000'000, '{'), "{\"\xff\":\"hidden\"}"}) {
        CAPTURE(text.substr(0, 20));
        const auto found = parse_legacy_export(text);
        REQUIRE_FALSE(found);
        CHECK_FALSE(found.error().empty());
        CHECK(found.error().find("hidden") == std::string::npos);
    }
}

TEST_CASE("an export of more records than are taken is refused", "[pulse-roblox]") {
    std::string text = "{";
    for (std::size_t i = 0; i <= kMaxRecords; ++i) text += R"("1":"",)";
    text.back() = '}';
    const auto found = parse_legacy_export(text);
    REQUIRE_FALSE(found);
    CHECK_THAT(found.error(), Contains("100,000"));
}

TEST_CASE("a directory is a file for each record, and what is none is named", "[pulse-roblox]") {
    const pulse::test::TempDir dir;
    const auto put = [&](const std::string& name, const std::string& bytes) {
        std::ofstream(dir / name, std::ios::binary) << bytes;
    };
    put("12", std::string("\0\xff", 2));
    put("12:clients", "3");
    put("99", std::string(kMaxRecordBytes, 'x'));
    put("big", std::string(kMaxRecordBytes + 1, 'x'));
    fs::create_directory(dir / "folder");
    REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);  // nobody ever writes to it
    fs::create_symlink("nowhere", dir / "dangling");

    const auto found = read_legacy_export(dir.path().string());
    REQUIRE(found);
    REQUIRE(found->records.size() == 3);
    CHECK(found->records[0].name == "12");
    CHECK(found->records[0].bytes == std::string("\0\xff", 2));
    CHECK(found->records[1].name == "12:clients");
    CHECK(found->records[2].bytes.size() == kMaxRecordBytes);
    std::vector<std::string> problems;
    for (const auto& problem : found->problems) problems.push_back(problem.document);
    CHECK(problems == std::vector<std::string>{"big", "dangling", "folder", "pipe"});
}

TEST_CASE("an export that is not there, or is none, is named by its path", "[pulse-roblox]") {
    const pulse::test::TempDir dir;
    const auto missing = read_legacy_export((dir / "dump.json").string());
    REQUIRE_FALSE(missing);
    CHECK_THAT(missing.error(), Contains("dump.json") && Contains("No such file"));
    std::ofstream(dir / "dump.json") << "certainly not";
    const auto other = read_legacy_export((dir / "dump.json").string());
    REQUIRE_FALSE(other);
    CHECK_THAT(other.error(), Contains("dump.json is not JSON at byte "));
}
