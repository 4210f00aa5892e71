// SPDX-License-Identifier: MIT OR Apache-2.0
#include "stream.hpp"

#include <utility>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>
#include <asio/write.hpp>

namespace pulse::redis {

void Stream::connect(const Endpoint& endpoint, Done done) {
    close(false);
    socket_.async_connect(endpoint, [self = shared_from_this(), done = std::move(done)](
                                        const asio::error_code& error) { done(error); });
}

void Stream::set_no_delay() {
    asio::error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Stream::close(bool drops) {
    asio::error_code ignored;
    if (drops) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
}

namespace {

class PlainStream final : public Stream {
  public:
    using Stream::Stream;

    void greet(Done done) override {
        asio::post(socket_.get_executor(), [done = std::move(done)] { done({}); });
    }
    void read(asio::mutable_buffer into, Moved done) override {
        socket_.async_read_some(
            into, [self = shared_from_this(), done = std::move(done)](
                      const asio::error_code& error, std::size_t bytes) { done(error, bytes); });
    }
    void write(asio::const_buffer bytes, Moved done) override {
        asio::async_write(socket_, bytes,
                          [self = shared_from_this(), done = std::move(done)](
                              const asio::error_code& error, std::size_t n) { done(error, n); });
    }
    void write_now(asio::const_buffer bytes) override {
        asio::error_code ignored;
        socket_.non_blocking(true, ignored);
        socket_.send(bytes, 0, ignored);
    }
};

}  // namespace

std::shared_ptr<Stream> make_stream(asio::io_context& io, const Address& address,
                                    std::string& problem) {
    if (address.tls) return make_tls_stream(io, address, problem);
    return std::make_shared<PlainStream>(io);
}

}  // namespace pulse::redis
