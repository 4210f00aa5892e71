// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Connections without sockets, and a loop that runs when it is told to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <sys/uio.h>

#include <pulse/core/http.hpp>
#include <pulse/core/lane.hpp>

namespace pulse::bench {

class NoHost final : public core::LaneHost {
  public:
    void wake() noexcept override {}
};

/// Turns of the loop until nothing is left to be done.
inline void run(core::Lane& lane) {
    do {
        lane.begin_turn();
        lane.flush();
    } while (lane.has_work());
}

/// A peer that takes everything at once, and counts.
template <class Base>
class Sink : public Base {
  public:
    explicit Sink(core::Lane& lane) : Base(lane, core::no_framing()) {}
    ~Sink() override { this->expire_handles(); }

    [[nodiscard]] const core::PeerAddress& peer() const noexcept override {
        static constexpr core::PeerAddress kNobody{};
        return kNobody;
    }
    void close(std::uint16_t, std::string_view) override { is_closed = true; }
    void request_tick(std::chrono::milliseconds) override {}
    void pause_reading(bool) override {}

    std::uint32_t bytes = 0;
    bool is_closed = false;

  private:
    void write_out() noexcept override {
        iovec pieces[16];
        for (std::size_t n = this->gather(pieces); n > 0; n = this->gather(pieces)) {
            std::size_t total = 0;
            for (std::size_t i = 0; i < n; ++i) total += pieces[i].iov_len;
            bytes += static_cast<std::uint32_t>(total);
            this->consume(total);
        }
    }
    void on_overflow() noexcept override { is_closed = true; }
};

using FakeConnection = Sink<core::Connection>;

/// Keeps the last answer.
class FakeHttpConnection final : public Sink<core::HttpConnection> {
  public:
    using Sink::Sink;
    void complete_response(std::uint32_t, core::HttpResponse response) override {
        answer = std::move(response);
        ++answers;
    }
    void begin_stream(std::uint32_t, core::HttpResponse, core::StreamOpener) override {}

    core::HttpResponse answer;
    std::uint64_t answers = 0;
};

}  // namespace pulse::bench
