// SPDX-License-Identifier: MIT OR Apache-2.0
//
// In-process subscriptions, in two forms: a Receiver is asked (pull), a Listener is called (push).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <pulse/core/hub.hpp>
#include <pulse/core/outlet.hpp>
#include <pulse/core/publication.hpp>
#include <pulse/core/session.hpp>

namespace pulse::core {

namespace detail {
class PublicationLog;
struct LogSegment;
}  // namespace detail

/// A place in a channel's log of publications. One thread at a time may use a receiver; different
/// receivers are independent. The hub must outlive it.
///
/// A receiver that falls behind by more than HubOptions::receiver_capacity loses the oldest
/// publications and is told how many: lag is never silent.
class Receiver {
  public:
    Receiver(Receiver&&) noexcept;
    Receiver& operator=(Receiver&&) noexcept;
    ~Receiver();

    /// The next publication, or null when there is none now. Valid until the next call on this
    /// receiver; copy the PublicationPtr to keep it longer.
    [[nodiscard]] const PublicationPtr* try_receive() noexcept {
        if (index_ < ready()) return &entry(index_++);
        return try_next_segment();
    }

    /// Waits for a publication, at most `timeout`. Null when none came.
    [[nodiscard]] const PublicationPtr* receive(std::chrono::milliseconds timeout);

    /// Publications lost to lag since the last call.
    [[nodiscard]] std::uint64_t take_lagged() noexcept;
    /// Whether publications may have been lost on their way from another node since the last call:
    /// BrokerListener::on_gap.
    [[nodiscard]] bool take_gap() noexcept;

  private:
    friend class Hub;
    Receiver(Hub& hub, detail::Channel& channel, std::shared_ptr<detail::PublicationLog> log,
             bool is_counted);

    [[nodiscard]] std::uint32_t ready() const noexcept;
    [[nodiscard]] const PublicationPtr& entry(std::uint32_t index) const noexcept;
    const PublicationPtr* try_next_segment() noexcept;

    Hub* hub_ = nullptr;
    detail::Channel* channel_ = nullptr;
    std::shared_ptr<detail::PublicationLog> log_;
    std::shared_ptr<detail::LogSegment> segment_;
    std::uint32_t index_ = 0;
    bool is_counted_ = true;
    std::uint64_t lagged_ = 0;
    std::uint64_t gaps_ = 0;  ///< of the log's, known
};

/// Calls a function on a lane's loop for each publication in the channels it subscribes to, at the
/// end of the turn in which they were published. **Loop-bound** to the lane.
class Listener final : private Outlet {
  public:
    /// The view is borrowed for the call. The function must not destroy the listener.
    using Function = std::function<void(const PublicationView&)>;
    /// As BrokerListener::on_gap; between the publications that came before and those after it.
    using GapFunction = std::function<void(const GapEvent&)>;

    Listener(Lane& lane, SessionId id, Function function, GapFunction on_gap = {});
    ~Listener() override;

    [[nodiscard]] Session& session() noexcept { return session_; }
    [[nodiscard]] std::error_code subscribe(std::string_view channel) {
        return session_.subscribe(channel);
    }
    [[nodiscard]] std::error_code unsubscribe(std::string_view channel) {
        return session_.unsubscribe(channel);
    }

  private:
    void write_out() noexcept override;
    void on_overflow() noexcept override {}

    Function function_;
    GapFunction on_gap_;
    Session session_;
};

}  // namespace pulse::core
