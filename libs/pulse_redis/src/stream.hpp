// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bytes of one connection, with TLS or without. A connection has a stream of its own: what is
// still under way when it is given up keeps its stream alive, and is told so.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <asio/buffer.hpp>
#include <asio/error_code.hpp>
#include <asio/generic/stream_protocol.hpp>

#include <pulse/redis/address.hpp>

namespace asio {
class io_context;
}

namespace pulse::redis {

/// **Loop-bound.** At most one read and one write at a time.
class Stream : public std::enable_shared_from_this<Stream> {
  public:
    using Endpoint = asio::generic::stream_protocol::endpoint;
    using Done = std::function<void(const asio::error_code&)>;
    using Moved = std::function<void(const asio::error_code&, std::size_t)>;

    explicit Stream(asio::io_context& io) : socket_(io) {}
    virtual ~Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Again after a failure, elsewhere.
    void connect(const Endpoint& endpoint, Done done);
    void set_no_delay();
    /// What both sides have to agree on before bytes can go; nothing without TLS.
    virtual void greet(Done done) = 0;
    virtual void read(asio::mutable_buffer into, Moved done) = 0;
    /// All of it.
    virtual void write(asio::const_buffer bytes, Moved done) = 0;
    /// What the system takes at once. Not while a write is under way.
    virtual void write_now(asio::const_buffer bytes) = 0;
    /// Everything under way ends with an error. `drops`: what the system has not sent yet is not
    /// sent any more.
    void close(bool drops);
    /// For the log.
    [[nodiscard]] virtual std::string explain(const asio::error_code& error) const {
        return error.message();
    }

  protected:
    asio::generic::stream_protocol::socket socket_;
};

/// As the address says; null, and what is wrong, when its files cannot be used.
[[nodiscard]] std::shared_ptr<Stream> make_stream(asio::io_context& io, const Address& address,
                                                  std::string& problem);
/// The same for an address with TLS. Certificates are read each time: those that are replaced while
/// the program runs are used from the next connection on.
[[nodiscard]] std::shared_ptr<Stream> make_tls_stream(asio::io_context& io, const Address& address,
                                                      std::string& problem);

}  // namespace pulse::redis
