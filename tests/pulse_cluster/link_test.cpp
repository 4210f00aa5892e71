// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How long a link waits before it connects again.
#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <pulse/core/rng.hpp>
#include <pulse/redis/link.hpp>

using namespace pulse;
using namespace std::chrono_literals;

namespace {

/// All ones: of waits whose upper end is a power of two, the longest.
class LongestRng final : public core::Rng {
  public:
    void fill(std::span<std::byte> out) noexcept override {
        std::fill(out.begin(), out.end(), std::byte{0xff});
    }
};

/// Hangs up on whoever comes, and stops the loop after so many.
class Surly {
  public:
    using Time = std::chrono::steady_clock::time_point;

    Surly(asio::io_context& io, std::size_t most)
        : io_(io), most_(most), acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
        accept();
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    [[nodiscard]] const std::vector<Time>& visits() const noexcept { return visits_; }

  private:
    void accept() {
        acceptor_.async_accept([this](asio::error_code error, asio::ip::tcp::socket socket) {
            REQUIRE_FALSE(error);
            visits_.push_back(std::chrono::steady_clock::now());
            socket.close();
            if (visits_.size() == most_) return io_.stop();
            accept();
        });
    }

    asio::io_context& io_;
    const std::size_t most_;
    asio::ip::tcp::acceptor acceptor_;
    std::vector<Time> visits_;
};

}  // namespace

TEST_CASE("waits before connecting again double up to the last", "[redis][link]") {
    // Waits that went on doubling would last for hours before so many visits.
    constexpr std::size_t kVisits = 24;
    asio::io_context io;
    Surly server(io, kVisits);
    LongestRng rng;
    std::size_t failures = 0;
    redis::LinkOptions options;
    options.address = {.host = "127.0.0.1", .port = server.port()};
    options.first_retry = 4ms;
    options.last_retry = 16ms;
    redis::LinkEvents events;
    events.on_up = [] { FAIL("there is no Redis"); };
    events.on_down = [&](bool was_up, std::string_view) {
        CHECK_FALSE(was_up);
        ++failures;
    };
    redis::Link link(io, options, rng, std::move(events));
    link.start();
    io.run();
    REQUIRE(server.visits().size() == kVisits);
    CHECK(failures >= kVisits - 1);
    auto wait = 4ms;
    for (std::size_t i = 1; i < kVisits; ++i) {
        CHECK(server.visits()[i] - server.visits()[i - 1] >= wait - 1ms);
        wait = std::min(wait * 2, 16ms);
    }
}
