// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/native/dialect.hpp>
#include <pulse/core/rate_limiter.hpp>
#include <pulse/core/session.hpp>
#include <pulse/protocol/error.hpp>
#include <pulse/protocol/frame.hpp>
#include <pulse/protocol/frame_decoder.hpp>

namespace pulse::core::native {

/// One native client. Frames are handled strictly one after another; answers go out in that order,
/// and deliveries that a frame causes go out behind its answer.
class NativeConversation final : public Conversation {
  public:
    NativeConversation(NativeDialect& dialect, Connection& connection, const OpenRequest& request);
    ~NativeConversation() override;

    void on_open() override;
    void on_message(ByteView message, MessageKind kind) override;
    void on_tick(MonotonicTime now) override;
    void on_closing(CloseReason reason) override;
    void on_close(const CloseEvent& event) override;

  private:
    /// What only some connections have.
    struct Extras;
    /// A subscribe whose answer is on its way.
    struct Joining;
    /// Publications whose answers are.
    struct Publishing;
    enum class Standing : std::uint8_t { open, required, pending, authenticated };

    void handle_text(ByteView message);
    void handle_binary(ByteView message);
    void drain_decoder();
    /// While this holds, what arrives is kept for resume().
    [[nodiscard]] bool is_waiting() const noexcept {
        return is_yielding_ || is_held_ || standing_ == Standing::pending;
    }
    /// Lets others have their turn before the rest of a long message is handled.
    void yield();
    /// Until what is on its way has come.
    void hold();
    void release();
    /// Keeps a request that has to wait for answers on their way.
    [[nodiscard]] bool stash(const protocol::FrameView& frame);
    void handle_stashed();
    [[nodiscard]] std::size_t stashed_bytes() const noexcept;
    /// Calls `start` with a function that takes the Value, then `then` with it, on the loop.
    template <typename Value, typename Start, typename Then>
    void await(Start&& start, Then then);
    void resume();
    void handle_waiting();
    /// Sees to it that the rest of a frame comes in time. `is_another`: than was waited for before.
    void await_rest(bool is_another);
    void expect_authentication();
    void request_tick();
    /// Keeps the memory budget's account of what the decoder holds.
    void charge_input();
    void handle(const protocol::FrameView& frame);
    void handle_subscribe(const protocol::FrameView& frame);
    void handle_unsubscribe(const protocol::FrameView& frame);
    void read_missed();
    void finish_subscribe(std::optional<Result<HistoryPage>> page);
    void send_missed(const Publication& publication);
    void handle_publish(const protocol::FrameView& frame);
    void publish_through_broker(std::optional<std::uint64_t> id, PublicationView publication);
    void finish_publish(std::uint64_t ticket, std::error_code error);
    void answer_publish(std::optional<std::uint64_t> id, std::error_code error,
                        std::string_view channel);
    void handle_presence(const protocol::FrameView& frame);
    void handle_connect(const protocol::FrameView& frame);
    /// Whether the client stays, and what it sent meanwhile is to be handled.
    [[nodiscard]] bool finish_authentication(Result<Identity> result);
    /// Where the identity's rights can be taken back.
    void expect_review();
    void review();
    void end_forbidden_subscriptions();

    [[nodiscard]] bool is_allowed(Action action, std::string_view channel) const noexcept {
        return rights_ == nullptr || rights_->allows(action, channel);
    }
    [[nodiscard]] bool may(Action action, const protocol::FrameView& frame);
    [[nodiscard]] bool is_within(TokenBucket& bucket, const RateLimit& limit,
                                 const protocol::FrameView& frame);
    /// A short request makes a long answer, and thousands of requests fit a single message: the
    /// member lists given in one turn are bounded by what may wait for one peer.
    [[nodiscard]] bool may_sync();
    void send_sync(std::uint64_t id, std::string_view channel,
                   const std::vector<PresenceState>& members);
    void send(const protocol::FrameView& frame);
    void send_ack(std::uint64_t id);
    void send_error(std::uint64_t id, protocol::ErrorCode code, std::string_view text);
    void refuse(std::uint64_t id, const std::error_code& error, std::string_view channel);
    void end(CloseReason reason);

    [[nodiscard]] const NativeOptions& options() const noexcept {
        return *dialect_.options_.load(std::memory_order_acquire);
    }
    [[nodiscard]] NativeStats& stats() const noexcept {
        return dialect_.stats_[connection_.lane().index()];
    }
    [[nodiscard]] Extras& extras();

    NativeDialect& dialect_;
    Connection& connection_;
    Session session_;
    protocol::FrameDecoder decoder_;
    std::unique_ptr<Extras> extras_;
    std::shared_ptr<const Rights> rights_;  ///< null: everything is allowed
    std::uint32_t charged_bytes_ = 0;
    Standing standing_ = Standing::open;
    bool is_json_ = false;  ///< the peer's last message was JSON: so are our answers
    bool is_yielding_ = false;
    bool is_held_ = false;
    bool is_ending_ = false;  ///< closed by us; what still arrives is ignored
};

}  // namespace pulse::core::native
