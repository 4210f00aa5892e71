// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/validate.hpp"

#include "support.hpp"
#include "support/catch.hpp"

namespace pulse::server::test {
namespace {

using Catch::Matchers::Contains;

const std::string kExposed =
    "is reachable from other machines and clients are not authenticated: set auth.tokens_file, or "
    "say server.allow_anonymous = true, or bind 127.0.0.1";

TEST_CASE("the default configuration is sound", "[config][validate]") {
    Diagnostics diagnostics;
    validate(Config{}, {}, diagnostics);
    CHECK(diagnostics.empty());
}

TEST_CASE("a public address needs authentication or explicit consent", "[config][validate]") {
    for (const char* host : {"0.0.0.0", "::", "192.0.2.1", "chat.example.org"}) {
        const std::string server = "[server]\nhost = \"" + std::string{host} + "\"\n";
        CHECK(complaints(server) ==
              Lines{"t.toml:2:1: server.host: \"" + std::string{host} + "\" " + kExposed});
        CHECK(complaints(server + "allow_anonymous = true\n").empty());
        CHECK(complaints(server + "[auth]\ntokens = [\"0123456789abcdef\"]\n").empty());
        // Tokens that nobody has to show protect nothing.
        CHECK(complaints(server + "[auth]\ntokens = [\"0123456789abcdef\"]\nrequired = false\n")
                  .size() == 1);
    }
    CHECK(complaints("[[listener]]\nhost = \"0.0.0.0\"\nport = 4000\n") ==
          Lines{"t.toml:1:1: listener[0].host: \"0.0.0.0\" " + kExposed});
    CHECK(complaints("[server]\nallow_anonymous = true\n"
                     "[[listener]]\nhost = \"0.0.0.0\"\nport = 4000\n")
              .empty());
}

TEST_CASE("the exposure of a server is not judged by a value that could not be read",
          "[config][validate]") {
    CHECK(complaints("[server]\nhost = \"0.0.0.0\"\nallow_anonymous = \"yes\"\n") ==
          Lines{"t.toml:3:19: server.allow_anonymous: expected true or false, got a string"});
}

TEST_CASE("a cluster needs an address that fits its engine, which is not shown",
          "[config][validate]") {
    const std::string redis = "[cluster]\nengine = \"redis\"\n";
    const std::string kWrong =
        "t.toml:3:1: cluster.url: must begin with redis://, redis+sentinel:// or redis+cluster:// "
        "(rediss… with TLS), or unix://, since cluster.engine is \"redis\"";
    CHECK(complaints(redis + "url = \"redis://:secret@host\"\n").empty());
    CHECK(complaints(redis + "url = \"unix:///run/redis.sock\"\n").empty());
    CHECK(complaints(redis + "url = \"host:6379\"\n") == Lines{kWrong});
    CHECK(complaints(redis).size() == 1);
    for (const char* url :
         {"rediss://:secret@host", "redis+sentinel://one,two/main", "rediss+sentinel://one/main",
          "redis+cluster://one,two:6380", "rediss+cluster://one"}) {
        CHECK(complaints(redis + "url = " + toml_quote(url) + "\n").empty());
    }
    const std::string nats = "[cluster]\nengine = \"nats\"\n";
    CHECK(complaints(nats + "url = \"nats://user:secret@host:4222,other\"\n").empty());
    CHECK(complaints(nats + "url = \"tls://host\"\n").empty());
    CHECK(complaints(nats + "url = \"redis://:secret@host\"\n") ==
          Lines{"t.toml:3:1: cluster.url: must begin with nats:// or tls://, since cluster.engine "
                "is \"nats\""});
    CHECK(complaints("[cluster]\nprefix = \"" + std::string(65, 'x') + "\"\n") ==
          Lines{"t.toml:2:1: cluster.prefix: must not be longer than 64 bytes"});
    for (const char* prefix : {"{", "a{", "{}", "}{"}) {
        INFO(prefix);
        const std::string line = "prefix = " + toml_quote(prefix) + "\n";
        CHECK(complaints(redis + line + "url = \"redis+cluster://one\"\n") ==
              Lines{"t.toml:3:1: cluster.prefix: must not have {, for a Redis Cluster, without a "
                    "name and } behind"});
        CHECK(complaints(redis + line + "url = \"redis://one\"\n").empty());
    }
    CHECK(complaints(redis + "prefix = \"{a}\"\nurl = \"redis+cluster://one\"\n").empty());
}

TEST_CASE("what is kept of channels is checked entry by entry", "[config][validate]") {
    CHECK(complaints("[history]\nkeep = [\"chat:* 100 5m\", \"a b 1 0\"]\n").empty());
    CHECK(
        complaints("[history]\nkeep = [\"chat:* 0 5m\", \"x 1 1m\", \"chat 5\"]\n") ==
        Lines{"t.toml:2:1: history.keep: \"chat:* 0 5m\": the number of publications must be 1 to "
              "100000",
              "t.toml:2:1: history.keep: \"chat 5\": must be a pattern, a number and a time, "
              "such as \"chat:* 100 5m\""});
}

TEST_CASE("required authentication without a token is an error", "[config][validate]") {
    CHECK(complaints("[auth]\nrequired = true\n") ==
          Lines{"t.toml:2:1: auth.required: is true, but there is no token: nobody could connect; "
                "set auth.tokens_file"});
}

TEST_CASE("tokens are judged without being shown", "[config][validate]") {
    CHECK(complaints("[auth]\ntokens = [\"\"]\n") ==
          Lines{"t.toml:2:1: auth.tokens: each token must have 1 to 4096 bytes"});
    CHECK(complaints("[auth]\ntokens = [\"hunter2\"]\n") ==
          Lines{"t.toml:2:1: warning: auth.tokens: a token of less than 16 characters can be "
                "guessed"});
    CHECK(complaints("[auth]\ntokens = [\"" + std::string(4097, 'a') + "\"]\n").size() == 1);
}

TEST_CASE("the store's path names a file", "[config][validate]") {
    CHECK(complaints("[store]\npath = \"pulse.db\"\n").empty());
    CHECK(complaints("[store]\npath = \"\"\n") ==
          Lines{"t.toml:2:1: store.path: must name a file; store.engine = \"memory\" needs none"});
    CHECK(complaints("[store]\npath = \"/var/lib/\"\n") ==
          Lines{"t.toml:2:1: store.path: must name a file, not the folder \"/var/lib/\""});
    CHECK(complaints("[store]\npath = \"\"\nengine = \"memory\"\n").empty());
}

TEST_CASE("a store on Redis needs an address and a prefix", "[config][validate]") {
    const std::string redis = "[store]\nengine = \"redis\"\n";
    CHECK(complaints(redis + "url = \"redis://:secret@host/1\"\n").empty());
    CHECK(complaints(redis + "url = \"unix:///run/redis.sock\"\nprefix = \"a:b\"\n").empty());
    const auto complaint = [&](const std::string& lines) {
        const auto all = complaints(redis + lines);
        REQUIRE(all.size() == 1);
        // There may be a password in it.
        CHECK(all[0].find("secret") == std::string::npos);
        return all[0];
    };
    CHECK_THAT(complaint(""), Contains("store.url: must begin with redis://, redis+sentinel:// or "
                                       "redis+cluster:// (rediss… with "
                                       "TLS), or unix://, since store.engine is \"redis\""));
    for (const char* url : {"rediss://:secret@host", "redis+sentinel://:secret@a,b/main",
                            "rediss+sentinel://a/main?cafile=/ca.pem",
                            "redis+cluster://:secret@a,b", "rediss+cluster://a"}) {
        CHECK(complaints(redis + "url = \"" + url + "\"\n").empty());
    }
    CHECK_THAT(complaint("url = \"nats://:secret@host\"\n"), Contains("must begin with"));
    for (const char* prefix : {"", "a b", "a{b"}) {
        CHECK_THAT(complaint("url = \"redis://host\"\nprefix = \"" + std::string(prefix) + "\"\n"),
                   Contains("store.prefix: must be 1 to 64 printable characters"));
    }
    CHECK_THAT(complaints("[store]\nurl = \"redis://:secret@host\"\n").at(0),
               Contains("is ignored: store.engine is not \"redis\""));
}

TEST_CASE("Mesa's Redis is one that it can use", "[config][validate]") {
    const auto with_url = [](const std::string& url) {
        return complaints("[mesa]\nredis_url = \"" + url + "\"\n");
    };
    CHECK(with_url("").empty());
    CHECK(with_url("redis://host").empty());
    CHECK(with_url("redis+sentinel://a,b/main").empty());
    for (const char* url : {"host:6379", "nats://host", "redis+cluster://:secret@host"}) {
        const auto all = with_url(url);
        REQUIRE(all.size() == 1);
        CHECK_THAT(all[0], Contains("mesa.redis_url: must begin with redis://"));
        CHECK(all[0].find("secret") == std::string::npos);
    }
}

TEST_CASE("the path of the WebSocket is a path and free", "[config][validate]") {
    const auto with_path = [](const std::string& path) {
        return complaints("[transport]\nwebsocket_path = " + toml_quote(path) + "\n");
    };
    CHECK(with_path("/").empty());
    CHECK(with_path("/pulse/v1").empty());
    CHECK(with_path("ws") ==
          Lines{"t.toml:2:1: transport.websocket_path: must start with '/', got \"ws\""});
    CHECK(with_path("") ==
          Lines{"t.toml:2:1: transport.websocket_path: must start with '/', got \"\""});
    CHECK(with_path("/ws?x=1") == Lines{"t.toml:2:1: transport.websocket_path: must be visible "
                                        "ASCII without '?' and '#', got \"/ws?x=1\""});
    CHECK(with_path("/w s").size() == 1);
    CHECK(with_path("/w\u00e9").size() == 1);
    CHECK(with_path("/" + std::string(256, 'a')).size() == 1);
    for (const char* taken : {"/health", "/healthz", "/readyz", "/metrics"}) {
        CHECK(with_path(taken) ==
              Lines{"t.toml:2:1: transport.websocket_path: \"" + std::string{taken} +
                    "\" is the server's own; choose another, such as \"/ws\""});
    }
    CHECK(with_path("/websocket") ==
          Lines{"t.toml:2:1: warning: transport.websocket_path: takes the place of the rooms, "
                "which nobody can reach; choose another, or say rooms.enabled = false"});
    CHECK(with_path("/mesa").size() == 1);
    CHECK(complaints("[transport]\nwebsocket_path = \"/websocket\"\n[rooms]\nenabled = false\n")
              .empty());
}

TEST_CASE("ways in that are missing or closed are warned about", "[config][validate]") {
    CHECK(complaints("[transport]\nwebtransport = true\n") ==
          Lines{"t.toml:2:1: warning: transport.webtransport: not available in this build; "
                "ignored"});
    CHECK(complaints("[transport]\nwebsocket = false\n") ==
          Lines{"t.toml:2:1: warning: transport.websocket: is off: listeners answer plain HTTP "
                "only"});
}

TEST_CASE("origins are schemes and hosts without paths", "[config][validate]") {
    const auto with_origin = [](const std::string& origin) {
        return complaints("[transport]\nallowed_origins = [" + toml_quote(origin) + "]\n");
    };
    for (const char* origin :
         {"*", "null", "https://a.example", "http://localhost:3000", "http://[::1]:80",
          "http://[::1]", "http://127.0.0.1", "app://pulse"}) {
        CAPTURE(origin);
        CHECK(with_origin(origin).empty());
    }
    for (const char* origin : {"", "a.example", "https://", "://a", "https://a.example/",
                               "https://a.example:0", "https://a.example:99999",
                               "https://a.example:", "https://a b", "ht tp://a", "https://*"}) {
        CAPTURE(origin);
        CHECK(with_origin(origin) ==
              Lines{"t.toml:2:1: transport.allowed_origins: " + toml_quote(origin) +
                    " is no origin: write scheme://host or scheme://host:port without a path, or "
                    "\"*\" for every origin"});
    }
}

TEST_CASE("facts name the headers they come from", "[config][validate]") {
    const auto with_fact = [](const std::string& fact) {
        return complaints("[rooms]\ntrusted_proxies = [\"127.0.0.1\"]\ndetail_headers = [" +
                          toml_quote(fact) + "]\n");
    };
    const std::string at = "t.toml:3:1: rooms.detail_headers: ";
    CHECK(with_fact("country=cf-ipcountry").empty());
    CHECK(with_fact("a=X_odd.name~1").empty());
    for (const char* fact : {"", "country", "=cf-ipcountry", "country="}) {
        CAPTURE(fact);
        CHECK(with_fact(fact) == Lines{at + toml_quote(fact) +
                                       " is not \"fact=header\", as in \"country=cf-ipcountry\""});
    }
    for (const char* header : {"cf ipcountry", "cf:ipcountry", "a=b", "x\"y", "l\u00e4nge"}) {
        CAPTURE(header);
        CHECK(with_fact("country=" + std::string(header)) ==
              Lines{at + toml_quote(header) +
                    " is no name of a header: letters, digits and !#$%&'*+-.^_`|~ alone"});
    }
    CHECK(with_fact("two words=h").size() == 1);
    CHECK(with_fact(std::string(65, 'f') + "=h").size() == 1);
    CHECK(complaints("[rooms]\ndetail_headers = [\"a=b\"]\n") ==
          Lines{"t.toml:2:1: warning: rooms.detail_headers: is never read: rooms.trusted_proxies "
                "names nobody whose headers are believed"});
}

TEST_CASE("the header with a client's address is one, and of use", "[config][validate]") {
    const std::string rest = "trusted_proxies = [\"127.0.0.1\"]\nplaces_file = \"places.csv\"\n";
    const auto with_header = [](const std::string& header, const std::string& more) {
        return complaints("[rooms]\naddress_header = " + toml_quote(header) + "\n" + more);
    };
    const std::string at = "t.toml:2:1: ";
    CHECK(with_header("x-forwarded-for", rest).empty());
    CHECK(with_header("", "").empty());
    for (const char* header : {"x forwarded for", "x-real-ip:", "l\u00e4nge"}) {
        CAPTURE(header);
        CHECK(with_header(header, rest) ==
              Lines{at + "rooms.address_header: " + toml_quote(header) +
                    " is no name of a header: letters, digits and !#$%&'*+-.^_`|~ alone"});
    }
    CHECK(with_header("x-real-ip", "places_file = \"places.csv\"\n") ==
          Lines{at + "warning: rooms.address_header: is never read: rooms.trusted_proxies names "
                     "nobody whose headers are believed"});
    CHECK(with_header("x-real-ip", "trusted_proxies = [\"127.0.0.1\"]\n") ==
          Lines{at + "warning: rooms.address_header: is never read: there is no "
                     "rooms.places_file to look the address up in"});
}

TEST_CASE("trusted proxies are addresses, written as peers' are", "[config][validate]") {
    const auto with_proxy = [](const std::string& proxy) {
        return complaints("[rooms]\ntrusted_proxies = [\"127.0.0.1\", " + toml_quote(proxy) +
                          "]\n");
    };
    const std::string at = "t.toml:2:1: rooms.trusted_proxies: ";
    for (const char* proxy : {"192.0.2.1", "::1", "2001:db8::1", "::ffff:192.0.2.1"}) {
        CAPTURE(proxy);
        CHECK(with_proxy(proxy).empty());
    }
    CHECK(with_proxy("10.0.0.0/8") ==
          Lines{at + "\"10.0.0.0/8\" is a network: write each address by itself"});
    for (const char* proxy :
         {"", "localhost", "192.0.2", "192.0.2.1:80", "[::1]", "fe80::1%eth0"}) {
        CAPTURE(proxy);
        CHECK(with_proxy(proxy) == Lines{at + toml_quote(proxy) + " is no IP address"});
    }
    CHECK(with_proxy("2001:DB8:0::1") ==
          Lines{at + "\"2001:DB8:0::1\" never matches: peers' addresses are compared as text, so "
                     "write \"2001:db8::1\""});
    // Every entry is told of.
    CHECK(complaints("[rooms]\ntrusted_proxies = [\"a\", \"b\"]\n").size() == 2);
}

TEST_CASE("a place on Earth is in degrees", "[config][validate]") {
    CHECK(complaints("[rooms]\nlatitude = \"-90\"\nlongitude = \"179.99\"\n").empty());
    for (const char* latitude : {"", "90.1", "-91", "north", "1,5", "1e1", "nan", "0x1", " 1"}) {
        CAPTURE(latitude);
        CHECK(complaints("[rooms]\nlatitude = " + toml_quote(latitude) + "\n") ==
              Lines{"t.toml:2:1: rooms.latitude: " + toml_quote(latitude) +
                    " is not degrees from -90 to 90"});
    }
    CHECK(complaints("[rooms]\nlongitude = \"181\"\n").size() == 1);
}

TEST_CASE("the bridge's keys and addresses are judged before it starts", "[config][validate]") {
    const auto with_url = [](const std::string& url) {
        return complaints("[roblox]\nopen_cloud_url = " + toml_quote(url) + "\n");
    };
    for (const char* url : {"https://apis.roblox.com", "http://127.0.0.1:8080", "http://[::1]:1",
                            "https://proxy.example/open-cloud"}) {
        CAPTURE(url);
        CHECK(with_url(url).empty());
    }
    const std::string at = "t.toml:2:1: roblox.open_cloud_url: ";
    for (const char* url : {"", "apis.roblox.com", "ftp://a", "https://", "https://a:0",
                            "https://a b", "https://a?x"}) {
        CAPTURE(url);
        CHECK(with_url(url) == Lines{at + toml_quote(url) +
                                     " is no address of a server: write https://host or "
                                     "https://host:port"});
    }
    CHECK(with_url("https://a.example/") == Lines{at + "must not end with '/'"});
    CHECK(with_url("https://a.example/b?c") ==
          Lines{at + "has a path that must be visible ASCII without '?' and '#'"});
    CHECK(with_url("https://me:secret@a.example") ==
          Lines{at + "must not hold a user or a password"});
    CHECK(complaints("[roblox]\nkey_directory = \"\"\n").size() == 1);
    // What is switched off is not judged.
    CHECK(complaints("[roblox]\nenabled = false\nopen_cloud_url = \"x\"\n").empty());
}

TEST_CASE("master keys are judged without being shown", "[config][validate]") {
    const auto with_keys = [](const std::string& keys) {
        return complaints("[roblox]\nmaster_keys = " + toml_quote(keys) + "\n");
    };
    const std::string key(43, 'S');
    CHECK(with_keys("k1:" + key).empty());
    CHECK(with_keys("k2:" + key + ",k1:" + key).empty());
    const std::string at = "t.toml:2:1: roblox.master_keys: entry ";
    const std::string no_name =
        " does not start with a name of at most 16 characters a-z and 0-9, and ':'";
    const std::string no_key = " has no key of 32 bytes (43 characters of base64url)";
    CHECK(with_keys(key) == Lines{at + "1" + no_name});
    CHECK(with_keys("K1:" + key) == Lines{at + "1" + no_name});
    CHECK(with_keys("k1:" + key + ",:" + key) == Lines{at + "2" + no_name});
    CHECK(with_keys("k1") == Lines{at + "1" + no_key});
    CHECK(with_keys("k1:" + key.substr(1)) == Lines{at + "1" + no_key});
    CHECK(with_keys("k1:" + key.substr(1) + "+") == Lines{at + "1" + no_key});
    CHECK(with_keys("k1:" + key + ",k1:" + key) ==
          Lines{at + "2 has a name that is taken already"});
}

TEST_CASE("the heartbeat's timeout is longer than its interval", "[config][validate]") {
    const auto with = [](int interval, int timeout) {
        return complaints("[heartbeat]\ninterval_ms = " + std::to_string(interval) +
                          "\ntimeout_ms = " + std::to_string(timeout) + "\n");
    };
    CHECK(with(1000, 1001).empty());
    CHECK(with(1000, 0).empty());
    CHECK(with(0, 1000).empty());
    CHECK(with(0, 0).empty());
    CHECK(with(1000, 1000).size() == 1);
    CHECK(with(1000, 999).size() == 1);
    // By its default, too.
    CHECK(complaints("[heartbeat]\ninterval_ms = 60000\n") ==
          Lines{"configuration: heartbeat.timeout_ms: 60000 must be longer than "
                "heartbeat.interval_ms (60000), or clients are closed before they are pinged; 0 "
                "never closes"});
}

TEST_CASE("the largest message fits into everything it passes", "[config][validate]") {
    CHECK(complaints("[transport]\nmax_frame_bytes = \"32KiB\"\n") ==
          Lines{"configuration: limits.max_message_size: 65536 is more than "
                "transport.max_frame_bytes (32768) lets through"});
    CHECK(complaints("[transport]\nmax_websocket_message_bytes = \"32KiB\"\n") ==
          Lines{"t.toml:2:1: transport.max_websocket_message_bytes: 32768 cannot hold one message "
                "of 65536 bytes; raise it or lower limits.max_message_size"});
    CHECK(complaints("[transport]\nmax_websocket_frame_bytes = \"32KiB\"\n") ==
          Lines{"t.toml:2:1: transport.max_websocket_frame_bytes: 32768 cannot hold one message "
                "of 65536 bytes; raise it or lower limits.max_message_size"});
    CHECK(
        complaints("[transport]\noutbox_max_bytes = \"1MiB\"\n[limits]\nmax_message_size = 0\n") ==
        Lines{"t.toml:2:1: transport.outbox_max_bytes: 1048576 cannot hold one message of "
              "16777216 bytes; raise it or lower limits.max_message_size"});
    CHECK(complaints("[transport]\nmemory_budget_bytes = \"1MiB\"\n") ==
          Lines{"t.toml:2:1: transport.memory_budget_bytes: 1048576 is less than one client may "
                "use (transport.outbox_max_bytes, 16777216); 0 chooses by itself"});
    CHECK(complaints("[limits]\nmax_message_size = 0\n").empty());
}

TEST_CASE("the node's name is short and plain", "[config][validate]") {
    CHECK(complaints("[server]\nname = \"edge-1.eu_west\"\n").empty());
    CHECK(complaints("[server]\nname = \"edge 1\"\n") ==
          Lines{"t.toml:2:1: server.name: must be at most 64 letters, digits, '.', '_' or '-'"});
    CHECK(complaints("[server]\nname = \"" + std::string(65, 'a') + "\"\n").size() == 1);
}

TEST_CASE("no two listeners take the same port", "[config][validate][listener]") {
    CHECK(complaints("[server]\nport = 9090\n") ==
          Lines{"configuration: metrics.port: 127.0.0.1:9090 is taken by [server] "
                "(127.0.0.1:9090); metrics.on_main_port serves metrics without a port of its own"});
    CHECK(complaints("[server]\nport = 9090\n[metrics]\nenabled = false\n").empty());
    CHECK(complaints("[metrics]\nhost = \"0.0.0.0\"\nport = 8080\n") ==
          Lines{"t.toml:3:1: metrics.port: 0.0.0.0:8080 is taken by [server] (127.0.0.1:8080); "
                "metrics.on_main_port serves metrics without a port of its own"});
    CHECK(complaints("[server]\nport = 0\n[metrics]\nport = 0\n[[listener]]\nport = 0\n").empty());
    CHECK(complaints("[[listener]]\nport = 8080\n") ==
          Lines{"t.toml:1:1: listener[0].port: 127.0.0.1:8080 is taken by [server] "
                "(127.0.0.1:8080)"});
    CHECK(complaints("[[listener]]\nport = 1\n[[listener]]\nhost = \"::1\"\nport = 1\n"
                     "[[listener]]\nport = 1\n") ==
          Lines{"t.toml:6:1: listener[2].port: 127.0.0.1:1 is taken by listener[0] "
                "(127.0.0.1:1)"});
}

TEST_CASE("mounts name paths and dialects that exist", "[config][validate][listener]") {
    ConfigSources sources =
        sources_of({{"pulse.toml",
                     "[[listener]]\nport = 1\nmount = { ws = \"nativ\", \"/b\" = \"native\" }\n"}});
    sources.dialects = {"native", "mesa"};
    CHECK(lines(load_config(sources).diagnostics) ==
          Lines{"pulse.toml:1:1: listener[0].mount: path \"ws\" must start with '/', or be \"*\"",
                "pulse.toml:1:1: listener[0].mount: \"nativ\" is no dialect of this server (did "
                "you mean native?); there are: native, mesa"});
}

}  // namespace
}  // namespace pulse::server::test
