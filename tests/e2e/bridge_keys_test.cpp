// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where the bridge's own keys come from, when it is served at all, and that no key is ever shown.
#include "e2e/bridge_fixture.hpp"

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

using namespace pulse::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr const char* kApiKey = "administrators-key-of-this-test";
const std::string kMasterKeys = "k1:" + std::string(43, 'A');
const std::string kOtherMasterKeys = "k1:" + std::string(42, 'B') + "A";

/// A server that has ended, and all that it said.
struct Ended {
    explicit Ended(const Settings& settings, LaunchOptions options = {}) {
        options.waits_until_listening = false;
        ServerProcess server(settings, options);
        status = server.wait();
        text = server.output() + server.errors();
    }
    ExitStatus status;
    std::string text;
};

std::vector<std::string> given_keys() {
    return {std::string("PULSE_ROBLOX_API_KEY=") + kApiKey,
            "PULSE_ROBLOX_MASTER_KEYS=" + kMasterKeys};
}

/// All that it says until it has ended.
std::string rest_of(ServerProcess& server) {
    server.signal(SIGTERM);
    CHECK(server.wait() == exited(0));
    return server.output() + server.errors();
}

}  // namespace

TEST_CASE("the first start makes keys and says how to read them, the second one uses them",
          "[e2e][bridge]") {
    const BridgeFixture bridge;
    std::string key;
    std::string masters;
    {
        ServerProcess server(bridge.settings());
        const auto page = server.wait_for_event("page");
        CHECK(page.at("address") == "http://127.0.0.1:" + std::to_string(server.port()) + "/");
        const auto made = server.wait_for_event("admin_key_created");
        CHECK(made.at("log_in_with") == "cat " + (bridge.data() / "roblox-admin.key").string());
        key = bridge.key();
        masters = bridge.key("roblox-master.key");
        for (const char* name : {"roblox-admin.key", "roblox-master.key", "pulse.db"}) {
            CAPTURE(name);
            CHECK(fs::status(bridge.data() / name).permissions() == fs::perms{0600});
        }
        CHECK(fs::status(bridge.data()).permissions() == fs::perms{0700});
        CHECK(Caller(server, key).is_served());
        CHECK(Caller(server, "another").get("/universe/registry").status == 401);
        CHECK(Caller(server, {}).get("/universe/registry").status == 401);
        const std::string said = rest_of(server);
        CHECK(said.find(key) == std::string::npos);
        CHECK(said.find(masters) == std::string::npos);
    }
    ServerProcess server(bridge.settings());
    CHECK(Caller(server, key).is_served());
    CHECK(bridge.key() == key);
    CHECK(bridge.key("roblox-master.key") == masters);
    CHECK_THAT(rest_of(server), !Contains("admin_key_created"));
}

TEST_CASE("without any setting, keys and store are in data of the working directory",
          "[e2e][bridge]") {
    ServerProcess server;
    server.wait_for_event("admin_key_created");
    for (const char* name : {"roblox-admin.key", "roblox-master.key", "pulse.db"}) {
        CAPTURE(name);
        CHECK(fs::exists(server.directory() / "data" / name));
    }
}

TEST_CASE("beyond loopback the bridge is not served unless keys are given", "[e2e][bridge]") {
    const BridgeFixture bridge;
    const Settings open =
        bridge.settings({{"server.host", kBeyondLoopback}, {"server.allow_anonymous", "true"}});
    SECTION("without them the server serves everything else") {
        const ServerProcess server(open);
        CHECK(http_get(server.port(), "/readyz").status == 200);
        CHECK(Caller(server, {}).get("/universe/registry").status == 404);
        CHECK(server.metrics().find("pulse_roblox") == std::string::npos);
    }
    SECTION("without them, and with the bridge asked for, it does not start") {
        Settings wanted = open;
        wanted["roblox.enabled"] = "true";
        const Ended run(wanted);
        CHECK(run.status == exited(1));
        CHECK_THAT(run.text, Contains("start_failed") && Contains("PULSE_ROBLOX_MASTER_KEYS") &&
                                 !Contains("\"event\":\"listening\""));
    }
    SECTION("half of them is not enough") {
        const Ended run(open, {.environment = {std::string("API_KEY=") + kApiKey}});
        CHECK(run.status == exited(1));
        CHECK_THAT(run.text, Contains("PULSE_ROBLOX_MASTER_KEYS") && !Contains(kApiKey));
    }
    SECTION("with them it is") {
        const ServerProcess server(open, {.environment = given_keys()});
        CHECK(Caller(server, kApiKey).is_served());
    }
    SECTION("another listener there counts as much") {
        const Ended run(
            bridge.settings({{"server.allow_anonymous", "true"}, {"roblox.enabled", "true"}}),
            {.extra_toml =
                 std::string("[[listener]]\nport = 0\nhost = ") + kBeyondLoopback + "\n"});
        CHECK(run.status == exited(1));
        CHECK_THAT(run.text, Contains("PULSE_ROBLOX_MASTER_KEYS"));
    }
    for (const char* name : {"roblox-admin.key", "roblox-master.key"}) {
        CHECK_FALSE(fs::exists(bridge.data() / name));
    }
}

