// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Administration over real sockets: every row of the original's table, old and corrected, and what
// was added.
#include "registry_fixture.hpp"
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <pulse/core/error.hpp>
#include <pulse/roblox/admin_routes.hpp>

using namespace pulse;
using namespace pulse::roblox;
using namespace pulse::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string kBearer = "Authorization: Bearer " + std::string(kAdminKey) + "\r\n";
const std::string kOrigin = "Origin: http://127.0.0.1\r\n";
const std::string kGamePath = "/universe/" + kGame.to_string();

struct AdminServer : RegistryFixture {
    explicit AdminServer(AdminOptions options = {}) {
        transport::HttpRouter router;
        router.add(make_admin_routes(
            {.book = *book,
             .registry = *registry,
             .bridge = *bridge,
             .clock = clock,
             .overview = [] { return EngineOverview{.version = "9.9", .has_rooms = true}; },
             .web_clients = [](UniverseId) -> std::size_t { return 5; }},
            options));
        router.add(make_fallback_routes(*book));
        engine = std::make_unique<EmbeddedEngine>(EngineParts{}, std::move(router));
        bridge->allow("good-key", {kGame});
    }

    HttpAnswer ask(std::string_view method, std::string_view path, std::string_view headers = {},
                   std::string_view body = {}) {
        std::string text = std::string(method) + " " + std::string(path) +
                           " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + std::string(headers);
        if (!body.empty()) {
            text +=
                "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n";
        }
        HttpAnswer answer = http_exchange(engine->port(), text + "\r\n" + std::string(body));
        for (const auto& [name, value] : answer.headers) seen += name + ": " + value + "\n";
        seen += answer.body + "\n";
        return answer;
    }
    std::string post(std::string_view path, std::string_view body, std::string_view headers) {
        const HttpAnswer answer = ask("POST", path, headers, body);
        return std::to_string(answer.status) + " " + answer.body;
    }
    std::string post(std::string_view path, std::string_view body) {
        return post(path, body, kBearer);
    }
    std::string get(std::string_view path, std::string_view headers = kBearer) {
        const HttpAnswer answer = ask("GET", path, headers);
        return std::to_string(answer.status) + " " + answer.body;
    }
    json object(std::string_view path) { return json::parse(ask("GET", path, kBearer).body); }
    /// The cookie of a new session.
    std::string log_in() {
        const HttpAnswer answer =
            ask("POST", "/ui/login", kOrigin, R"({"apiKey":")" + std::string(kAdminKey) + "\"}");
        const std::string cookie = answer.header("set-cookie");
        return "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
    }
    void add_game() {
        REQUIRE(post("/universe/registry/add",
                     R"({"universeId":"2745313133","openCloudApiKey":"good-key"})") ==
                R"(200 {"success":true})");
    }
    void move_time(std::chrono::nanoseconds by) {
        advance(by);
        engine->clock.advance(by);
    }

    std::string seen;  ///< headers and bodies of every answer
    std::unique_ptr<EmbeddedEngine> engine;
};

}  // namespace

TEST_CASE("logging in answers as the original did, and crashes no more", "[roblox][admin]") {
    AdminServer server;
    const auto login = [&](std::string_view body) {
        server.move_time(60s);
        return server.post("/ui/login", body, "");
    };
    CHECK(login("{") == R"(400 {"error":"Invalid JSON"})");
    CHECK(login("null") == R"(400 {"error":"Missing API Key"})");
    CHECK(login("{}") == R"(400 {"error":"Missing API Key"})");
    CHECK(login(R"({"apiKey":""})") == R"(400 {"error":"Missing API Key"})");
    CHECK(login(R"({"apiKey":0})") == R"(400 {"error":"Missing API Key"})");
    CHECK(login(R"({"apiKey":"wrong"})") == R"(401 {"error":"Invalid API Key"})");
    CHECK(login(R"({"apiKey":1})") == R"(401 {"error":"Invalid API Key"})");
    const HttpAnswer answer =
        server.ask("POST", "/ui/login", "", R"({"apiKey":")" + std::string(kAdminKey) + "\"}");
    CHECK(answer.status == 200);
    CHECK(answer.body == "null");
    const std::string cookie = answer.header("set-cookie");
    CHECK(cookie.starts_with("pulse.session="));
    CHECK(cookie.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"));
    CHECK(cookie.find(kAdminKey) == std::string::npos);
    CHECK(answer.header("cache-control") == "no-store");
    CHECK(server.get("/ui/session", "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n") ==
          R"(200 {"session":true})");
    CHECK(server.get("/ui/session", "Cookie: pulse.session=anything\r\n") ==
          R"(200 {"session":false})");
    CHECK(server.get("/ui/session", "") == R"(200 {"session":false})");
}

