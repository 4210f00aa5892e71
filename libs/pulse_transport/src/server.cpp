// SPDX-License-Identifier: MIT OR Apache-2.0
#include "acceptor.hpp"
#include "endpoint.hpp"
#include "loop_impl.hpp"
#include "tcp_connection.hpp"

#include <algorithm>
#include <future>

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/transport/server.hpp>

namespace pulse::transport {

namespace {

class BoundListener final : public Listener {
  public:
    [[nodiscard]] std::uint16_t port() const noexcept override { return bound.port(); }
    [[nodiscard]] std::string address() const override {
        const std::string host = bound.address().to_string();
        return (bound.address().is_v6() ? "[" + host + "]" : host) + ":" +
               std::to_string(bound.port());
    }

    asio::ip::tcp::endpoint bound;
    std::shared_ptr<const Endpoint> endpoint;
    /// By loop; each is touched on its own loop only.
    std::vector<std::pair<Loop*, std::unique_ptr<Acceptor>>> acceptors;
};

/// Runs `function` on the loop's thread and waits for it, or runs it here when the loop is ours or
/// nobody's.
void run_on(Loop& loop, const std::function<void()>& function) {
    Loop::Impl& impl = loop.impl();
    if (!impl.is_threaded.load(std::memory_order_acquire) ||
        impl.io.get_executor().running_in_this_thread()) {
        function();
        return;
    }
    std::promise<void> done;
    asio::post(impl.io, [&] {
        function();
        done.set_value();
    });
    done.get_future().wait();
}

}  // namespace

struct Server::State : std::enable_shared_from_this<State> {
    State(core::Hub& engine, std::vector<Loop*> all, const ConnectionOptions& connections,
          const ClientLimits& clients)
        : hub(engine),
          loops(std::move(all)),
          shared(std::make_shared<Shared>(connections, clients, engine.clock().now())) {}

    [[nodiscard]] bool owns(const TcpConnection& connection) const noexcept {
        return connection.endpoint().shared == shared;
    }
    void drain_loop(Loop& loop, Tick begin, std::chrono::milliseconds spread);
    void watch_drain(std::chrono::steady_clock::time_point deadline, std::function<void()> done);

