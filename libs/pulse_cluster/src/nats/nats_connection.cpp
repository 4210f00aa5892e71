// SPDX-License-Identifier: MIT OR Apache-2.0
#include "nats/nats_connection.hpp"

#include <utility>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pulse::cluster {

namespace {

/// While more than that waits for the loop nothing more is read: the server waits, or lets go.
constexpr std::size_t kMaxIncomingBytes = std::size_t{8} * 1024 * 1024;
constexpr int kReadBytes = 64 * 1024;
/// What was sent last has so long to leave.
constexpr std::chrono::milliseconds kPatience{500};

struct OptionsDeleter {
    void operator()(natsOptions* options) const noexcept { natsOptions_Destroy(options); }
};

[[nodiscard]] std::string describe(natsStatus status) {
    natsStatus last = NATS_OK;
    const char* const text = nats_GetLastError(&last);
    // libnats says in which function it was before it says what.
    std::string why = text != nullptr && last != NATS_OK ? text : natsStatus_GetText(status);
    if (const std::size_t colon = why.find("): "); why.starts_with('(') && colon < 40) {
        why.erase(0, colon + 3);
    }
    return why;
}

}  // namespace

NatsConnection::~NatsConnection() {
    for (natsMsg* const message : incoming_) natsMsg_Destroy(message);
    if (fd_ >= 0) ::close(fd_);
    if (!thread_.joinable()) return;
    // A loop that was destroyed before it had run everything.
    thread_.get_id() == std::this_thread::get_id() ? thread_.detach() : thread_.join();
}

template <typename Function>
void NatsConnection::post(Function function) {
    asio::post(io_, [self = shared_from_this(), function = std::move(function)]() mutable {
        function(*self);
    });
}

// ------------------------------------------------------------------ beginning

void NatsConnection::connect(const NatsAddress& address, std::chrono::milliseconds timeout) {
    is_connecting_ = true;
    // The loop joins it, and so has the last reference.
    thread_ = std::thread(
        [self = shared_from_this(), address, timeout, work = asio::make_work_guard(io_)] {
            self->connect_blocking(address, timeout);
        });
}

void NatsConnection::connect_blocking(const NatsAddress& address,
                                      std::chrono::milliseconds timeout) {
    natsOptions* made = nullptr;
    natsStatus status = natsOptions_Create(&made);
    const std::unique_ptr<natsOptions, OptionsDeleter> options(made);
    const auto set = [&status](natsStatus result) {
        if (status == NATS_OK) status = result;
    };
    auto holder = std::make_unique<Holder>(shared_from_this());
    if (status == NATS_OK) {
        std::vector<const char*> servers;
        for (const std::string& server : address.servers) servers.push_back(server.c_str());
        set(natsOptions_SetServers(made, servers.data(), static_cast<int>(servers.size())));
        if (!address.user.empty()) {
            set(natsOptions_SetUserInfo(made, address.user.c_str(), address.password.c_str()));
        }
        if (!address.token.empty()) set(natsOptions_SetToken(made, address.token.c_str()));
        if (address.is_tls) set(natsOptions_SetSecure(made, true));
        set(natsOptions_SetName(made, "pulse"));
        set(natsOptions_SetTimeout(made, timeout.count()));
        set(natsOptions_SetAllowReconnect(made, false));
        // Whoever is silent is found out by the requests that it owes an answer.
        set(natsOptions_SetPingInterval(made, 0));
        set(natsOptions_SetIOBufSize(made, kReadBytes));
        set(natsOptions_SetSendAsap(made, true));
        set(natsOptions_UseGlobalMessageDelivery(made, true));
        set(natsOptions_SetEventLoop(made, this, &on_attach, &on_read, &on_write, &on_detach));
        set(natsOptions_SetErrorHandler(made, &on_error, holder.get()));
        set(natsOptions_SetClosedCB(made, &on_closed, holder.get()));
    }
    if (status == NATS_OK) status = natsConnection_Connect(&connection_, made);
    // From here on on_closed() will be called, and takes it.
    if (status == NATS_OK) (void)holder.release();
    if (status != NATS_OK) connection_ = nullptr;
    const std::string why = status == NATS_OK ? std::string() : describe(status);
    post([why](NatsConnection& self) { self.on_connect_ended(why); });
}

void NatsConnection::on_connect_ended(const std::string& why) {
    thread_.join();
    is_connecting_ = false;
    if (connection_ == nullptr) return broke(why);
    if (is_over_) return destroy_on_thread();
    {
        const std::lock_guard lock(mutex_);
        socket_.emplace(io_, std::exchange(fd_, -1));
    }
    wait_to_read();
    wait_to_write();
    events_.on_connected();
}

