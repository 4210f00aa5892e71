// SPDX-License-Identifier: MIT OR Apache-2.0
#include "mock_open_cloud.hpp"

#include "front.hpp"
#include "service.hpp"

#include <optional>
#include <thread>
#include <utility>

#include <asio/executor_work_guard.hpp>
#include <asio/ip/address.hpp>

#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/transport/http.hpp>
#include <pulse/transport/loop.hpp>
#include <pulse/transport/server.hpp>

namespace pulse::mock {

namespace {

transport::ConnectionOptions connection_options() {
    transport::ConnectionOptions options;
    options.max_body_bytes = std::size_t{4} * 1024 * 1024;
    return options;
}

std::string in_url(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace

struct MockOpenCloud::Impl {
    explicit Impl(const MockOptions& options)
        : hub({}, {.clock = clock, .rng = rng, .log = log, .budget = &budget}),
          io(1),
          loop(io, hub),
          service(io, options.clock),
          host(options.host) {}

    ~Impl() {
        io.stop();
        if (thread.joinable()) thread.join();
        front.reset();
        server.reset();
    }

    core::Result<void> start(std::uint16_t port) {
        std::error_code invalid;
        const auto address = asio::ip::make_address(host, invalid);
        if (invalid) return tl::unexpected(invalid);
        // The control interface asks for no password.
        if (!address.is_loopback()) {
            return tl::unexpected(std::make_error_code(std::errc::address_not_available));
        }
        server = std::make_unique<transport::Server>(hub, std::vector{&loop}, connection_options());
        transport::Mounts mounts;
        auto router = std::make_shared<transport::HttpRouter>();
        router->add(service.routes());
        mounts.routes = std::move(router);
        auto listener = server->listen({}, std::move(mounts));
        if (!listener) return tl::unexpected(listener.error());
        front.emplace(io, (*listener)->port());
        if (const auto error = front->listen(host, port)) return tl::unexpected(error);
        service.set_wire({[this](const HttpRequest& r) { return front->client(r.peer.port); },
                          [this](const HttpRequest& r) { front->reset(r.peer.port); },
                          [this](const HttpRequest& r) { front->truncate_next(r.peer.port); }});
        thread = std::thread([this] { io.run(); });
        return {};
    }

    core::SystemClock clock;  // the sockets'
    core::SystemRng rng;
    core::NullLog log;
    core::MemoryBudget budget{0};
    core::Hub hub;
    asio::io_context io;
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    transport::Loop loop;
    Service service;
    std::string host;
    std::unique_ptr<transport::Server> server;
    std::optional<Front> front;
    std::thread thread;
};

core::Result<std::unique_ptr<MockOpenCloud>> MockOpenCloud::start(const MockOptions& options) {
    auto impl = std::make_unique<Impl>(options);
    if (const auto started = impl->start(options.port); !started) {
        return tl::unexpected(started.error());
    }
    return std::unique_ptr<MockOpenCloud>(new MockOpenCloud(std::move(impl)));
}

MockOpenCloud::MockOpenCloud(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MockOpenCloud::~MockOpenCloud() = default;

std::uint16_t MockOpenCloud::port() const noexcept { return impl_->front->port(); }

std::string MockOpenCloud::url() const {
    return "http://" + in_url(impl_->host) + ":" + std::to_string(port());
}

MockOpenCloud::Access MockOpenCloud::cloud() {
    return {*this, std::unique_lock(impl_->service.mutex)};
}

MockOpenCloud::Access::~Access() {
    lock_.unlock();
    mock_.impl_->service.wake();
}
Cloud* MockOpenCloud::Access::operator->() const noexcept { return &mock_.impl_->service.model(); }
Cloud& MockOpenCloud::Access::operator*() const noexcept { return mock_.impl_->service.model(); }

void MockOpenCloud::advance(std::chrono::milliseconds by) {
    if (MockClock* clock = impl_->service.own_clock()) {
        clock->make_virtual();
        clock->advance(by);
    }
    tick();
}

void MockOpenCloud::tick() { cloud()->run_due(); }

}  // namespace pulse::mock
