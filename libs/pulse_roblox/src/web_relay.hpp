// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One loop's web clients: who wants which topics, and the bytes of the messages they share.
//
// A universe with clients on the loop has one subscription in the hub. Each message that comes by
// it is looked up by its topic (clients of all topics, of this one, of its beginnings), so what it
// costs depends on who gets it and not on who else is there. Order is that of the universe, also
// for clients with several patterns: they resume by the number of the last message they had.
#pragma once

#include "web_frame.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <pulse/core/connection.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/session.hpp>
#include <pulse/roblox/web_clients.hpp>

namespace pulse::roblox {

class WebRelay;

/// What a client gets of a message.
enum class WebForm : unsigned char {
    original,  ///< topic and message
    extended,  ///< with the sender, the place and the time
    events,    ///< the same as a server-sent event
};

/// A client as the relay knows it. **Loop-bound**; owned by its conversation.
class WebClient {
  public:
    WebClient(WebClients& clients, core::Connection& connection, UniverseId universe, Caller caller,
              WebForm form);
    ~WebClient();
    WebClient(const WebClient&) = delete;
    WebClient& operator=(const WebClient&) = delete;

    /// Everything of the universe, from now on, unless the caller may not read it. False when the
    /// hub has no room for another channel.
    [[nodiscard]] bool begin();
    [[nodiscard]] bool may_read() const noexcept { return may_read_; }
    [[nodiscard]] bool may_send() const noexcept {
        return caller_.may(Right::web_send, universe_) || caller_.may(Right::game_send, universe_);
    }
    [[nodiscard]] const Caller& caller() const noexcept { return caller_; }
    [[nodiscard]] UniverseId universe() const noexcept { return universe_; }
    [[nodiscard]] const WebRelay& relay() const noexcept { return relay_; }
    /// Whether what it was let in with still holds.
    [[nodiscard]] bool holds() const;

    void set_form(WebForm form) noexcept { form_ = form; }
    [[nodiscard]] WebForm form() const noexcept { return form_; }

    /// `chat`, `match.*` (all that begin so), `*`. The first call ends "everything". All of them
    /// or, false, none when there would be too many.
    [[nodiscard]] bool subscribe(const std::vector<std::string>& patterns);
    void unsubscribe(const std::vector<std::string>& patterns);
    /// Whether it wants this topic (as it is, not escaped).
    [[nodiscard]] bool wants(std::string_view topic) const;

    /// Messages are kept instead of sent: earlier ones are on their way.
    void hold() noexcept { is_held_ = true; }
    [[nodiscard]] bool is_held() const noexcept { return is_held_; }
    /// Sends one message in the client's form, past the hold.
    void send(std::string_view frame);
    /// Sends what was kept, but for what lies before `last` of `epoch`; on with it from now on.
    /// False when some of it could not be kept.
    [[nodiscard]] bool release(std::string_view epoch, std::uint64_t last);

  private:
    friend class WebRelay;

    void keep(std::string_view frame);

    WebClients& clients_;
    WebRelay& relay_;
    core::Connection& connection_;
    UniverseId universe_;
    Caller caller_;
    WebForm form_;
    bool may_read_;
    bool is_all_ = true;  // before the first subscribe, and with "*"
    bool is_begun_ = false;
    bool is_held_ = false;
    bool has_lost_ = false;  // while held
    bool is_closing_ = false;
    std::uint32_t index_ = 0;         // in the room
    std::uint32_t all_index_ = 0;     // in the room's list of those that want everything
    std::uint64_t last_batch_ = 0;    // given to all of the room
    std::uint64_t last_message_ = 0;  // of the relay: one message once, whatever matches it
    // Escaped as topics stand in frames, sorted; prefixes end with '*'.
    std::vector<std::string> patterns_;
    struct Held {
        std::vector<std::string> frames;
        std::size_t bytes = 0;
    };
    std::unique_ptr<Held> held_;
};

/// A subscription that is given what came in a turn at once. **Loop-bound.**
class WebTap final : private core::Outlet {
  public:
    /// The payloads, borrowed for the call.
    using Function = std::function<void(std::span<const std::string_view> payloads)>;

    WebTap(core::Lane& lane, core::SessionId id, Function function);
    ~WebTap() override;
    [[nodiscard]] std::error_code subscribe(std::string_view channel) {
        return session_.subscribe(channel);
    }

  private:
    void write_out() noexcept override;
    void on_overflow() noexcept override {}

    Function function_;
    std::vector<std::string_view> payloads_;
    core::Session session_;
};

/// **Loop-bound** to its lane.
class WebRelay {
  public:
    WebRelay(core::Hub& hub, core::Lane& lane, AccessBook& access, const WebClientOptions& options);
    ~WebRelay();
    WebRelay(const WebRelay&) = delete;
    WebRelay& operator=(const WebRelay&) = delete;

    [[nodiscard]] const WebClientOptions& options() const noexcept { return options_; }

    // For WebClient.
    [[nodiscard]] bool join(WebClient& client);
    void leave(WebClient& client) noexcept;
    void list(WebClient& client, const std::string& pattern);
    void unlist(WebClient& client, const std::string& pattern) noexcept;
    void list_all(WebClient& client);
    void unlist_all(WebClient& client) noexcept;
    void send(WebClient& client, const WebFrameView& frame);

  private:
    using Clients = std::vector<WebClient*>;
    struct Room {
        std::unique_ptr<WebTap> tap;
        Clients members;
        Clients all;
        std::unordered_map<std::string, Clients> topics;
        std::unordered_map<std::string, Clients> prefixes;
        std::map<std::size_t, std::size_t> prefix_sizes;  // how many prefixes of each
    };
    /// The current message in one form for one framing, and where the next ones go.
    struct Wire {
        WebForm form;
        const core::Framing* framing;
        core::FrameBuffer buffer{};
        core::SharedFrame frame{};
        std::uint64_t message = 0;
        std::vector<core::SharedFrame> frames{};  ///< a whole turn's, by chunk
        std::uint64_t batch = 0;
    };

    void on_payloads(Room& room, std::span<const std::string_view> payloads);
    void deliver_all(const Clients& clients);
    void deliver(const Clients& clients, const WebFrameView& frame);
    void deliver(WebClient& client, const WebFrameView& frame);
    [[nodiscard]] const core::SharedFrame* shared(WebForm form, const core::Framing& framing,
                                                  const WebFrameView& frame);
    /// The same for everything of the turn.
    [[nodiscard]] const std::vector<core::SharedFrame>& shared_batch(WebForm form,
                                                                     const core::Framing& framing);
    [[nodiscard]] Wire& wire(WebForm form, const core::Framing& framing);
    [[nodiscard]] bool append(Wire& wire, const WebFrameView& frame);
    [[nodiscard]] bool is_slow(WebClient& client);
    void check_access();
    void arm();

    core::Hub& hub_;
    core::Lane& lane_;
    AccessBook& access_;
    WebClientOptions options_;
    std::unordered_map<UniverseId, std::unique_ptr<Room>> rooms_;
    std::vector<std::unique_ptr<Wire>> wires_;
    std::vector<WebFrameView> batch_frames_;
    std::uint64_t batch_ = 0;
    std::uint64_t message_ = 0;
    std::uint64_t generation_ = 0;
    bool is_armed_ = false;
    std::shared_ptr<WebRelay*> self_;  // null inside once it is gone
};

}  // namespace pulse::roblox