// ------------------------------------------------------------------- the socket

void NatsConnection::wait_to_read() {
    if (!socket_ || is_reading_) return;
    {
        const std::lock_guard lock(mutex_);
        if (incoming_bytes_ > kMaxIncomingBytes) return;  // take_incoming() goes on
    }
    is_reading_ = true;
    socket_->async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](const asio::error_code& error) {
                            self->is_reading_ = false;
                            if (error || !self->socket_) return;
                            natsConnection_ProcessReadEvent(self->connection_);
                            self->check();
                            self->wait_to_read();
                        });
}

void NatsConnection::wait_to_write() {
    if (!socket_ || is_writing_) return;
    {
        const std::lock_guard lock(mutex_);
        if (!wants_to_write_) return;
    }
    is_writing_ = true;
    socket_->async_wait(asio::posix::stream_descriptor::wait_write,
                        [self = shared_from_this()](const asio::error_code& error) {
                            self->is_writing_ = false;
                            if (error || !self->socket_) return;
                            natsConnection_ProcessWriteEvent(self->connection_);
                            self->check();
                            self->wait_to_write();
                        });
}

/// Whether libnats has closed it.
void NatsConnection::check() {
    if (!socket_) return;
    if (natsConnection_IsClosed(connection_)) {
        const char* text = nullptr;
        const natsStatus status = natsConnection_GetLastError(connection_, &text);
        std::string why = text != nullptr && *text != '\0' ? text : natsStatus_GetText(status);
        if (status == NATS_CONNECTION_CLOSED || status == NATS_OK) why = "connection closed";
        return is_over_ ? retire() : broke(std::move(why));
    }
    if (is_ending_ && natsConnection_Buffered(connection_) <= 0) retire();
}

void NatsConnection::broke(std::string why) {
    if (is_over_) return;
    const auto on_broken = std::move(events_.on_broken);
    retire();
    if (on_broken) on_broken(std::move(why));
}

void NatsConnection::retire() {
    is_over_ = true;
    is_ending_ = false;
    patience_.reset();
    std::vector<natsMsg*> dropped;
    {
        const std::lock_guard lock(mutex_);
        is_open_ = false;
        dropped.swap(incoming_);
        incoming_bytes_ = 0;
    }
    for (natsMsg* const message : dropped) natsMsg_Destroy(message);
    if (is_connecting_ || connection_ == nullptr) return;
    if (socket_) ::shutdown(socket_->native_handle(), SHUT_RDWR);
    socket_.reset();
    end_subscriptions();
    destroy_on_thread();
}

void NatsConnection::retire_when_sent() {
    if (is_over_) return;
    if (!socket_ || natsConnection_Buffered(connection_) <= 0) return retire();
    is_over_ = is_ending_ = true;
    patience_.emplace(io_, kPatience);
    patience_->async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (!error && self->is_ending_) self->retire();
    });
}

void NatsConnection::destroy_on_thread() {
    natsConnection* const gone = std::exchange(connection_, nullptr);
    if (gone == nullptr) return;
    // It may wait for half a second for what cannot be sent any more.
    thread_ = std::thread([self = shared_from_this(), gone, work = asio::make_work_guard(io_)]() {
        natsConnection_Destroy(gone);
        self->post([](NatsConnection& last) { last.thread_.join(); });
    });
}

// ---------------------------------------------------------------- subscriptions

bool NatsConnection::subscribe(const std::string& subject) {
    if (is_over_ || !socket_ || subscriptions_.contains(subject)) return false;
    auto holder = std::make_unique<Holder>(shared_from_this());
    natsSubscription* made = nullptr;
    if (natsConnection_Subscribe(&made, connection_, subject.c_str(), &on_message, holder.get()) !=
        NATS_OK) {
        return false;
    }
    // Refused only when it is closed already; nothing was read since, so nothing refers to it.
    if (natsSubscription_SetOnCompleteCB(made, &on_complete, holder.get()) == NATS_OK) {
        (void)holder.release();
    }
    subscriptions_.emplace(subject, made);
    return true;
}

void NatsConnection::unsubscribe(const std::string& subject) {
    const auto found = subscriptions_.find(subject);
    if (found == subscriptions_.end()) return;
    natsSubscription_Destroy(found->second);
    subscriptions_.erase(found);
}

void NatsConnection::end_subscriptions() {
    for (const auto& [subject, subscription] : subscriptions_) {
        natsSubscription_Destroy(subscription);
    }
    subscriptions_.clear();
}

