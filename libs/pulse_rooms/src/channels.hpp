// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What one client of a room hears of the hub's channels: under whose rights, and for how long.
#pragma once

#include "channel_message.hpp"
#include "engine.hpp"
#include "member.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/session.hpp>

namespace pulse::rooms {

/// Where a client's page is from. Borrows.
struct PageOrigin {
    std::string_view text;   ///< the Origin header; empty: there was none
    bool is_at_home = true;  ///< see is_page_at_home()
};

/// Each subscription has the rights it was opened with: those of its token, or of anonymous
/// clients. Problems are told as texts for an `error` message; an empty one is none. **Loop-bound**
/// to the connection, which, with `member`, outlives it.
class Channels {
  public:
    Channels(Engine& engine, core::Connection& connection, Member& member);

    /// Told, on the connection's loop and not before subscribe() has returned, what became of the
    /// question.
    using Answered = std::function<void(std::string problem)>;
    /// With is_asking() afterwards nothing is decided: `answered` is called later, unless it is
    /// on_tick() that tells. Not while is_asking(). Of a channel that the client has already the
    /// rights are replaced.
    [[nodiscard]] std::string subscribe(const ChannelRequest& request, const PageOrigin& page,
                                        Answered answered);
    /// Without a name: from all.
    [[nodiscard]] std::string unsubscribe(const ChannelRequest& request);
    /// For good; who is being asked answers nobody.
    void end();

    /// Whether what the client says next has to wait for the answer to a question.
    [[nodiscard]] bool is_asking() const noexcept { return question_ == Question::asked; }
    /// When on_tick() wants to be called; MonotonicTime::max(): not at all.
    [[nodiscard]] core::MonotonicTime due() const noexcept;
    /// What has come to an end: an answer that did not come, subscriptions whose rights are gone.
    [[nodiscard]] std::vector<std::string> on_tick(core::MonotonicTime now);

  private:
    struct Opened {
        std::string name;
        std::shared_ptr<const core::Rights> rights;  ///< null: everything is allowed
    };
    /// Of a question that was given up an answer may still come. Until then there is no other: a
    /// connection never has more than one under way.
    enum class Question : std::uint8_t { none, asked, given_up };

    [[nodiscard]] std::string subscribe_anonymous(const std::string& name, bool is_at_home);
    [[nodiscard]] std::string ask(const ChannelRequest& request, const PageOrigin& page,
                                  Answered answered);
    void on_answer(core::Result<core::Identity> result);
    [[nodiscard]] std::string finish(const std::string& name, bool is_at_home,
                                     core::Result<core::Identity> result);
    [[nodiscard]] std::string open(const std::string& name,
                                   std::shared_ptr<const core::Rights> rights);
    void note_count() noexcept { member_.channels = static_cast<std::uint32_t>(opened_.size()); }
    void expect_review(const core::Rights* rights);

    Engine& engine_;
    core::Connection& connection_;
    Member& member_;
    core::Session session_;
    std::vector<Opened> opened_;
    core::MonotonicTime review_due_{};  ///< none: nothing to review
    core::MonotonicTime answer_due_{};  ///< while is_asking()
    std::string asked_for_;             ///< the channel, while is_asking()
    Answered answered_;
    Question question_ = Question::none;
    bool is_asked_at_home_ = true;
    bool is_over_ = false;
};

}  // namespace pulse::rooms
