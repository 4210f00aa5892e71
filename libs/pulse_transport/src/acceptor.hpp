// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "endpoint.hpp"
#include "loop_impl.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

namespace pulse::transport {

/// Accepts on one loop. Out of descriptors it pauses instead of spinning, and uses one it kept in
/// reserve to turn away who is waiting. **Loop-bound.**
class Acceptor {
  public:
    /// `deal_to`: loops that accepted sockets go to in turn; empty = all stay on `loop`.
    Acceptor(Loop::Impl& loop, asio::ip::tcp::acceptor socket,
             std::shared_ptr<const Endpoint> endpoint, std::vector<Loop*> deal_to);
    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    void stop() noexcept;

  private:
    void arm();
    void accept_ready();
    void hand_over(int fd, const core::PeerAddress& peer);
    void out_of_descriptors();

    Loop::Impl& loop_;
    asio::ip::tcp::acceptor socket_;
    asio::steady_timer pause_;
    std::shared_ptr<const Endpoint> endpoint_;
    std::vector<Loop*> deal_to_;
    std::size_t next_ = 0;
    int reserve_fd_;
    std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

/// Binds and listens; port 0 is filled in with what the system chose.
[[nodiscard]] core::Result<asio::ip::tcp::acceptor> bind_listener(
    asio::io_context& io, const asio::ip::tcp::endpoint& address, int backlog, bool is_shared);

}  // namespace pulse::transport