TEST_CASE("keys that are given win over files, and none are made beside them", "[e2e][bridge]") {
    const BridgeFixture bridge;
    const auto put = [&](const char* name, const std::string& text) {
        std::ofstream(bridge.dir / name) << text << "\n";
        return toml_text((bridge.dir / name).string());
    };
    SECTION("by environment") {
        const ServerProcess server(bridge.settings(), {.environment = given_keys()});
        CHECK(Caller(server, kApiKey).is_served());
    }
    SECTION("by the original's variable") {
        const ServerProcess server(bridge.settings(),
                                   {.environment = {std::string("API_KEY=") + kApiKey,
                                                    "PULSE_ROBLOX_MASTER_KEYS=" + kMasterKeys}});
        CHECK(Caller(server, kApiKey).is_served());
    }
    SECTION("by files of their own") {
        const ServerProcess server(
            bridge.settings({{"roblox.api_key_file", put("api", kApiKey)},
                             {"roblox.master_keys_file", put("masters", kMasterKeys)}}));
        CHECK(Caller(server, kApiKey).is_served());
    }
    for (const char* name : {"roblox-admin.key", "roblox-master.key"}) {
        CHECK_FALSE(fs::exists(bridge.data() / name));
    }
}

TEST_CASE("master keys that are none stop the start, and are not repeated", "[e2e][bridge]") {
    const BridgeFixture bridge;
    for (const char* bad : {"k1:tooshort-but-hidden", "hidden-without-a-name", "k1:,hidden"}) {
        CAPTURE(bad);
        const Ended run(bridge.settings(),
                        {.environment = {std::string("API_KEY=") + kApiKey,
                                         std::string("PULSE_ROBLOX_MASTER_KEYS=") + bad}});
        CHECK(run.status == exited(78));
        CHECK_THAT(run.text, Contains("roblox.master_keys: entry") && !Contains("hidden"));
    }
}

TEST_CASE("under other master keys a universe stays, and its key is unreadable until they are back",
          "[e2e][bridge]") {
    const BridgeFixture bridge;
    const auto with = [&](const std::string& masters) {
        return std::vector<std::string>{std::string("API_KEY=") + kApiKey,
                                        "PULSE_ROBLOX_MASTER_KEYS=" + masters};
    };
    {
        const ServerProcess server(bridge.settings(), {.environment = with(kMasterKeys)});
        const Caller admin(server, kApiKey);
        REQUIRE(admin.is_served());
        REQUIRE(admin.add("2745313133").status == 200);
        CHECK(admin.key_state("2745313133") == "valid");
    }
    {
        const ServerProcess server(bridge.settings(), {.environment = with(kOtherMasterKeys)});
        const Caller admin(server, kApiKey);
        REQUIRE(admin.is_served());
        CHECK(http_get(server.port(), "/readyz").status == 200);
        CHECK(admin.key_state("2745313133") == "unreadable");
    }
    const ServerProcess server(
        bridge.settings(),
        {.environment = with("k2:" + kOtherMasterKeys.substr(3) + "," + kMasterKeys)});
    const Caller admin(server, kApiKey);
    REQUIRE(admin.is_served());
    CHECK(admin.key_state("2745313133") != "unreadable");
}

TEST_CASE("no key is in the log, the metrics, the configuration that is shown or an error",
          "[e2e][bridge]") {
    const BridgeFixture bridge;
    const std::vector<std::string> secrets{kApiKey, kMasterKeys.substr(3), BridgeFixture::kCloudKey,
                                           "a-key-that-was-guessed"};
    std::string said;
    {
        ServerProcess server(bridge.settings({{"logging.level", "\"trace\""}}),
                             {.environment = given_keys()});
        const Caller admin(server, kApiKey);
        REQUIRE(admin.is_served());
        said += admin.add("7").body;
        said += admin.add("8", "a-key-that-was-guessed").body;
        said += admin.get("/universe/7").body + admin.get("/universe/registry").body;
        said += admin.post("/ui/login", {{"apiKey", "a-key-that-was-guessed"}}).body;
        const Caller guess(server, "a-key-that-was-guessed");
        said += guess.get("/universe/7/connect?apiKey=a-key-that-was-guessed").body;
        said += guess.get(std::string("/universe/7/connect?apiKey=") + kApiKey).body;
        const auto made =
            admin.post("/universe/7/tokens",
                       {{"label", "t"}, {"rights", {"web.send"}}, {"expiresIn", nullptr}});
        REQUIRE(made.status == 201);
        const std::string token = nlohmann::json::parse(made.body).at("token");
        CHECK(Caller(server, token)
                  .post("/universe/7/send",
                        {{"topic", "t"}, {"message", 1}, {"destination", "server"}})
                  .status == 200);
        said += admin.get("/universe/7/tokens").body + server.metrics();
        said += rest_of(server);
        CHECK(said.find(token) == std::string::npos);
    }
    const Ended shown(bridge.settings(),
                      {.arguments = {"--print-config"}, .environment = given_keys()});
    CHECK(shown.status == exited(0));
    CHECK_THAT(shown.text, Contains("api_key") && Contains("master_keys"));
    said += shown.text;
    for (const std::string& secret : secrets) {
        CAPTURE(secret);
        CHECK(said.find(secret) == std::string::npos);
    }
}