bool NatsConnection::publish(const char* subject, const char* reply,
                             const std::vector<std::pair<const char*, std::string>>& headers,
                             std::string_view bytes) {
    if (is_over_ || !socket_) return false;
    const int size = static_cast<int>(bytes.size());
    if (headers.empty() && reply == nullptr) {
        return natsConnection_Publish(connection_, subject, bytes.data(), size) == NATS_OK;
    }
    if (headers.empty()) {
        return natsConnection_PublishRequest(connection_, subject, reply, bytes.data(), size) ==
               NATS_OK;
    }
    natsMsg* made = nullptr;
    if (natsMsg_Create(&made, subject, reply, bytes.data(), size) != NATS_OK) return false;
    const std::unique_ptr<natsMsg, NatsMessageDeleter> message(made);
    for (const auto& [name, value] : headers) {
        if (natsMsgHeader_Set(made, name, value.c_str()) != NATS_OK) return false;
    }
    return natsConnection_PublishMsg(connection_, made) == NATS_OK;
}

std::size_t NatsConnection::unsent_bytes() const noexcept {
    if (is_connecting_ || connection_ == nullptr) return 0;  // the thread's own until then
    const int unsent = natsConnection_Buffered(connection_);
    return unsent > 0 ? static_cast<std::size_t>(unsent) : 0;
}

std::size_t NatsConnection::max_payload() const noexcept {
    const std::int64_t bytes = natsConnection_GetMaxPayload(connection_);
    return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

void NatsConnection::take_incoming() {
    std::vector<natsMsg*> incoming;
    std::string problem;
    {
        const std::lock_guard lock(mutex_);
        incoming.swap(incoming_);
        problem.swap(problem_);
        incoming_bytes_ = 0;
        is_take_due_ = false;
    }
    for (natsMsg* const each : incoming) {
        NatsMessage message(each);
        // Handling one may have ended this connection.
        if (!is_over_) events_.on_message(std::move(message));
    }
    if (!problem.empty()) return broke(std::move(problem));
    wait_to_read();
}

// ----------------------------------------------------- what libnats' threads call

natsStatus NatsConnection::on_attach(void** user, void* loop, natsConnection*, natsSock fd) {
    auto* const self = static_cast<NatsConnection*>(loop);
    *user = self;
    // Of our own: libnats closes the other one as soon as the connection breaks, under Asio's feet.
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return NATS_SYS_ERROR;
    const std::lock_guard lock(self->mutex_);
    if (self->fd_ >= 0) ::close(self->fd_);
    self->fd_ = copy;
    return NATS_OK;
}

natsStatus NatsConnection::on_read(void*, bool) { return NATS_OK; }

natsStatus NatsConnection::on_write(void* user, bool is_added) {
    auto* const self = static_cast<NatsConnection*>(user);
    const std::lock_guard lock(self->mutex_);
    const bool was_wanted = std::exchange(self->wants_to_write_, is_added);
    // Not at once: what is sent within one turn of the loop goes out together.
    if (is_added && !was_wanted && self->is_open_) {
        self->post([](NatsConnection& each) { each.wait_to_write(); });
    }
    return NATS_OK;
}

natsStatus NatsConnection::on_detach(void*) { return NATS_OK; }

void NatsConnection::on_message(natsConnection*, natsSubscription*, natsMsg* message,
                                void* closure) {
    const Holder& self = *static_cast<Holder*>(closure);
    const std::lock_guard lock(self->mutex_);
    if (!self->is_open_) return natsMsg_Destroy(message);
    self->incoming_.push_back(message);
    self->incoming_bytes_ += static_cast<std::size_t>(natsMsg_GetDataLength(message)) + 128;
    if (!std::exchange(self->is_take_due_, true)) {
        self->post([](NatsConnection& each) { each.take_incoming(); });
    }
}

void NatsConnection::on_complete(void* closure) { delete static_cast<Holder*>(closure); }

void NatsConnection::on_error(natsConnection* connection, natsSubscription*, natsStatus status,
                              void* closure) {
    const Holder& self = *static_cast<Holder*>(closure);
    std::string why = natsStatus_GetText(status);
    const char* text = nullptr;
    if (status != NATS_SLOW_CONSUMER && natsConnection_GetLastError(connection, &text) == status &&
        text != nullptr && *text != '\0') {
        why = text;
    }
    const std::lock_guard lock(self->mutex_);
    if (!self->is_open_) return;
    self->problem_ = std::move(why);
    if (!std::exchange(self->is_take_due_, true)) {
        self->post([](NatsConnection& each) { each.take_incoming(); });
    }
}

void NatsConnection::on_closed(natsConnection*, void* closure) {
    delete static_cast<Holder*>(closure);
}

}  // namespace pulse::cluster
