// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "replay.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/dialect.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/rate_limiter.hpp>
#include <pulse/mesa/client.hpp>
#include <pulse/mesa/server.hpp>

namespace pulse::mesa {

class LanePart;

/// **Loop-bound.**
class ConnectedClient final : public Client, public std::enable_shared_from_this<ConnectedClient> {
  public:
    ConnectedClient(Server::Impl& server, LanePart& part, core::Connection& connection,
                    const core::OpenRequest& request);

    // Client
    [[nodiscard]] const std::optional<Id>& id() const noexcept override { return id_; }
    [[nodiscard]] const std::string& user() const noexcept override { return user_; }
    [[nodiscard]] bool is_authenticated() const noexcept override { return is_authenticated_; }
    [[nodiscard]] bool is_connected() const noexcept override { return connection_ != nullptr; }
    [[nodiscard]] std::string server_id() const override;
    [[nodiscard]] const Request& request() const noexcept override { return request_; }
    [[nodiscard]] std::vector<Message> messages() const override;
    void send(const Message& message) override;
    void send_direct(const Message& message) override;
    void authenticate(AuthHandler handler) override;
    void update_user(AuthResult result) override;
    void disconnect(std::optional<std::uint16_t> code) override;
    void on_message(MessageHandler handler) override { handlers().message = std::move(handler); }
    void on_disconnect(DisconnectHandler handler) override {
        handlers().disconnect = std::move(handler);
    }
    void on_error(ErrorHandler handler) override { handlers().error = std::move(handler); }
    void post(std::function<void(Client& client)> function) override;

    // What its conversation tells.
    void open();
    void read(std::string_view text);
    void refuse_message(std::error_code why);
    void closed(const core::CloseEvent& event);

    // What its lane does with it.
    [[nodiscard]] core::Connection* connection() const noexcept { return connection_; }
    /// False: it is closed, and gets no more of them.
    [[nodiscard]] bool beat();
    void time_out_authentication();
    void close(std::uint16_t code);
    void store(const Message& message);
    /// False: nobody hears it.
    bool hear_error(const ErrorEvent& error);
    static constexpr std::uint32_t kNowhere = UINT32_MAX;
    std::uint32_t place = kNowhere;  ///< in the lane's list

  private:
    struct Handlers {
        AuthHandler authenticate;
        MessageHandler message;
        DisconnectHandler disconnect;
        ErrorHandler error;
    };
    struct Stored {
        std::deque<Message> messages;
        std::size_t bytes = 0;  ///< of their data
    };
    [[nodiscard]] Handlers& handlers();
    [[nodiscard]] bool has_handler() const noexcept {
        return handlers_ != nullptr && handlers_->authenticate != nullptr;
    }
    [[nodiscard]] ClientPtr self() { return shared_from_this(); }

    void receive(const Message& message);
    [[nodiscard]] bool is_refused_version(const Message& message) const;
    void begin_authentication(const Message& message);
    void finish_authentication(core::Result<AuthResult> result, bool should_sync);
    /// False: an error event says why not.
    bool accept(AuthResult& result);
    void set_identity(AuthResult result, std::function<void()> then);
    void complete_authentication(bool should_sync);
    void begin_replay();
    void start_replay(std::string_view kept);
    void replay_next();
    void wait_for_next();
    void give_up_kept();
    void drop_sent(Replay& replay);
    void end_replay();

    Server::Impl* server_;  ///< null when disconnected, as is the connection
    LanePart* part_;        ///< not looked at when disconnected: it may be gone with its server
    std::shared_ptr<core::Lane::Port> port_;
    core::Connection* connection_;
    const std::uint64_t number_;  ///< random; server_id() is made of it when it is asked for
    std::optional<Id> id_;
    std::string user_;
    Request request_;
    std::unique_ptr<Handlers> handlers_;
    std::unique_ptr<Stored> stored_;
    std::shared_ptr<Replay> replay_;
    core::TokenBucket rate_;
    std::uint32_t tries_ = 0;
    std::uint32_t pending_authentications_ = 0;
    bool is_authenticated_ = false;
    bool is_counted_online_ = false;  ///< told the bus
    bool has_answered_ = true;        ///< a beat; before the first it counts as if
    bool has_tried_to_authenticate_ = false;
    bool is_closing_ = false;  ///< we have closed it; the peer may still be there
};

}  // namespace pulse::mesa