    core::Hub& hub;
    std::vector<Loop*> loops;
    std::shared_ptr<Shared> shared;
    std::vector<std::unique_ptr<BoundListener>> listeners;
    std::unique_ptr<asio::steady_timer> drain_timer;  ///< the first loop's
};

Server::Server(core::Hub& hub, std::vector<Loop*> loops, const ConnectionOptions& connections,
               const ClientLimits& clients)
    : state_(std::make_shared<State>(hub, std::move(loops), connections, clients)) {}

Server::~Server() {
    for (Loop* loop : state_->loops) {
        run_on(*loop, [&] {
            for (auto& listener : state_->listeners) {
                for (auto& [at, acceptor] : listener->acceptors) {
                    if (at == loop) acceptor.reset();
                }
            }
            if (loop == state_->loops.front()) state_->drain_timer.reset();
            loop->impl().abort_connections(
                [&](const TcpConnection& connection) { return state_->owns(connection); });
        });
    }
}

core::Result<Listener*> Server::listen(const ListenerOptions& options, Mounts mounts) {
    asio::io_context& first_io = state_->loops.front()->io();
    asio::error_code error;
    asio::ip::tcp::resolver resolver(first_io);
    const auto found = resolver.resolve(
        options.host, std::to_string(options.port),
        asio::ip::resolver_base::passive | asio::ip::resolver_base::numeric_service, error);
    if (error) return tl::unexpected(std::error_code(error));

    auto listener = std::make_unique<BoundListener>();
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->shared = state_->shared;
    endpoint->mounts = std::move(mounts);
    asio::ip::tcp::endpoint address = *found.begin();
    endpoint->is_loopback = address.address().is_loopback();
    listener->endpoint = endpoint;

    const bool has_many = options.has_socket_per_loop && state_->loops.size() > 1;
    const bool is_shared = has_many || options.is_port_shared;
    const std::size_t sockets = has_many ? state_->loops.size() : 1;
    if (has_many && !options.is_port_shared) {
        // Several sockets need SO_REUSEPORT, under which a second server would bind without a word:
        // a first try without it finds out.
        asio::io_context scratch;
        auto probe = bind_listener(scratch, address, options.backlog, false);
        if (!probe) return tl::unexpected(probe.error());
        address = probe->local_endpoint();
    }
    std::vector<asio::ip::tcp::acceptor> bound;
    for (std::size_t i = 0; i < sockets; ++i) {
        // On the loop's own thread: its io_context keeps no locks around descriptors.
        core::Result<asio::ip::tcp::acceptor> socket = tl::unexpected(std::error_code{});
        run_on(*state_->loops[i], [&] {
            socket = bind_listener(state_->loops[i]->io(), address, options.backlog, is_shared);
        });
        if (!socket) return tl::unexpected(socket.error());
        address = socket->local_endpoint();
        bound.push_back(std::move(*socket));
    }
    listener->bound = address;
    const bool is_dealing = !has_many && state_->loops.size() > 1;
    for (std::size_t i = 0; i < sockets; ++i) {
        Loop* loop = state_->loops[i];
        listener->acceptors.emplace_back(loop, nullptr);
        auto& slot = listener->acceptors.back().second;
        run_on(*loop, [&] {
            slot = std::make_unique<Acceptor>(loop->impl(), std::move(bound[i]), endpoint,
                                              is_dealing ? state_->loops : std::vector<Loop*>{});
        });
    }
    state_->listeners.push_back(std::move(listener));
    return state_->listeners.back().get();
}

void Server::set_connection_options(const ConnectionOptions& options) {
    state_->shared->set_options(options);
    for (Loop* loop : state_->loops) {
        loop->lane().post([state = state_, loop, limits = options.outbox] {
            loop->lane().set_limits(limits);
            for (TcpConnection* connection : loop->impl().connections) {
                if (state->owns(*connection)) connection->review_deadlines();
            }
        });
    }
}

void Server::set_client_limits(const ClientLimits& limits) {
    state_->shared->clients.set_limits(limits);
}

void Server::drain(std::chrono::milliseconds spread, std::chrono::milliseconds deadline,
                   std::function<void()> done) {
    state_->shared->is_draining = true;
    // Whoever is told last needs time to hear it, and what is queued for it before.
    spread = std::min(spread, deadline / 2);
    const Tick begin = tick_of(state_->hub.clock().now());
    for (Loop* loop : state_->loops) {
        asio::post(loop->io(), [state = state_, loop, begin, spread] {
            state->drain_loop(*loop, begin, spread);
        });
    }
    const auto end = std::chrono::steady_clock::now() + deadline;
    asio::post(state_->loops.front()->io(), [state = state_, end, done = std::move(done)] {
        state->drain_timer = std::make_unique<asio::steady_timer>(state->loops.front()->io());
        state->watch_drain(end, done);
    });
}

void Server::State::drain_loop(Loop& loop, Tick begin, std::chrono::milliseconds spread) {
    for (auto& listener : listeners) {
        for (auto& [at, acceptor] : listener->acceptors) {
            if (at == &loop && acceptor != nullptr) acceptor->stop();
        }
    }
    Loop::Impl& impl = loop.impl();
    impl.turn();
    const Tick span = spread.count() > 0 ? ticks_of(spread) : 1;
    for (TcpConnection* connection : std::vector(impl.connections)) {
        if (!owns(*connection)) continue;
        // Clients that all came back in one moment would find the next server busy. Who asks over a
        // kept connection whether we are ready shall hear that we are not.
        connection->drain_at(connection->is_talking()
                                 ? begin + static_cast<Tick>(hub.rng().next_u64() % span)
                                 : begin + span);
    }
}

void Server::State::watch_drain(std::chrono::steady_clock::time_point deadline,
                                std::function<void()> done) {
    if (shared->clients.sockets() == 0) {
        done();
        return;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
        for (Loop* loop : loops) {
            asio::post(loop->io(), [self = shared_from_this(), loop] {
                loop->impl().abort_connections(
                    [&](const TcpConnection& connection) { return self->owns(connection); });
            });
        }
        asio::post(loops.front()->io(), std::move(done));
        return;
    }
    drain_timer->expires_after(std::chrono::milliseconds{20});
    drain_timer->async_wait([self = shared_from_this(), deadline,
                             done = std::move(done)](const asio::error_code& error) {
        if (!error) self->watch_drain(deadline, done);
    });
}

ServerStats Server::stats() const noexcept {
    return {state_->shared->clients.sockets(), state_->shared->clients.connections()};
}

}  // namespace pulse::transport