TEST_CASE("the cookie is for TLS, but for a browser on this machine", "[roblox][admin]") {
    AdminServer server;
    const std::string body = R"({"apiKey":")" + std::string(kAdminKey) + "\"}";
    const auto cookie = [&](const std::string& host) {
        server.move_time(60s);
        const HttpAnswer answer = http_exchange(
            server.engine->port(), "POST /ui/login HTTP/1.1\r\nHost: " + host +
                                       "\r\nContent-Length: " + std::to_string(body.size()) +
                                       "\r\n\r\n" + body);
        return answer.header("set-cookie");
    };
    CHECK(cookie("pulse.example").ends_with("; Secure"));
    CHECK(cookie("localhost:8080").ends_with("; SameSite=Strict"));
    CHECK(cookie("[::1]:8080").ends_with("; SameSite=Strict"));
}

TEST_CASE("a sixth attempt to log in within a minute is answered 429", "[roblox][admin]") {
    AdminServer server;
    for (int i = 0; i < 5; ++i) {
        CHECK(server.post("/ui/login", R"({"apiKey":"guess"})", "").starts_with("401"));
    }
    const HttpAnswer answer = server.ask("POST", "/ui/login", "", R"({"apiKey":"guess"})");
    CHECK(answer.status == 429);
    CHECK(answer.body == R"({"error":"Too many attempts"})");
    CHECK(answer.header("retry-after") == "60");
    CHECK(server.post("/ui/login", "{}", "").starts_with("400"));
}

TEST_CASE("other sites' pages can neither log in nor use a session", "[roblox][admin]") {
    AdminServer server;
    const std::string evil = "Origin: https://evil.example\r\n";
    const std::string refused = R"(403 {"error":"Origin not allowed"})";
    const std::string body = R"({"apiKey":")" + std::string(kAdminKey) + "\"}";
    CHECK(server.post("/ui/login", body, evil) == refused);
    CHECK(server.post("/ui/login", body, "Sec-Fetch-Site: cross-site\r\n") == refused);
    const std::string cookie = server.log_in();
    const std::string removal = R"({"universeId":"2745313133"})";
    CHECK(server.post("/universe/registry/remove", removal, cookie) == refused);
    CHECK(server.post("/universe/registry/remove", removal, cookie + evil) == refused);
    CHECK(server.post("/universe/registry/remove", removal, cookie + "Origin: null\r\n") ==
          refused);
    CHECK(server.post("/universe/registry/remove", removal, cookie + kOrigin) ==
          R"(404 {"error":"Universe does not exist"})");
    CHECK(
        server
            .post("/universe/registry/remove", removal, cookie + "Sec-Fetch-Site: same-origin\r\n")
            .starts_with("404"));
    CHECK(server.post("/ui/logout", "{}", cookie + evil) == refused);
    CHECK(server.get("/universe/registry/list", cookie) == "200 {}");
    // Nothing says that another origin may read an answer.
    CHECK(server.seen.find("ccess-control") == std::string::npos);
}

TEST_CASE("a login ends the session that came with it, a logout its own", "[roblox][admin]") {
    AdminServer server;
    const std::string planted = "Cookie: pulse.session=planted\r\n";
    const std::string body = R"({"apiKey":")" + std::string(kAdminKey) + "\"}";
    const HttpAnswer first = server.ask("POST", "/ui/login", planted + kOrigin, body);
    CHECK(first.header("set-cookie").find("planted") == std::string::npos);
    CHECK(server.get("/ui/session", planted) == R"(200 {"session":false})");
    const std::string old =
        "Cookie: " + first.header("set-cookie").substr(0, first.header("set-cookie").find(';')) +
        "\r\n";
    const HttpAnswer second = server.ask("POST", "/ui/login", old + kOrigin, body);
    CHECK(second.status == 200);
    CHECK(server.get("/ui/session", old) == R"(200 {"session":false})");
    const std::string cookie = server.log_in();
    const HttpAnswer out = server.ask("POST", "/ui/logout", cookie + kOrigin);
    CHECK(out.body == R"({"success":true})");
    CHECK(out.header("set-cookie").starts_with("pulse.session=; Path=/; Max-Age=0;"));
    CHECK(server.get("/ui/session", cookie) == R"(200 {"session":false})");
    CHECK(server.get("/universe/registry/list", cookie) == R"(401 {"error":"Invalid API Key"})");
}

