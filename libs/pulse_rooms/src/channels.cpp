// SPDX-License-Identifier: MIT OR Apache-2.0
#include "channels.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/protocol/channel_name.hpp>
#include <pulse/protocol/error.hpp>

namespace pulse::rooms {

namespace {

constexpr std::string_view kAwayFromHome = "pages of this site need a token";

/// `name` is a channel's: short, and nothing but printable ASCII.
std::string about(std::string_view name, std::string_view what) {
    return std::string("Channel ").append(name).append(": ").append(what);
}

std::string_view text_of(const std::error_code& error) noexcept {
    if (error == core::Error::too_many_subscriptions) return "there are too many subscriptions";
    if (error == core::Error::channel_not_found) return "no such channel";
    if (error == core::Error::too_many_channels) return "the server has too many channels";
    return "the server cannot do that now";
}

bool allows(const core::Rights* rights, std::string_view channel) noexcept {
    return rights == nullptr || rights->allows(core::Action::subscribe, channel);
}

}  // namespace

Channels::Channels(Engine& engine, core::Connection& connection, Member& member)
    : engine_(engine),
      connection_(connection),
      member_(member),
      session_(engine.hub, connection, engine.channel_encoder,
               core::SessionId::generate(engine.rng)) {}

std::string Channels::subscribe(const ChannelRequest& request, const PageOrigin& page,
                                Answered answered) {
    if (!request.is_sound || !request.name) {
        return R"(A subscription to a channel is ["channel",<name>] or ["channel",<name>,<token>])";
    }
    const auto problem = protocol::check_channel_name(*request.name);
    if (problem != protocol::ChannelNameError::none) {
        return std::string(protocol::text::invalid_channel(problem));
    }
    if (request.token.empty()) return subscribe_anonymous(*request.name, page.is_at_home);
    const std::size_t longest = engine_.limits().max_token_bytes;
    if (longest != 0 && request.token.size() > longest) {
        return about(*request.name, "the token is too long");
    }
    // As with the native dialect: where nobody checks tokens, everybody is anonymous.
    if (engine_.authenticator == nullptr) {
        return subscribe_anonymous(*request.name, page.is_at_home);
    }
    if (question_ == Question::given_up) {
        return about(*request.name, "an earlier token is still being checked");
    }
    return ask(request, page, std::move(answered));
}

std::string Channels::subscribe_anonymous(const std::string& name, bool is_at_home) {
    if (!is_at_home) return about(name, kAwayFromHome);
    if (engine_.authenticator == nullptr) return open(name, nullptr);
    if (engine_.authenticator->is_required()) return about(name, "a token is needed");
    return open(name, engine_.authenticator->anonymous().rights);
}

std::string Channels::ask(const ChannelRequest& request, const PageOrigin& page,
                          Answered answered) {
    const std::string peer = connection_.peer().to_string();
    const core::Credentials credentials{request.token, page.text, peer};
    // The answer may come at once, or later from any thread.
    struct Inline {
        std::optional<core::Result<core::Identity>> result;
        bool is_over = false;
        std::mutex mutex;
    };
    auto here = std::make_shared<Inline>();
    engine_.authenticator->authenticate(credentials, [here, handle = connection_.handle(),
                                                      this](core::Result<core::Identity> result) {
        {
            const std::lock_guard lock(here->mutex);
            if (!here->is_over) {
                here->result = std::move(result);
                return;
            }
        }
        // `this` lives as long as the connection does; post() runs nothing after that.
        handle.post([this, result = std::move(result)](core::Connection&) mutable {
            on_answer(std::move(result));
        });
    });
    std::optional<core::Result<core::Identity>> result;
    {
        const std::lock_guard lock(here->mutex);
        here->is_over = true;
        result = std::move(here->result);
    }
    if (result) return finish(*request.name, page.is_at_home, std::move(*result));
    question_ = Question::asked;
    asked_for_ = *request.name;
    is_asked_at_home_ = page.is_at_home;
    answered_ = std::move(answered);
    answer_due_ = connection_.lane().now() + engine_.options().token_timeout;
    return {};
}

void Channels::on_answer(core::Result<core::Identity> result) {
    const Question question = std::exchange(question_, Question::none);
    if (is_over_ || question != Question::asked) return;
    const Answered answered = std::exchange(answered_, nullptr);
    const std::string name = std::exchange(asked_for_, {});
    answered(finish(name, is_asked_at_home_, std::move(result)));
}

std::string Channels::finish(const std::string& name, bool is_at_home,
                             core::Result<core::Identity> result) {
    if (!result) {
        const bool is_wrong = result.error() == core::Error::unauthorized;
        return about(name, is_wrong ? "the token was refused" : "the token could not be checked");
    }
    // Whoever takes anything for a token has not learned who this is.
    if (!is_at_home && result->user.empty()) return about(name, kAwayFromHome);
    return open(name, std::move(result->rights));
}

std::string Channels::open(const std::string& name, std::shared_ptr<const core::Rights> rights) {
    if (!allows(rights.get(), name)) return about(name, "not allowed");
    const auto known = std::find_if(opened_.begin(), opened_.end(),
                                    [&](const Opened& each) { return each.name == name; });
    if (known != opened_.end()) {
        known->rights = std::move(rights);
        expect_review(known->rights.get());
        return {};
    }
    const std::size_t most = engine_.limits().max_subscriptions;
    if (most != 0 && member_.subscriptions.size() + opened_.size() >= most) {
        return about(name, text_of(make_error_code(core::Error::too_many_subscriptions)));
    }
    // Before the hub knows of it: afterwards nothing may fail.
    opened_.push_back({name, std::move(rights)});
    if (const std::error_code error = session_.subscribe(name)) {
        opened_.pop_back();
        return about(name, text_of(error));
    }
    note_count();
    expect_review(opened_.back().rights.get());
    return {};
}

std::string Channels::unsubscribe(const ChannelRequest& request) {
    if (!request.is_sound || !request.token.empty()) {
        return R"(What ends a subscription to a channel is ["channel",<name>], or ["channel"])";
    }
    if (!request.name) {
        session_.unsubscribe_all();
        opened_.clear();
    } else if (!session_.unsubscribe(*request.name)) {
        std::erase_if(opened_, [&](const Opened& each) { return each.name == *request.name; });
    }
    note_count();
    return {};
}

void Channels::end() {
    is_over_ = true;
    session_.unsubscribe_all();
    opened_.clear();
    note_count();
    if (is_asking()) question_ = Question::given_up;
    answered_ = nullptr;
    review_due_ = {};
}

core::MonotonicTime Channels::due() const noexcept {
    core::MonotonicTime due = core::MonotonicTime::max();
    if (is_asking()) due = std::min(due, answer_due_);
    if (review_due_ != core::MonotonicTime{}) due = std::min(due, review_due_);
    return due;
}

std::vector<std::string> Channels::on_tick(core::MonotonicTime now) {
    std::vector<std::string> problems;
    if (is_asking() && now >= answer_due_) {
        question_ = Question::given_up;
        answered_ = nullptr;
        const std::string name = std::exchange(asked_for_, {});
        problems.push_back(about(name, "the token could not be checked in time"));
    }
    if (review_due_ == core::MonotonicTime{} || now < review_due_) return problems;
    review_due_ = {};
    std::erase_if(opened_, [&](const Opened& each) {
        const core::Rights* const rights = each.rights.get();
        if (rights == nullptr || rights->review_interval().count() <= 0) return false;
        if (rights->holds() && allows(rights, each.name)) {
            expect_review(rights);
            return false;
        }
        // First what was published before.
        (void)session_.unsubscribe(each.name);
        problems.push_back(about(each.name, "the subscription ended"));
        return true;
    });
    note_count();
    return problems;
}

void Channels::expect_review(const core::Rights* rights) {
    const auto interval =
        rights != nullptr ? rights->review_interval() : std::chrono::milliseconds{0};
    if (interval.count() <= 0) return;
    const core::MonotonicTime due = connection_.lane().now() + interval;
    if (review_due_ == core::MonotonicTime{} || due < review_due_) review_due_ = due;
}

}  // namespace pulse::rooms
