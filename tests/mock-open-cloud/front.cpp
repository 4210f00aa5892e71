// SPDX-License-Identifier: MIT OR Apache-2.0
#include "front.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/write.hpp>

namespace pulse::mock {

using asio::ip::tcp;

/// One connection and its counterpart. Lives as long as it has an operation under way.
class Front::Link : public std::enable_shared_from_this<Link> {
  public:
    Link(tcp::socket client, tcp::socket inner, std::function<void()> on_end)
        : client_(std::move(client)), inner_(std::move(inner)), on_end_(std::move(on_end)) {
        std::error_code error;
        const auto remote = client_.remote_endpoint(error);
        if (!error) address_ = remote.address().to_string(error);
        client_.set_option(tcp::no_delay(true), error);
        inner_.set_option(tcp::no_delay(true), error);
    }

    void start() {
        pump(client_, inner_, request_);
        pump(inner_, client_, response_);
    }
    [[nodiscard]] const std::string& address() const noexcept { return address_; }
    void truncate_next() noexcept { is_truncating_ = true; }
    void reset() {
        std::error_code error;
        client_.set_option(asio::socket_base::linger(true, 0), error);
        end();
    }
    void end() {
        std::error_code error;
        client_.close(error);
        inner_.close(error);
        if (auto on_end = std::exchange(on_end_, nullptr)) on_end();
    }

  private:
    using Buffer = std::array<char, 16 * 1024>;

    void pump(tcp::socket& from, tcp::socket& to, Buffer& buffer) {
        from.async_read_some(asio::buffer(buffer),
                             [self = shared_from_this(), &from, &to, &buffer](
                                 const std::error_code& error, std::size_t bytes) {
                                 if (error) return self->ended(to);
                                 if (&buffer == &self->response_ && self->is_truncating_) {
                                     return self->truncate(bytes);
                                 }
                                 self->pass_on(from, to, buffer, bytes);
                             });
    }

    void pass_on(tcp::socket& from, tcp::socket& to, Buffer& buffer, std::size_t bytes) {
        asio::async_write(to, asio::buffer(buffer.data(), bytes),
                          [self = shared_from_this(), &from, &to, &buffer](
                              const std::error_code& error, std::size_t) {
                              if (error) return self->end();
                              self->pump(from, to, buffer);
                          });
    }

    /// One side has said all it had to say; the other may not have.
    void ended(tcp::socket& to) {
        std::error_code ignored;
        to.shutdown(tcp::socket::shutdown_send, ignored);
        if (std::exchange(is_half_closed_, true)) end();
    }

    /// Half of the body, once the head is complete.
    void truncate(std::size_t bytes) {
        held_.append(response_.data(), bytes);
        const std::size_t head = held_.find("\r\n\r\n");
        if (head == std::string::npos && held_.size() < kMaxHeld) {
            return pump(inner_, client_, response_);
        }
        if (head != std::string::npos) {
            const std::size_t body = held_.size() - (head + 4);
            held_.resize(head + 4 + body / 2);
        }
        asio::async_write(
            client_, asio::buffer(held_),
            [self = shared_from_this()](const std::error_code&, std::size_t) { self->end(); });
    }

    static constexpr std::size_t kMaxHeld = 64 * 1024;

    tcp::socket client_;
    tcp::socket inner_;
    std::function<void()> on_end_;
    std::string address_;
    Buffer request_{};
    Buffer response_{};
    bool is_half_closed_ = false;
    bool is_truncating_ = false;
    std::string held_;
};

Front::Front(asio::io_context& io, std::uint16_t inner_port)
    : io_(io), inner_(asio::ip::address_v4::loopback(), inner_port), acceptor_(io) {}

Front::~Front() {
    for (auto& [port, link] : std::exchange(links_, {})) link->end();
}

std::error_code Front::listen(const std::string& host, std::uint16_t port) {
    std::error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (error) return error;
    const tcp::endpoint endpoint(address, port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return error;
    port_ = acceptor_.local_endpoint(error).port();
    if (!error) accept();
    return error;
}

void Front::accept() {
    acceptor_.async_accept([this](const std::error_code& error, tcp::socket client) {
        if (error == asio::error::operation_aborted) return;
        if (!error && links_.size() + connecting_ < kMaxLinks) connect(std::move(client));
        accept();
    });
}

void Front::connect(tcp::socket client) {
    ++connecting_;
    auto inner = std::make_shared<tcp::socket>(io_);
    auto held = std::make_shared<tcp::socket>(std::move(client));
    inner->async_connect(inner_, [this, inner, held](const std::error_code& error) {
        if (error == asio::error::operation_aborted) return;
        --connecting_;
        if (error) return;
        std::error_code failed;
        const std::uint16_t name = inner->local_endpoint(failed).port();
        if (failed) return;
        auto link = std::make_shared<Link>(std::move(*held), std::move(*inner),
                                           [this, name] { links_.erase(name); });
        links_[name] = link;
        link->start();
    });
}

std::shared_ptr<Front::Link> Front::find(std::uint16_t link) const {
    const auto found = links_.find(link);
    return found == links_.end() ? nullptr : found->second;
}

std::string Front::client(std::uint16_t name) const {
    const auto link = find(name);
    return link == nullptr ? std::string() : link->address();
}

void Front::reset(std::uint16_t name) {
    if (const auto link = find(name)) link->reset();
}

void Front::truncate_next(std::uint16_t name) {
    if (const auto link = find(name)) link->truncate_next();
}

}  // namespace pulse::mock
