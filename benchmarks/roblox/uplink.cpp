// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   roblox-uplink [SECONDS]
//
// Batches of 100 messages from a game server through the route that HTTP calls: admitted by token,
// decoded, looked up by batch id, counted by topic, kept for clients that come back, framed for web
// clients and handed to the one that is there; answered. One thread; time is that thread's on the
// CPU. "first": every batch is new. "repeat": every batch has been answered before, and the web
// client must not see it again. SECONDS (1) for each.
#include "embedded_bridge.hpp"
#include "report.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace {

using namespace pulse;

constexpr roblox::UniverseId kGame{2'745'313'133};
constexpr std::size_t kMessages = 100;
constexpr std::size_t kBatchesAtOnce = 64;

/// An event of a game, filled up to `bytes`: a kill, or as many as fit in an array.
std::string message_of(std::size_t bytes, std::size_t number) {
    const auto kill = [number](std::size_t i) {
        return R"({"k":"player)" + std::to_string(10 + (number + i) % 90) + R"(","v":"player)" +
               std::to_string(10 + (number * 7 + i) % 90) + R"(","w":"sword","n":")";
    };
    constexpr std::size_t kEach = 64;
    std::string text;
    if (bytes > kEach) text += '[';
    for (std::size_t i = 0; text.size() + kEach <= bytes; ++i) {
        const std::size_t end = text.size() + kEach;
        text += kill(i);
        text.append(end - text.size() - 2, 'x').append("\"}");
        if (bytes > kEach && text.size() + 1 + kEach + 1 <= bytes) text += ',';
    }
    if (bytes > kEach) text.append(",\"").append(bytes - text.size() - 2, 'x').append("\"]");
    return text;
}

std::string body_of(std::size_t bytes, std::uint64_t batch) {
    std::string body =
        R"({"server":"job-1","batch":"job-1-)" + std::to_string(batch) + R"(","msgs":[)";
    for (std::size_t i = 0; i < kMessages; ++i) {
        if (i != 0) body += ',';
        body += R"(["topic-)" + std::to_string(i % 10) + "\"," + message_of(bytes, i) + ']';
    }
    return body + "]}";
}

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class Uplink {
  public:
    Uplink() {
        bridge_.add_universe(kGame);
        game_ = "Bearer " +
                bridge_.add_token(kGame, {roblox::Right::game_send, roblox::Right::game_poll});
        const std::string web = bridge_.add_token(kGame, {roblox::Right::web_read});
        listener_ = bridge_.connect(socket_, kGame, web);
        const auto route =
            std::find_if(bridge_.routes.begin(), bridge_.routes.end(),
                         [](auto& each) { return each.path == "/universe/{id}/batch"; });
        if (route == bridge_.routes.end()) throw std::runtime_error("there is no batch route");
        handler_ = route->handler;
    }

    /// Messages per CPU second.
    double measure(std::size_t bytes, bool is_repeat, double seconds) {
        double spent = 0;
        std::uint64_t messages = 0;
        if (is_repeat) (void)send(requests(bytes));
        while (spent < seconds) {
            if (is_repeat) next_batch_ -= kBatchesAtOnce;
            const auto batch = requests(bytes);
            const std::uint32_t received = socket_.bytes;
            spent += send(batch);
            messages += kBatchesAtOnce * kMessages;
            check(received, bytes, is_repeat);
        }
        return static_cast<double>(messages) / spent;
    }

  private:
    [[nodiscard]] std::vector<core::HttpRequest> requests(std::size_t bytes) {
        std::vector<core::HttpRequest> all(kBatchesAtOnce);
        for (core::HttpRequest& request : all) {
            request.method = "POST";
            request.path = "/universe/" + kGame.to_string() + "/batch";
            request.parameters = {{"id", kGame.to_string()}};
            request.headers = {{"host", "localhost"},
                               {"authorization", game_},
                               {"content-type", "application/json"}};
            request.body = body_of(bytes, ++next_batch_);
        }
        return all;
    }
    /// CPU seconds it took.
    double send(const std::vector<core::HttpRequest>& all) {
        sent_ += all.size();
        const double begin = cpu_seconds();
        for (const core::HttpRequest& request : all) {
            handler_(request, core::HttpResponder(http_.handle(), 1));
            bench::run(bridge_.lane);
        }
        return cpu_seconds() - begin;
    }
    /// Everything was answered and, the first time, handed to the web client.
    void check(std::uint32_t before, std::size_t bytes, bool is_repeat) {
        const bool is_duplicate = http_.answer.body.find(R"("dup":true)") != std::string::npos;
        const bool is_accepted = http_.answer.status == 200 &&
                                 http_.answer.body.find(R"("accepted":100)") != std::string::npos;
        const std::uint32_t got = socket_.bytes - before;
        const bool is_right = is_repeat ? got == 0 : got >= kBatchesAtOnce * kMessages * bytes;
        if (!is_accepted || is_duplicate != is_repeat || !is_right || http_.answers != sent_) {
            throw std::runtime_error("wrong answer or delivery: " + http_.answer.body);
        }
    }

    bench::EmbeddedBridge bridge_;
    bench::FakeConnection socket_{bridge_.lane};
    bench::FakeHttpConnection http_{bridge_.lane};
    std::unique_ptr<core::Conversation> listener_;
    core::HttpHandler handler_;
    std::string game_;
    std::uint64_t next_batch_ = 0;
    std::uint64_t sent_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 1;
    bench::Report report;
    try {
        for (const std::size_t bytes : {std::size_t{64}, std::size_t{1'024}}) {
            for (const bool is_repeat : {false, true}) {
                Uplink uplink;
                (void)uplink.measure(bytes, is_repeat, seconds / 10);  // warms up
                const double rate = uplink.measure(bytes, is_repeat, seconds);
                report.add((is_repeat ? "repeat/" : "first/") + std::to_string(bytes),
                           {{"messages_per_cpu_s", rate}, {"ns_per_message", 1e9 / rate}});
            }
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "roblox-uplink: %s\n", error.what());
        return 1;
    }
    report.print();
}