TEST_CASE("the registry answers as the original, row by row", "[roblox][admin]") {
    AdminServer server;
    for (const std::string base : {"/universe", "/universes"}) {
        CAPTURE(base);
        const auto post = [&](const std::string& what, std::string_view body) {
            return server.post(base + "/registry/" + what, body);
        };
        const std::string good = R"({"universeId":2745313133,"openCloudApiKey":"good-key"})";
        CHECK(server.post(base + "/registry/add", good, "") ==
              R"(401 {"error":"Invalid API Key"})");
        CHECK(post("add", "{") == R"(400 {"error":"Invalid JSON"})");
        CHECK(post("add", "[]") == R"(400 {"error":"Expected object, received array"})");
        CHECK(post("add", "{}") == R"(400 {"error":"Invalid input"})");
        CHECK(post("add", R"({"universeId":1})") == R"(400 {"error":"Required"})");
        CHECK(post("add", R"({"universeId":1,"openCloudApiKey":5})") ==
              R"(400 {"error":"Expected string, received number"})");
        CHECK(post("add", R"({"universeId":1,"openCloudApiKey":"k","x":1,"y":2})") ==
              R"(400 {"error":"Unrecognized key(s) in object: 'x', 'y'"})");
        for (const char* id : {"\"007\"", "-1", "\"-1\"", "0", "1.5", "18446744073709551616",
                               "\"18446744073709551616\"", "9007199254740993", "\"x:clients\""}) {
            CAPTURE(id);
            CHECK(post("add", R"({"universeId":)" + std::string(id) +
                                  R"(,"openCloudApiKey":"good-key"})") ==
                  R"(400 {"error":"Invalid universe id"})");
        }
        CHECK(post("update", good) == R"(404 {"error":"Universe does not exist"})");
        CHECK(post("remove", R"({"universeId":2745313133})") ==
              R"(404 {"error":"Universe does not exist"})");
        CHECK(post("add", R"({"universeId":2745313133,"openCloudApiKey":"bad"})") ==
              R"(400 {"error":"Invalid Open Cloud API Key"})");
        CHECK(post("add", R"({"universeId":2745313133,"openCloudApiKey":""})") ==
              R"(400 {"error":"Invalid Open Cloud API Key"})");
        CHECK(post("add", R"({"universeId":7,"openCloudApiKey":"good-key"})") ==
              R"(400 {"error":"Invalid Open Cloud API Key"})");
        CHECK(server.get(base + "/registry/list") == "200 {}");
        CHECK(post("add", good) == R"(200 {"success":true})");
        CHECK(post("add", good) == R"(409 {"error":"Universe already exists"})");
        CHECK(server.get(base + "/registry/list") ==
              R"(200 {"2745313133":{"valid":true,"clients":5}})");
        // One bad key does not break the list, and can be replaced there.
        server.bridge->forget("good-key");
        CHECK(server.post(base + "/" + kGame.to_string() + "/probe", "").starts_with("200"));
        CHECK(server.get(base + "/registry/list") ==
              R"(200 {"2745313133":{"valid":false,"clients":5}})");
        CHECK(post("update", good) == R"(400 {"error":"Invalid Open Cloud API Key"})");
        server.bridge->allow("good-key", {kGame});
        CHECK(post("update", good) == R"(200 {"success":true})");
        CHECK(server.get(base + "/registry/list") ==
              R"(200 {"2745313133":{"valid":true,"clients":5}})");
        CHECK(post("remove", R"({"universeId":"2745313133"})") == R"(200 {"success":true})");
    }
}

