// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sentinels.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/redis/reply.hpp>

namespace pulse::redis {

namespace {

using Time = std::chrono::steady_clock::time_point;
Time now() noexcept { return std::chrono::steady_clock::now(); }

constexpr std::chrono::milliseconds kAskEvery{500};
constexpr std::chrono::milliseconds kTick{100};
/// When one has answered the others get so long.
constexpr std::chrono::milliseconds kPatience{200};

template <typename Number>
bool read_number(std::string_view text, Number& out) noexcept {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, out);
    return !text.empty() && error == std::errc{} && at == end;
}

}  // namespace

class Sentinels::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(asio::io_context& io, const Location& location, std::chrono::milliseconds answer_timeout,
         core::Rng& rng, OnMoved on_moved)
        : master_(location.master),
          redis_(location.redis),
          answer_timeout_(answer_timeout),
          on_moved_(std::move(on_moved)),
          timer_(io) {
        for (const Address& each : location.hosts) {
            LinkOptions options;
            options.address = each;
            options.answer_timeout = answer_timeout;
            const std::size_t i = sentinels_.size();
            sentinels_.emplace_back();
            sentinels_.back().name = to_string(each);
            // The links go with this object, and call nothing after that.
            sentinels_.back().link = std::make_unique<Link>(
                io, options, rng,
                LinkEvents{[this, i] { ask(i); },
                           [this, i](bool, std::string_view why) { on_down(i, why); },
                           {}});
        }
    }

    void start() {
        for (Sentinel& each : sentinels_) each.link->start();
        tick();
    }
    void close() {
        is_closed_ = true;
        timer_.cancel();
        finders_.clear();
        sentinels_.clear();
    }

    void find(LinkOptions::Located done) {
        finders_.push_back({std::move(done), now() + answer_timeout_});
        first_answer_ = {};
        for (std::size_t i = 0; i < sentinels_.size(); ++i) {
            if (sentinels_[i].link->is_up()) ask(i);
        }
        settle();
    }

  private:
    /// What a sentinel says, or has said: `view` is gone with the connection.
    struct View {
        std::string host;
        std::uint16_t port = 0;
        std::uint64_t epoch = 0;
    };
    struct Sentinel {
        std::string name;
        std::unique_ptr<Link> link;
        bool is_known = false;
        bool is_asked = true;  ///< and has neither answered nor failed; from the beginning
        View view;
        std::string why;
    };
    struct Finder {
        LinkOptions::Located done;
        Time due;
    };

    void ask(std::size_t i) {
        sentinels_[i].is_asked = true;
        sentinels_[i].link->send({"SENTINEL", "MASTER", master_}, [this, i](const Reply* reply) {
            if (reply == nullptr) return;  // on_down() follows
            Sentinel& sentinel = sentinels_[i];
            sentinel.is_asked = false;
            sentinel.is_known = take(*reply, sentinel);
            if (sentinel.is_known && first_answer_ == Time{}) first_answer_ = now();
            settle();
        });
    }

    [[nodiscard]] static bool take(const Reply& reply, Sentinel& sentinel) {
        View view;
        bool is_whole = false;
        for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
            const std::string_view name = reply[i].text();
            const std::string_view value = reply[i + 1].text();
            if (name == "ip") view.host = value;
            if (name == "port") is_whole = read_number(value, view.port) && view.port != 0;
            if (name == "config-epoch" && !read_number(value, view.epoch)) return false;
        }
        sentinel.why = reply.is_error() ? std::string(reply.text()) : "not an answer of a sentinel";
        if (!is_whole || view.host.empty()) return false;
        sentinel.view = std::move(view);
        return true;
    }

    void on_down(std::size_t i, std::string_view why) {
        sentinels_[i].is_asked = sentinels_[i].is_known = false;
        sentinels_[i].why = why;
        settle();
    }

    [[nodiscard]] const View* latest() const {
        const View* latest = nullptr;
        for (const Sentinel& each : sentinels_) {
            if (!each.is_known) continue;
            if (latest == nullptr || each.view.epoch > latest->epoch) latest = &each.view;
        }
        return latest;
    }

    /// Answers those who asked, if it is time; and tells of a failover.
    void settle() {
        const View* const view = latest();
        const bool is_another =
            view != nullptr && (view->host != found_.host || view->port != found_.port);
        if (has_found_ && is_another && view->epoch > found_.epoch) {
            has_found_ = false;                    // told once
            const auto self = shared_from_this();  // whoever is told may let go of it
            on_moved_("the sentinels name another master");
            if (is_closed_) return;
        }
        if (finders_.empty()) return;
        const bool is_complete = std::none_of(sentinels_.begin(), sentinels_.end(),
                                              [](const auto& each) { return each.is_asked; });
        const bool is_late = first_answer_ != Time{} && now() >= first_answer_ + kPatience;
        const bool is_over = now() >= finders_.front().due;
        if (is_complete || (is_late && view != nullptr) || is_over) answer(view);
    }

    void answer(const View* view) {
        Address address = redis_;
        if (view != nullptr) {
            found_ = *view;
            has_found_ = true;
            address.host = view->host;
            address.port = view->port;
        }
        const std::string why = view != nullptr ? std::string() : obstacle();
        const std::weak_ptr<Impl> alive = weak_from_this();
        const auto finders = std::exchange(finders_, {});
        for (const Finder& each : finders) {
            each.done(view != nullptr ? &address : nullptr, why);
            if (alive.lock() == nullptr || is_closed_) return;
        }
    }

    [[nodiscard]] std::string obstacle() const {
        std::string text = "no sentinel knows " + master_;
        for (const Sentinel& each : sentinels_) {
            text.append("; ").append(each.name).append(": ");
            text += each.why.empty() ? "no answer" : each.why;
        }
        return text;
    }

    void tick() {
        timer_.expires_after(kTick);
        timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
            const auto self = weak.lock();
            if (error || self == nullptr || self->is_closed_) return;
            self->on_tick();
        });
    }
    void on_tick() {
        if (now() - last_round_ >= kAskEvery) {
            last_round_ = now();
            for (std::size_t i = 0; i < sentinels_.size(); ++i) {
                // One that owes an answer is watched by its link.
                if (sentinels_[i].link->is_up() && !sentinels_[i].is_asked) ask(i);
            }
        }
        settle();
        if (!is_closed_) tick();
    }

    const std::string master_;
    const Address redis_;
    const std::chrono::milliseconds answer_timeout_;
    const OnMoved on_moved_;
    asio::steady_timer timer_;
    std::vector<Sentinel> sentinels_;
    std::vector<Finder> finders_;
    View found_;  ///< what find() said last
    bool has_found_ = false;
    bool is_closed_ = false;
    Time first_answer_{};  ///< to the question that waits
    Time last_round_{};
};

Sentinels::Sentinels(asio::io_context& io, const Location& location,
                     std::chrono::milliseconds answer_timeout, core::Rng& rng, OnMoved on_moved)
    : impl_(std::make_shared<Impl>(io, location, answer_timeout, rng, std::move(on_moved))) {}
Sentinels::~Sentinels() { impl_->close(); }
void Sentinels::start() { impl_->start(); }
void Sentinels::find(LinkOptions::Located done) { impl_->find(std::move(done)); }

std::function<void(LinkOptions::Located)> Sentinels::finder() const {
    return [weak = std::weak_ptr<Impl>(impl_)](LinkOptions::Located done) {
        if (const auto impl = weak.lock()) impl->find(std::move(done));
    };
}

}  // namespace pulse::redis
