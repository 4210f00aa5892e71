// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/loader.hpp"
#include "support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace pulse::server {
namespace {

class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "pulse-config-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
        path_ = pattern;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] std::string file(const std::string& name, const std::string& content) const {
        const std::string path = (path_ / name).string();
        std::ofstream{path, std::ios::binary} << content;
        return path;
    }
    [[nodiscard]] std::string path() const { return path_.string(); }

  private:
    std::filesystem::path path_;
};

TEST_CASE("files are read whole, up to their limit", "[config][process]") {
    const TemporaryDirectory directory;
    const std::string content(50'000, 'x');
    const std::string path = directory.file("a", content);
    CHECK(read_file(path, 50'000) == content);
    CHECK(read_file(directory.file("empty", ""), 0) == std::string{});
    const auto large = read_file(path, 49'999);
    REQUIRE_FALSE(large);
    CHECK(large.error() == std::errc::file_too_large);
}

TEST_CASE("what cannot be read says why", "[config][process]") {
    const TemporaryDirectory directory;
    const auto missing = read_file(directory.path() + "/missing", 10);
    REQUIRE_FALSE(missing);
    CHECK(missing.error() == std::errc::no_such_file_or_directory);
    const auto not_a_file = read_file(directory.path(), 10);
    REQUIRE_FALSE(not_a_file);
    CHECK(not_a_file.error() == std::errc::is_a_directory);
    const auto endless = read_file("/dev/zero", 1'000'000);
    REQUIRE_FALSE(endless);
    CHECK(endless.error() == std::errc::file_too_large);
}

TEST_CASE("the environment block becomes a map", "[config][process]") {
    const char* const block[] = {"A=1", "B=", "C=x=y", "A=2", "novalue", "=odd", nullptr};
    CHECK(make_environment(block) == Environment{{"A", "1"}, {"B", ""}, {"C", "x=y"}});
    CHECK(make_environment(nullptr).empty());
}

TEST_CASE("a node has its configured name, else the host's", "[config][process]") {
    Config config;
    CHECK_FALSE(node_name(config).empty());
    config.server.name = "edge-1";
    CHECK(node_name(config) == "edge-1");
}

}  // namespace
}  // namespace pulse::server
