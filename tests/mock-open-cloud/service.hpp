// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Between the routes and the model: answers that come later, and the timer that makes them due.
#pragma once

#include "cloud.hpp"
#include "http.hpp"
#include "time.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

namespace pulse::mock {

/// Its routes and its timer run on the io_context's single thread; other threads hold `mutex` to
/// touch `model`, and wake() it afterwards.
class Service {
  public:
    static constexpr std::size_t kMaxHeld = 10'000;
    static constexpr std::size_t kMaxPolls = 4'096;
    static constexpr std::chrono::milliseconds kMaxWait{60'000};

    /// How an answer leaves when not whole, and what address a request came from.
    struct Wire {
        std::function<std::string(const HttpRequest&)> client;
        std::function<void(const HttpRequest&)> reset;
        std::function<void(const HttpRequest&)> truncate_next;
    };

    /// `clock` null: one of its own.
    Service(asio::io_context& io, const core::Clock* clock);

    [[nodiscard]] std::vector<Route> routes();
    void set_wire(Wire wire) { wire_ = std::move(wire); }

    std::mutex mutex;
    [[nodiscard]] Cloud& model() noexcept { return model_; }
    /// Null when time is the caller's.
    [[nodiscard]] MockClock* own_clock() noexcept { return is_own_clock_ ? &own_clock_ : nullptr; }

    /// Delivers and answers what is due, soon, on the loop. Thread-safe.
    void wake();
    /// The same at once, but for answers; under the mutex.
    void run_due() { model_.run_due(); }

  private:
    using Steady = std::chrono::steady_clock;

    struct Held {
        Time due;
        HttpRequest request;  ///< without its body
        Reply reply;
        HttpResponder responder;
    };
    struct Poll {
        Steady::time_point until;
        UniverseId universe = 0;
        std::string job;
        std::uint64_t after = 0;
        HttpResponder responder;
    };

    void open_cloud(const HttpRequest& request, HttpResponder responder);
    void finish(const HttpRequest& request, Reply reply, HttpResponder responder);
    [[nodiscard]] Route control(std::string method, std::string path,
                                HttpResponse (Service::*handler)(const HttpRequest&));
    void poll_messages(const HttpRequest& request, HttpResponder responder);
    /// Nothing when the poll should wait.
    [[nodiscard]] std::optional<HttpResponse> messages(UniverseId universe, std::string_view job,
                                                       std::uint64_t after, bool is_last_chance);
    void pump();
    void arm(Steady::time_point now);

    // control_routes.cpp
    HttpResponse put_key(const HttpRequest& request);
    HttpResponse set_clock(const HttpRequest& request);
    HttpResponse set_faults(const HttpRequest& request);
    HttpResponse set_network(const HttpRequest& request);
    HttpResponse set_limits(const HttpRequest& request);
    HttpResponse put_universe(const HttpRequest& request);
    HttpResponse put_server(const HttpRequest& request);
    HttpResponse delete_server(const HttpRequest& request);
    HttpResponse put_topic(const HttpRequest& request);
    HttpResponse delete_topic(const HttpRequest& request);
    HttpResponse publish(const HttpRequest& request);
    HttpResponse reset(const HttpRequest& request);
    // report_routes.cpp
    HttpResponse get_universe(const HttpRequest& request);
    HttpResponse get_log(const HttpRequest& request);
    HttpResponse get_deliveries(const HttpRequest& request);
    HttpResponse get_stats(const HttpRequest& request);

    asio::io_context& io_;
    MockClock own_clock_;
    bool is_own_clock_;
    Cloud model_;
    Wire wire_;
    asio::steady_timer timer_;
    std::list<Held> held_;
    std::list<Poll> polls_;
};

}  // namespace pulse::mock
