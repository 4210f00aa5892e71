// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One end of a TCP connection for tests: blocking, with a deadline on everything.
#pragma once

#include "support/deadline.hpp"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pulse::test {

/// What went wrong with a connection, or did not happen in time. Fails the test that lets it out.
class ClientError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct TcpOptions {
    /// SO_RCVBUF, set before connecting so that it bounds the window; 0 = the system's default.
    int receive_buffer_bytes = 0;
    std::string host = "127.0.0.1";
};

/// Bytes travel in std::string. Not thread-safe.
class TcpClient {
  public:
    explicit TcpClient(std::uint16_t port, const TcpOptions& options = {});
    ~TcpClient();
    TcpClient(TcpClient&& other) noexcept;
    TcpClient& operator=(TcpClient&& other) noexcept;

    /// Sends all of it, in as few segments as the kernel likes.
    void send(std::string_view bytes, Deadline deadline = {});
    /// One system call per byte; Nagle is off, so most of them become segments of their own.
    void send_bytewise(std::string_view bytes, Deadline deadline = {});
    /// As send(), but false when the peer has closed or reset the connection meanwhile.
    [[nodiscard]] bool try_send(std::string_view bytes, Deadline deadline = {});
    /// What fits into the socket's buffer now, possibly nothing.
    [[nodiscard]] std::size_t send_some(std::string_view bytes);

    /// Exactly that many bytes. ClientError when the connection ends before.
    [[nodiscard]] std::string read_exactly(std::size_t bytes, Deadline deadline = {});
    /// Through the end of `mark`.
    [[nodiscard]] std::string read_through(std::string_view mark, Deadline deadline = {});
    /// Everything until the peer's FIN. ClientError on a reset.
    [[nodiscard]] std::string read_to_end(Deadline deadline = {});
    /// Whether FIN or reset came, reading and dropping what comes before it.
    [[nodiscard]] bool is_ended_by_peer(Deadline deadline = {});
    /// Whether there is something to read (or the end) by then.
    [[nodiscard]] bool has_input(Deadline deadline);
    /// Takes bytes from the kernel into this object's buffer, if there are any by the deadline.
    /// Returns how many are buffered.
    std::size_t take_input(Deadline deadline);

    void shutdown_write();
    /// Closes with RST.
    void reset();
    void close();

    [[nodiscard]] std::uint16_t local_port() const;
    [[nodiscard]] int descriptor() const noexcept { return fd_; }

  private:
    enum class Got { bytes, end, reset, nothing };
    Got receive(const Deadline& deadline);

    int fd_ = -1;
    std::string buffer_;
};

}  // namespace pulse::test
