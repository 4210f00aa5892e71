// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One connection of libnats on an Asio loop, from connecting to its end.
//
// libnats reads and writes when the loop says that the socket is ready. Connecting and destroying
// may block and are done on a thread. Messages come on libnats' delivery thread, errors on another
// one of its own; both put them down here, and the loop takes them. What libnats may still call
// when the broker is gone finds nothing open, and does nothing.
#pragma once

#include "nats/nats_address.hpp"
#include "nats/nats_message.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <nats/nats.h>

namespace pulse::cluster {

class NatsConnection : public std::enable_shared_from_this<NatsConnection> {
  public:
    struct Events {
        std::function<void()> on_connected;
        /// Once, also when connecting failed. Not after retire().
        std::function<void(std::string why)> on_broken;
        std::function<void(NatsMessage message)> on_message;
    };

    NatsConnection(asio::io_context& io, Events events) : io_(io), events_(std::move(events)) {}
    ~NatsConnection();
    NatsConnection(const NatsConnection&) = delete;
    NatsConnection& operator=(const NatsConnection&) = delete;

    // On the loop.

    void connect(const NatsAddress& address, std::chrono::milliseconds timeout);
    /// Nothing is called any more, and nothing more is sent.
    void retire();
    /// The same, once what was sent is with the system.
    void retire_when_sent();

    [[nodiscard]] bool subscribe(const std::string& subject);
    void unsubscribe(const std::string& subject);
    [[nodiscard]] bool publish(const char* subject, const char* reply,
                               const std::vector<std::pair<const char*, std::string>>& headers,
                               std::string_view bytes);
    [[nodiscard]] std::size_t unsent_bytes() const noexcept;
    [[nodiscard]] std::size_t max_payload() const noexcept;

  private:
    using Holder = std::shared_ptr<NatsConnection>;

    /// On the thread.
    void connect_blocking(const NatsAddress& address, std::chrono::milliseconds timeout);
    void on_connect_ended(const std::string& why);
    void wait_to_read();
    void wait_to_write();
    void check();
    void broke(std::string why);
    void take_incoming();
    void end_subscriptions();
    void destroy_on_thread();
    template <typename Function>
    void post(Function function);

    // Called by libnats.
    static natsStatus on_attach(void** user, void* loop, natsConnection* connection, natsSock fd);
    static natsStatus on_read(void* user, bool is_added);
    static natsStatus on_write(void* user, bool is_added);
    static natsStatus on_detach(void* user);
    static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure);
    static void on_complete(void* closure);
    static void on_error(natsConnection* connection, natsSubscription* subscription,
                         natsStatus status, void* closure);
    static void on_closed(natsConnection* connection, void* closure);

    asio::io_context& io_;
    Events events_;
    std::thread thread_;
    natsConnection* connection_ = nullptr;  ///< set on the thread, used on the loop afterwards
    std::optional<asio::posix::stream_descriptor> socket_;
    std::optional<asio::steady_timer> patience_;
    std::map<std::string, natsSubscription*, std::less<>> subscriptions_;
    bool is_connecting_ = false;
    bool is_reading_ = false;
    bool is_writing_ = false;
    bool is_over_ = false;    ///< broken or retired: nothing is called any more
    bool is_ending_ = false;  ///< only until everything is sent

    mutable std::mutex mutex_;
    bool is_open_ = true;  ///< the loop may be posted to
    int fd_ = -1;          ///< a duplicate of libnats' own, which it closes when it likes
    bool wants_to_write_ = false;
    bool is_take_due_ = false;
    std::vector<natsMsg*> incoming_;
    std::size_t incoming_bytes_ = 0;
    std::string problem_;
};

}  // namespace pulse::cluster