TEST_CASE("a look at the registry asks Open Cloud nothing", "[roblox][admin]") {
    AdminServer server;
    server.add_game();
    const int before = server.bridge->introspections();
    CHECK(server.get("/universe/registry/list").starts_with("200"));
    CHECK(server.get("/universe/registry").starts_with("200"));
    CHECK(server.get(kGamePath).starts_with("200"));
    CHECK(server.get(kGamePath + "/stats").starts_with("200"));
    CHECK(server.bridge->introspections() == before);
    CHECK(server.bridge->probes() == 0);
}

TEST_CASE("unknown paths and methods", "[roblox][admin]") {
    AdminServer server;
    CHECK(server.get("/universe/nothing/here", "") == R"(401 {"error":"Invalid API Key"})");
    CHECK(server.get("/universe/nothing/here") == R"(404 {"error":"Invalid path"})");
    CHECK(server.get("/ui/nothing", "") == R"(401 {"error":"Invalid API Key"})");
    CHECK(server.get("/universe/007", "") == R"(401 {"error":"Invalid API Key"})");
    CHECK(server.get("/universe/007") == R"(404 {"error":"Invalid path"})");
    CHECK(server.get("/universe/7/stats") == R"(404 {"error":"Universe does not exist"})");
    const HttpAnswer wrong = server.ask("PUT", kGamePath, kBearer);
    CHECK(wrong.status == 405);
    CHECK(wrong.body == R"({"error":"Method not allowed"})");
    CHECK(wrong.header("allow") == "GET, HEAD, PATCH");
    CHECK(server.ask("GET", "/ui/login").header("allow") == "POST");
    CHECK(server.ask("OPTIONS", "/universe/registry/add").status == 405);
    CHECK(server.post("/universe/registry/add", std::string(70'000, ' ')) ==
          R"(413 {"error":"Body too large"})");
    CHECK(server.post("/universe/7/nothing", std::string(2'000'000, ' ')) ==
          R"(413 {"error":"Body too large"})");
    const HttpAnswer refused = server.ask("GET", "/universe/registry");
    CHECK(refused.header("www-authenticate") == "Bearer");
    CHECK(refused.header("x-content-type-options") == "nosniff");
    CHECK(refused.header("content-security-policy") ==
          "default-src 'none'; frame-ancestors 'none'");
}

TEST_CASE("a universe is shown, changed and probed", "[roblox][admin]") {
    AdminServer server;
    server.add_game();
    const json universe = server.object(kGamePath);
    CHECK(universe["id"] == "2745313133");
    CHECK(universe["mode"] == "auto");
    CHECK(universe["prefix"] == "pulse");
    CHECK(universe["shards"] == 3);
    CHECK(universe["silentServers"] == false);
    CHECK(universe["createdAt"] == "2026-01-01T00:00:00.000Z");
    CHECK(universe["webClients"] == 5);
    CHECK(universe["gameServers"] == 3);
    REQUIRE(universe["keys"].size() == 1);
    const json& key = universe["keys"][0];
    CHECK(key["slot"] == 0);
    CHECK(key["active"] == true);
    CHECK(key["state"] == "valid");
    CHECK(key["fingerprint"].get<std::string>().size() == 8);
    CHECK(key["checkedAt"] == "2026-01-01T00:00:00.000Z");
    CHECK(key["expiresAt"].is_null());
    CHECK(key["warning"].is_null());
    CHECK(server.object("/universe/registry")["universes"] == json::array({universe}));

    const auto patch = [&](std::string_view body) {
        const HttpAnswer answer = server.ask("PATCH", kGamePath, kBearer, body);
        return std::to_string(answer.status) + " " + answer.body;
    };
    const std::string changed = patch(
        R"({"name":"<b>Obby</b>","mode":"both","prefix":"p2","shards":8,"silentServers":true,"origins":["https://a.example"]})");
    REQUIRE(changed.starts_with("200 "));
    const json after = json::parse(changed.substr(4));
    CHECK(after["name"] == "<b>Obby</b>");
    CHECK(after["silentServers"] == true);
    CHECK(after["origins"] == json::array({"https://a.example"}));
    CHECK(server.bridge->universe(kGame).prefix == "p2");
    CHECK(*server.book->origins(kGame) == std::vector<std::string>{"https://a.example"});
    CHECK(patch(R"({"mode":"v9"})") == R"(400 {"error":"Invalid mode"})");
    CHECK(patch(R"({"silentServers":1})") == R"(400 {"error":"Invalid silentServers"})");
    CHECK(patch(R"({"shards":9})") == R"(400 {"error":"Invalid shards"})");
    CHECK(patch(R"({"prefix":"a b"})") == R"(400 {"error":"Invalid prefix"})");
    CHECK(patch(R"({"name":"a\u0000b"})") == R"(400 {"error":"Invalid name"})");
    CHECK(patch(R"({"origins":["https://a.example/path"]})") ==
          R"(400 {"error":"Invalid origins"})");
    CHECK(patch(R"({"origins":["*"]})") == R"(400 {"error":"Invalid origins"})");
    CHECK(patch(R"({"id":"8"})") == R"(400 {"error":"Unrecognized key(s) in object: 'id'"})");
    CHECK(patch("{}").starts_with("200 "));

    server.bridge->break_down();
    CHECK(server.post(kGamePath + "/probe", "") == R"(502 {"error":"Open Cloud did not answer"})");
    CHECK(server.post("/universe/registry/add", R"({"universeId":8,"openCloudApiKey":"k"})") ==
          R"(502 {"error":"Open Cloud did not answer","roblox":{"status":503}})");
    // A key can be replaced meanwhile.
    CHECK(server.post("/universe/registry/update",
                      R"({"universeId":2745313133,"openCloudApiKey":"unasked"})") ==
          R"(200 {"success":true})");
    CHECK(server.object(kGamePath)["keys"][0]["state"] == "unknown");
    CHECK(json::parse(server.get(kGamePath + "/servers").substr(4))["servers"].size() == 1);
    CHECK(server.object(kGamePath + "/stats")["history"]["stepMs"] == 1000);
}

TEST_CASE("a store that cannot do it now is said so", "[roblox][admin]") {
    AdminServer server;
    server.add_game();
    server.store->fail_with(core::Error::store_unavailable);
    const HttpAnswer answer = server.ask("PATCH", kGamePath, kBearer, R"({"name":"x"})");
    CHECK(answer.status == 503);
    CHECK(answer.body == R"({"error":"Storage is not available"})");
    CHECK(answer.header("retry-after") == "5");
    CHECK(server.get("/universe/registry").starts_with("200"));
}

TEST_CASE("keys are rotated over HTTP", "[roblox][admin]") {
    AdminServer server;
    server.add_game();
    server.bridge->allow("next-key", {kGame});
    CHECK(server.post("/universe/registry/update",
                      R"({"universeId":2745313133,"openCloudApiKey":"next-key","slot":1})") ==
          R"(200 {"success":true})");
    CHECK(server.bridge->universe(kGame).key == "good-key");
    const auto key = [&](const std::string& what, std::string_view body) {
        return server.post(kGamePath + "/key/" + what, body);
    };
    CHECK(key("remove", R"({"slot":0})") == R"(409 {"error":"Key is in use"})");
    CHECK(key("activate", R"({"slot":1})") == R"(200 {"success":true})");
    CHECK(server.bridge->universe(kGame).key == "next-key");
    CHECK(key("remove", R"({"slot":0})") == R"(200 {"success":true})");
    CHECK(key("remove", R"({"slot":0})") == R"(404 {"error":"Key does not exist"})");
    CHECK(key("remove", R"({"slot":1})") == R"(409 {"error":"Key is in use"})");
    CHECK(key("activate", R"({"slot":0})") == R"(404 {"error":"Key does not exist"})");
    CHECK(key("activate", R"({"slot":2})") == R"(400 {"error":"Invalid slot"})");
    CHECK(key("activate", "{}") == R"(400 {"error":"Required"})");
    CHECK(server.object(kGamePath)["keys"].size() == 1);
}

TEST_CASE("a token of a game that leaked opens nothing here, an admin's only its universe",
          "[roblox][admin]") {
    AdminServer server;
    server.add_game();
    const std::string tokens = kGamePath + "/tokens";
    const auto create = [&](std::string_view body) {
        const HttpAnswer answer = server.ask("POST", tokens, kBearer, body);
        CHECK(answer.status == 201);
        return json::parse(answer.body);
    };
    const json game = create(R"({"label":"game","rights":["game.send","game.poll"]})");
    const std::string as_game =
        "Authorization: Bearer " + game["token"].get<std::string>() + "\r\n";
    const std::string forbidden = R"(403 {"error":"Forbidden"})";
    for (const std::string& path :
         {kGamePath, kGamePath + "/stats", kGamePath + "/servers", tokens,
          std::string("/universe/registry"), std::string("/universe/registry/list"),
          std::string("/ui/overview"), std::string("/ui/events")}) {
        CAPTURE(path);
        CHECK(server.get(path, as_game) == forbidden);
    }
    for (const char* what : {"add", "update", "remove"}) {
        CHECK(server.post("/universe/registry/" + std::string(what),
                          R"({"universeId":2745313133,"openCloudApiKey":"good-key"})",
                          as_game) == forbidden);
    }
    CHECK(server.post(tokens, R"({"label":"x","rights":["admin"]})", as_game) == forbidden);
    CHECK(server.post(kGamePath + "/probe", "", as_game) == forbidden);
    const auto as = [](const std::string& token, std::optional<UniverseId> id, AccessBook& book) {
        return book.authenticate({Credential::Kind::bearer, token}, id);
    };
    const auto caller = as(game["token"], kGame, *server.book);
    REQUIRE(caller);
    CHECK_FALSE(caller->may(Right::web_read, kGame));

    for (const char* body : {R"({"label":"x","rights":["game.send","web.read"]})",
                             R"({"label":"x","rights":["game.poll","admin"]})"}) {
        CHECK(server.post(tokens, body) ==
              R"(400 {"error":"These rights cannot be in one token"})");
    }
    CHECK(server.post(tokens, R"({"label":"x","rights":[]})") ==
          R"(400 {"error":"Invalid rights"})");
    CHECK(server.post(tokens, R"({"label":"x","rights":["root"]})") ==
          R"(400 {"error":"Invalid rights"})");
    CHECK(server.post(tokens, R"({"rights":["admin"]})") == R"(400 {"error":"Required"})");
    CHECK(server.post(tokens, R"({"label":"x","rights":["admin"],"expiresIn":0})") ==
          R"(400 {"error":"Invalid expiresIn"})");

    server.move_time(1s);
    const json mine = create(R"({"label":"mine","rights":["admin"],"expiresIn":60})");
    const std::string as_mine =
        "Authorization: Bearer " + mine["token"].get<std::string>() + "\r\n";
    CHECK(server.get(kGamePath, as_mine).starts_with("200"));
    CHECK(server.get("/universe/7", as_mine) == forbidden);
    CHECK(server.get("/universe/registry", as_mine) == forbidden);

    const json listed = server.object(tokens)["tokens"];
    REQUIRE(listed.size() == 2);
    CHECK(listed[0]["label"] == "game");
    CHECK(listed[0]["rights"] == json::array({"game.send", "game.poll"}));
    CHECK(listed[0]["universes"] == json::array({"2745313133"}));
    CHECK(listed[0]["expiresAt"].is_null());
    CHECK(listed[1]["expiresAt"] == "2026-01-01T00:01:01.000Z");
    CHECK(listed[1]["lastUsedAt"] == "2026-01-01T00:00:01.000Z");
    CHECK(listed[1]["state"] == "valid");

    const std::string one = tokens + "/" + game["id"].get<std::string>();
    CHECK(server.ask("DELETE", one, as_mine).body == R"({"success":true})");
    CHECK_FALSE(server.book->holds(*caller));
    CHECK(server.get(kGamePath, as_game) == R"(401 {"error":"Invalid API Key"})");
    const HttpAnswer again = server.ask("DELETE", one, as_mine);
    CHECK(again.status == 404);
    CHECK(again.body == R"({"error":"Token does not exist"})");
    server.move_time(60s);
    CHECK(server.get(kGamePath, as_mine) == R"(401 {"error":"Invalid API Key"})");
    const json left = server.object(tokens)["tokens"];
    REQUIRE(left.size() == 1);
    CHECK(left[0]["state"] == "expired");
}

TEST_CASE("one sample a second serves all pages, until their session ends", "[roblox][admin]") {
    AdminServer server({.max_event_pages = 2});
    server.add_game();
    const std::string cookie = server.log_in();
    const std::string overview = server.get("/ui/overview", cookie);
    CHECK(overview.starts_with(R"(200 {"version":"9.9")"));
    CHECK(overview.find(R"("rooms":true,"history")") != std::string::npos);
    CHECK(server.get("/ui/events?universe=7", cookie).starts_with("404"));
    CHECK(server.get("/ui/events", "").starts_with("401"));
    const auto open = [&](std::string_view query) {
        TcpClient page(server.engine->port());
        page.send(get_request("/ui/events" + std::string(query), cookie));
        const std::string head = page.read_through("\r\n\r\n");
        CHECK(head.find("content-type: text/event-stream") != std::string::npos);
        CHECK(head.find("no-store") != std::string::npos);
        return page;
    };
    TcpClient plain = open("");
    server.seen += plain.read_through("\"webClients\":5}]}\n\n");
    TcpClient detailed = open("?universe=2745313133");
    const std::string first = detailed.read_through("event: stats\ndata: {\"id\":\"2745313133\"");
    CHECK(first.find("event: overview\ndata: {\"version\":\"9.9\"") != std::string::npos);
    CHECK(first.find("event: universes\ndata: {\"universes\":[{\"id\":\"2745313133\"") !=
          std::string::npos);
    server.seen += first + detailed.read_through("\n\n");
    CHECK(server.get("/ui/events", cookie) == R"(503 {"error":"Too many pages are open"})");

    const auto second = std::to_string(server.clock.unix_ms() + 1'100);
    server.move_time(1'100ms);
    const std::string time = "\"t\":" + second;
    server.seen += plain.read_through(time);
    server.seen += detailed.read_through(time);

    CHECK(server.post("/ui/logout", "{}", cookie + kOrigin).starts_with("200"));
    server.move_time(1'100ms);
    CHECK(plain.read_to_end().find("event: end") != std::string::npos);
    CHECK(detailed.read_to_end().find("event: end") != std::string::npos);
    const int reads = server.bridge->stats_reads();
    server.move_time(5s);
    CHECK(server.bridge->stats_reads() == reads);
}

TEST_CASE("no answer, event or line of log holds a key", "[roblox][admin]") {
    AdminServer server;
    server.add_game();
    server.bridge->allow("secret-key-two", {kGame});
    (void)server.post("/universe/registry/update",
                      R"({"universeId":2745313133,"openCloudApiKey":"secret-key-two","slot":1})");
    (void)server.post("/universe/registry/update",
                      R"({"universeId":2745313133,"openCloudApiKey":"secret-key-bad","slot":1})");
    (void)server.post("/universe/registry/add",
                      R"({"universeId":8,"openCloudApiKey":"secret-key-bad"})");
    (void)server.post("/ui/login", R"({"apiKey":"secret-guess"})", "");
    const std::string cookie = server.log_in();
    const std::string session = cookie.substr(cookie.find('=') + 1, 43);
    const auto token = json::parse(
        server.post(kGamePath + "/tokens", R"({"label":"x","rights":["web.read"]})").substr(4));
    const std::string text = token["token"];
    server.seen.clear();  // the one answer that shows it
    for (const std::string& path :
         {std::string("/universe/registry"), std::string("/universe/registry/list"), kGamePath,
          kGamePath + "/stats", kGamePath + "/tokens", kGamePath + "/servers",
          std::string("/ui/overview")}) {
        CHECK(server.get(path, cookie).starts_with("200"));
    }
    TcpClient page(server.engine->port());
    page.send(get_request("/ui/events?universe=2745313133", cookie));
    server.seen += page.read_through("event: stats\ndata: ");
    server.seen += page.read_through("\n\n");
    const std::string produced = server.seen + server.log.text();
    CHECK(produced.size() > 2'000);
    for (const std::string& secret :
         {std::string("good-key"), std::string("secret-"), std::string(kAdminKey), session,
          text.substr(17), std::string("pk1."), std::string("AQEBAQEB")}) {
        CHECK(produced.find(secret) == std::string::npos);
    }
}
