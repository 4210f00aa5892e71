// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What clients connect to: passes bytes to the HTTP server behind it and back. It exists for what a
// well-behaved HTTP server does not do: to reset a connection, and to end it in the middle of an
// answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <unordered_map>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

namespace pulse::mock {

/// **Loop-bound** to the io_context's single thread, but for the constructor and listen().
class Front {
  public:
    static constexpr std::size_t kMaxLinks = 4'096;  ///< more connections are closed at once

    /// Connections go on to 127.0.0.1:`inner_port`.
    Front(asio::io_context& io, std::uint16_t inner_port);
    ~Front();
    Front(const Front&) = delete;
    Front& operator=(const Front&) = delete;

    [[nodiscard]] std::error_code listen(const std::string& host, std::uint16_t port);
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    // Connections are named by the port from which they reach the server behind.
    /// The client's address; "" when the connection is gone.
    [[nodiscard]] std::string client(std::uint16_t link) const;
    /// Ends it with RST.
    void reset(std::uint16_t link);
    /// The next answer ends half way through its body, and the connection with it.
    void truncate_next(std::uint16_t link);

  private:
    class Link;
    void accept();
    void connect(asio::ip::tcp::socket client);
    [[nodiscard]] std::shared_ptr<Link> find(std::uint16_t link) const;

    asio::io_context& io_;
    asio::ip::tcp::endpoint inner_;
    asio::ip::tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;
    std::unordered_map<std::uint16_t, std::shared_ptr<Link>> links_;
    std::size_t connecting_ = 0;
};

}  // namespace pulse::mock
