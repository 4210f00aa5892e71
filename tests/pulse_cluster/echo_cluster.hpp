// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two or three nodes that echo, on one network.
#pragma once

#include "echo_dialect.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pulse::test {

using Lines = std::vector<std::string>;

struct EchoNode : RelayNode {
    EchoNode(TestNet& net, TestOwners& owners, const std::string& name_,
             const cluster::RelayOptions& options)
        : RelayNode(net, owners, name_, options), echo(name_) {
        dialect = relay->wrap(echo, echo.keys());
        core::Route route{"GET", "/echo/{key}",
                          [this](const core::HttpRequest& request, core::HttpResponder responder) {
                              answer(request, std::move(responder));
                          }};
        routes = relay->wrap("echo", {std::move(route)}, [](const core::HttpRequest& request) {
            return std::optional<std::string>(request.parameter("key"));
        });
    }
    ~EchoNode() {
        relay.reset();
        kept.clear();
    }
    void answer(const core::HttpRequest& request, core::HttpResponder responder) {
        if (request.query == "silent") return kept.push_back(std::move(responder));
        if (request.query == "stream") return responder.stream({}, {});
        responder.respond({201,
                           "text/x",
                           name + " " + request.method + " " + request.path + "?" + request.query +
                               " " + request.body + " " +
                               std::string(request.header("x-h").value_or("")),
                           {{"x-back", "1"}}});
    }

    EchoDialect echo;
    std::vector<core::Route> routes;
    std::deque<core::HttpResponder> kept;
};

struct EchoCluster {
    explicit EchoCluster(cluster::RelayOptions options = quick_options(), std::size_t n = 2) {
        static constexpr const char* kNames[] = {"a", "b", "c"};
        for (std::size_t i = 0; i < n; ++i) nodes.emplace_back(net, *owners, kNames[i], options);
    }
    ~EchoCluster() { peers_gone(); }
    void peers_gone() {
        for (int i = 0; i < 3; ++i) turn();
    }
    void turn() {
        for (EchoNode& node : nodes) node.turn();
    }
    template <typename Predicate>
    [[nodiscard]] bool becomes(Predicate&& predicate,
                               std::chrono::milliseconds deadline = std::chrono::seconds(10)) {
        return eventually(
            [&] {
                turn();
                return predicate();
            },
            deadline);
    }
    std::unique_ptr<RoomPeer> connect(std::size_t node, const std::string& query,
                                      std::size_t lane = 0) {
        return std::make_unique<RoomPeer>(
            *nodes[node].hub.lanes()[lane], *nodes[node].dialect, query,
            std::map<std::string, std::string>{{"x-asked", "head"}, {"cookie", "secret"}});
    }
    /// Waits for that many messages.
    Lines read(RoomPeer& peer, std::size_t n) {
        Lines all;
        (void)becomes([&] {
            for (std::string& each : peer.take()) all.push_back(std::move(each));
            return all.size() >= n;
        });
        return all;
    }
    /// Connected and greeted.
    std::unique_ptr<RoomPeer> join(std::size_t node, const std::string& key, std::size_t lane = 0) {
        auto peer = connect(node, "key=" + key, lane);
        REQUIRE(read(*peer, 1).size() == 1);
        return peer;
    }
    Lines ask(RoomPeer& peer, std::string_view message, std::size_t n = 1) {
        peer.say(message);
        return read(peer, n);
    }
    std::unique_ptr<TestAsker> request(std::size_t node, const std::string& key,
                                       const std::string& query = "") {
        auto asker = std::make_unique<TestAsker>(*nodes[node].hub.lanes()[0]);
        core::HttpRequest request;
        request.method = "GET";
        request.path = "/echo/" + key;
        request.query = query;
        request.body = "body";
        request.headers = {{"X-H", "value"}};
        request.parameters = {{"key", key}};
        nodes[node].routes[0].handler(request, asker->responder());
        return asker;
    }

    TestNet net;
    const std::shared_ptr<TestOwners> owners = std::make_shared<TestOwners>();
    std::deque<EchoNode> nodes;
};

}  // namespace pulse::test
