// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/commands.hpp"

#include <utility>

#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

namespace {

/// As they are on the wire, roughly.
std::size_t bytes_of(RedisWords words) noexcept {
    constexpr std::size_t kFrameBytes = 16;
    std::size_t bytes = kFrameBytes;
    for (const std::string_view word : words) bytes += word.size() + kFrameBytes;
    return bytes;
}

}  // namespace

void LinkReport::down(std::string_view why) {
    if (std::exchange(is_down_, true)) return;
    log_.write(core::LogLevel::warn, "mesa_redis_down", {{"reason", why}});
}

void LinkReport::up() {
    if (std::exchange(is_down_, false)) log_.write(core::LogLevel::info, "mesa_redis_up");
}

RedisCommands::RedisCommands(asio::io_context& io, redis::LinkOptions link,
                             const RedisOptions& options, core::Rng& rng, core::Log& log)
    : max_commands_(options.max_queued_commands),
      max_bytes_(options.max_queued_bytes),
      log_(log),
      report_(log),
      link_(std::make_unique<redis::Link>(
          io, std::move(link), rng,
          redis::LinkEvents{[this] { came_up(); },
                            [this](bool was_up, std::string_view why) { went_down(was_up, why); },
                            {}})) {}

void RedisCommands::start(Events events) {
    events_ = std::move(events);
    link_->start();
}

void RedisCommands::close() {
    const auto link = std::exchange(link_, nullptr);
    const auto events = std::exchange(events_, {});
    // Destroyed at the end: what they hold may call back.
    const auto waiting = std::exchange(waiting_, {});
    const auto broken = std::exchange(broken_, {});
}

void RedisCommands::restart(std::string_view why) {
    const auto held = shared_from_this();
    if (link_ != nullptr) link_->restart(why);
}

void RedisCommands::send(RedisWords words, RedisAnswer answer) {
    if (link_ == nullptr) return;
    if (link_->is_up()) return send_now(words, std::move(answer));
    const std::size_t bytes = bytes_of(words);
    if (waiting_.size() >= max_commands_ || waiting_bytes_ + bytes > max_bytes_) {
        if (answer) answer(tl::unexpected(make_error_code(Error::queue_full)));
        return;
    }
    waiting_bytes_ += bytes;
    waiting_.push_back({{words.begin(), words.end()}, bytes, std::move(answer)});
}

std::error_code RedisCommands::obstacle(RedisWords words) const {
    if (!is_up()) return make_error_code(Error::bus_unavailable);
    const bool is_full = link_->unanswered() >= max_commands_ ||
                         link_->unsent_bytes() + bytes_of(words) > max_bytes_;
    return is_full ? make_error_code(Error::queue_full) : std::error_code();
}

void RedisCommands::send_now(RedisWords words, RedisAnswer answer) {
    if (link_ == nullptr) return;
    const std::error_code why_not = obstacle(words);
    if (!why_not) return put(words, std::move(answer));
    if (answer) answer(tl::unexpected(why_not));
}

std::error_code RedisCommands::try_send(RedisWords words, RedisAnswer answer) {
    const std::error_code why_not = obstacle(words);
    if (!why_not) put(words, std::move(answer));
    return why_not;
}

void RedisCommands::put(RedisWords words, RedisAnswer answer) {
    // The link goes first: until then nothing calls this.
    link_->send(words, [this, answer = std::move(answer)](const redis::Reply* reply) mutable {
        if (reply == nullptr) {
            if (answer) broken_.push_back(std::move(answer));
            return;
        }
        if (reply->is_error()) {
            log_.write(core::LogLevel::warn, "mesa_redis_refused", {{"reason", reply->text()}});
            if (answer) answer(tl::unexpected(make_error_code(Error::bus_refused)));
            return;
        }
        if (answer) answer(*reply);
    });
}

void RedisCommands::came_up() {
    const auto held = shared_from_this();
    report_.up();
    if (events_.on_up) events_.on_up();
    // In the order in which they came, behind what on_up() had to say. They were within the bound.
    while (is_up() && !waiting_.empty()) {
        const Waiting first = std::move(waiting_.front());
        waiting_.pop_front();
        waiting_bytes_ -= first.bytes;
        const std::vector<std::string_view> words(first.words.begin(), first.words.end());
        put(words, first.answer);
    }
}

void RedisCommands::went_down(bool was_up, std::string_view why) {
    const auto held = shared_from_this();
    report_.down(why);
    // Whoever hears that it is down first knows what is on its way nowhere, in its order.
    const auto broken = std::exchange(broken_, {});
    if (was_up && events_.on_down) events_.on_down();
    for (const RedisAnswer& answer : broken) {
        answer(tl::unexpected(make_error_code(Error::bus_unavailable)));
    }
}

}  // namespace pulse::mesa
