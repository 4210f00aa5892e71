// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The packaged file and the operator's page say what the rows say. When one of these fails, run
//   cmake --build build --target pulse-config-reference && build/bin/pulse-config-reference .
#include "config/render.hpp"
#include "config/schema.hpp"
#include "support.hpp"
#include "support/catch.hpp"

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace pulse::server::test {
namespace {

using Catch::Matchers::Contains;

std::string read_source(const std::string& path) {
    std::ifstream file{std::string{PULSE_TEST_DATA_DIR} + "/../" + path, std::ios::binary};
    REQUIRE(file);
    return {std::istreambuf_iterator<char>{file}, {}};
}

TEST_CASE("the packaged configuration is what the rows make", "[config][reference]") {
    CHECK(read_source("packaging/pulse.toml") == render_reference_toml());
}

TEST_CASE("the operator's page has the tables that the rows make", "[config][reference]") {
    const std::string page = read_source("docs/operations/configuration.md");
    CHECK_THAT(page, Contains("<!-- keys:begin -->\n\n" + render_reference_tables() +
                              "\n<!-- keys:end -->"));
}

TEST_CASE("both mention every key with its default and its variable", "[config][reference]") {
    // By their own words, not by the functions that made them.
    const std::string packaged = read_source("packaging/pulse.toml");
    const std::string page = read_source("docs/operations/configuration.md");
    for (const Key& key : schema().keys()) {
        const std::string value = toml_value(key.get(Config{}));
        const std::string name{key.info.name};
        CAPTURE(key.path, value);
        CHECK_THAT(packaged, Contains("\n#" + name + " = " + value));
        CHECK_THAT(packaged, Contains(key.environment));
        CHECK_THAT(page, Contains("| `" + name + "`"));
        CHECK_THAT(page, Contains("`" + key.environment + "`"));
        if (!value.empty()) CHECK_THAT(page, Contains(" | `" + value + "`"));
    }
}

TEST_CASE("the packaged file as it is changes nothing", "[config][reference]") {
    const LoadResult loaded = load_config_text(read_source("packaging/pulse.toml"), "pulse.toml");
    CHECK(loaded.diagnostics.empty());
    CHECK(loaded.config == Config{});
}

TEST_CASE("the packaged file with every key switched on is the default configuration",
          "[config][reference]") {
    std::istringstream packaged{read_source("packaging/pulse.toml")};
    std::string uncommented;
    std::size_t keys = 0;
    for (std::string line; std::getline(packaged, line);) {
        const bool is_key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
        if (line == "#[[listener]]") break;
        if (is_key) ++keys;
        uncommented += (is_key ? line.substr(1) : line) + "\n";
    }
    CHECK(keys == schema().keys().size());
    const LoadResult loaded = load_config_text(uncommented, "pulse.toml");
    // Optional keys are shown set; `required = true` asks for a token. Nothing else may be odd.
    CHECK(lines(loaded.diagnostics).size() == 1);
    Config expected;
    expected.auth.required = true;
    expected.roblox.enabled = true;
    expected.rooms.enabled = true;
    expected.rooms.own_not_found = true;
    expected.mesa.enabled = true;
    expected.mesa.authentication_required = true;
    CHECK(loaded.config == expected);
}

TEST_CASE("lines of the packaged file fit an editor", "[config][reference]") {
    std::istringstream packaged{read_source("packaging/pulse.toml")};
    for (std::string line; std::getline(packaged, line);) CHECK(line.size() <= 100);
}

}  // namespace
}  // namespace pulse::server::test
