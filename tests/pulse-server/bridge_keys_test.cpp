// SPDX-License-Identifier: MIT OR Apache-2.0
#include "bridge_keys.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <barrier>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <sys/stat.h>

#include <pulse/core/rng.hpp>
#include <pulse/roblox/key_record.hpp>

using namespace pulse::server;
using pulse::test::TempDir;
namespace fs = std::filesystem;

namespace {

struct Keys {
    Keys() { options.key_directory = (directory.path() / "data").string(); }

    [[nodiscard]] auto obtain(bool may_make) { return obtain_bridge_keys(options, may_make, rng); }
    [[nodiscard]] fs::path file(const std::string& name) const {
        return fs::path(options.key_directory) / name;
    }
    void write(const std::string& name, const std::string& text, fs::perms perms) const {
        fs::create_directories(options.key_directory);
        std::ofstream(file(name)) << text;
        fs::permissions(file(name), perms);
    }

    TempDir directory;
    RobloxOptions options;
    pulse::core::SystemRng rng;
};

constexpr fs::perms kMine = fs::perms::owner_read | fs::perms::owner_write;

}  // namespace

TEST_CASE("servers that start at once in one folder come to the same keys", "[bridge_keys]") {
    constexpr std::size_t kServers = 8;
    Keys keys;
    std::array<std::string, kServers> found;
    std::barrier together(static_cast<std::ptrdiff_t>(kServers));
    std::vector<std::thread> servers;
    for (std::string& each : found) {
        servers.emplace_back([&keys, &each, &together] {
            pulse::core::SystemRng rng;
            together.arrive_and_wait();
            const auto made = obtain_bridge_keys(keys.options, true, rng);
            each = made ? made->api_key + ' ' + made->master_keys : "no keys: " + made.error();
        });
    }
    for (std::thread& server : servers) server.join();
    CHECK_FALSE(found.front().starts_with("no keys"));
    for (const std::string& each : found) CHECK(each == found.front());
    const fs::directory_iterator files(keys.options.key_directory);
    CHECK(std::distance(begin(files), end(files)) == 2);
}

TEST_CASE("the first start makes keys that only this user may read", "[bridge_keys]") {
    Keys keys;
    CHECK_FALSE(has_bridge_keys(keys.options));
    const auto made = keys.obtain(true);
    REQUIRE(made);
    CHECK(made->api_key.size() == 43);
    CHECK(pulse::roblox::KeyVault::parse(made->master_keys).has_value());
    CHECK(made->new_api_key_path == keys.file("roblox-admin.key"));
    CHECK(has_bridge_keys(keys.options));
    for (const char* name : {"roblox-admin.key", "roblox-master.key"}) {
        CHECK(fs::status(keys.file(name)).permissions() == kMine);
    }
    CHECK(fs::status(keys.options.key_directory).permissions() == fs::perms::owner_all);

    const auto again = keys.obtain(false);
    REQUIRE(again);
    CHECK(again->api_key == made->api_key);
    CHECK(again->master_keys == made->master_keys);
    CHECK(again->new_api_key_path.empty());
}

TEST_CASE("keys that are given win, and nothing is made beside them", "[bridge_keys]") {
    Keys keys;
    keys.options.api_key = "given";
    keys.options.master_keys = "k1:alsogiven";
    const auto given = keys.obtain(true);
    REQUIRE(given);
    CHECK(given->api_key == "given");
    CHECK(given->master_keys == "k1:alsogiven");
    CHECK_FALSE(fs::exists(keys.options.key_directory));
}

TEST_CASE("beyond loopback nothing is made", "[bridge_keys]") {
    Keys keys;
    const auto none = keys.obtain(false);
    REQUIRE_FALSE(none);
    CHECK(none.error().find("PULSE_ROBLOX_MASTER_KEYS") != std::string::npos);
    keys.options.master_keys = "k1:x";
    const auto half = keys.obtain(false);
    REQUIRE_FALSE(half);
    CHECK(half.error().find("PULSE_ROBLOX_API_KEY") != std::string::npos);
    CHECK_FALSE(fs::exists(keys.options.key_directory));
}

TEST_CASE("a key file that others may read, or that holds nothing, is refused without its content",
          "[bridge_keys]") {
    Keys keys;
    keys.write("roblox-master.key", "k1:topsecret\n", kMine | fs::perms::group_read);
    const auto open = keys.obtain(true);
    REQUIRE_FALSE(open);
    CHECK(open.error().find("chmod 600") != std::string::npos);
    CHECK(open.error().find("topsecret") == std::string::npos);

    keys.write("roblox-master.key", "\n", kMine);
    CHECK_FALSE(keys.obtain(true));
    fs::remove(keys.file("roblox-master.key"));
    fs::create_directory(keys.file("roblox-master.key"));
    CHECK_FALSE(keys.obtain(true));
}

TEST_CASE("a folder that cannot be made is named", "[bridge_keys]") {
    Keys keys;
    std::ofstream(keys.options.key_directory) << "a file in the way";
    const auto result = keys.obtain(true);
    REQUIRE_FALSE(result);
    CHECK(result.error().find(keys.options.key_directory) != std::string::npos);
}
