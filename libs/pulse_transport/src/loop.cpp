// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http/response_writer.hpp"
#include "loop_impl.hpp"
#include "tcp_connection.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace pulse::transport {

namespace {

constexpr std::size_t kEventsPerTake = 1024;
/// How often one turn asks for events before it writes: more would let input starve output.
constexpr int kTakesPerTurn = 4;

// Micro-batching; see wait_for_more().
constexpr std::chrono::microseconds kLongFlush{200};
constexpr std::size_t kBatched = 4;
/// A send of as much costs what copying it costs: more in one saves nothing.
constexpr std::size_t kLongSendBytes = std::size_t{32} * 1024;
/// Longer than what another node's publisher takes to answer a batch: by a script of a broker that
/// keeps history, more than a millisecond.
constexpr std::chrono::nanoseconds kLongestWait{2'000'000};
/// So many in a row end it for so many turns: about a hundredth of the time is wasted where nothing
/// ever comes, and what comes with a rhythm of its own is still found.
constexpr std::uint32_t kWaitsInVain = 8;
constexpr std::uint32_t kPauseTurns = 96;

int checked(int fd, const char* what) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
    return fd;
}

}  // namespace

Loop::Loop(asio::io_context& io, core::Hub& hub, const LoopOptions& options)
    : impl_(std::make_unique<Impl>(*this, io, hub, options)) {}
Loop::~Loop() = default;

asio::io_context& Loop::io() noexcept { return impl_->io; }
core::Lane& Loop::lane() noexcept { return impl_->lane; }
const LoopStats& Loop::stats() const noexcept { return impl_->stats; }
void Loop::wake() noexcept { impl_->wake(); }
void Loop::wake_at_due() noexcept { impl_->wake_at_due(); }

Loop::Impl::Impl(Loop& owner, asio::io_context& context, core::Hub& engine,
                 const LoopOptions& wanted)
    : io(context),
      hub(engine),
      options(wanted),
      lane(engine.add_lane(owner)),
      epoll_fd(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      buffer(options.read_buffer_bytes),
      descriptor_(context),
      timer_(context),
      due_timer_(context),
      event_fd_(checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      events_(kEventsPerTake) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    checked(::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd_, &event), "epoll_ctl");
    descriptor_.assign(::dup(epoll_fd));
    lane.begin_turn();
    now = tick_of(lane.now());
    lane.flush();
    arm();
}

Loop::Impl::~Impl() {
    abort_connections([](const TcpConnection&) { return true; });
    lane.detach_host();
    *is_alive_ = false;
    asio::error_code ignored;
    descriptor_.close(ignored);
    ::close(event_fd_);
    ::close(epoll_fd);
}

void Loop::Impl::wake() noexcept {
    if (is_woken_.exchange(true, std::memory_order_acq_rel)) return;
    const std::uint64_t one = 1;
    // Can only fail when the counter is full, and then the loop is awake.
    [[maybe_unused]] const ssize_t written = ::write(event_fd_, &one, sizeof one);
}

void Loop::Impl::arm() {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [this, alive = is_alive_](const asio::error_code& error) {
                               if (error || !*alive) return;
                               turn();
                               if (*alive) arm();
                           });
}

void Loop::Impl::turn() {
    lane.begin_turn();
    const core::MonotonicTime begin = lane.now();
    const std::uint64_t messages_before = stats.messages_in.get();
    now = tick_of(begin);
    stats.turns.add(1);
    take_events();
    if (options.has_micro_batching) wait_for_more();
    const core::MonotonicTime end = end_turn();
    const std::uint64_t messages = stats.messages_in.get() - messages_before;
    if (messages != 0) {
        stats.message_time.observe(static_cast<std::uint64_t>((end - begin).count()), messages);
    }
}

void Loop::Impl::take_events() {
    for (int take = 0; take < kTakesPerTurn; ++take) {
        const int n = ::epoll_wait(epoll_fd, events_.data(), static_cast<int>(events_.size()), 0);
        handle_events(n);
        if (n < static_cast<int>(events_.size())) return;
    }
}

void Loop::Impl::handle_events(int count) {
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events_[static_cast<std::size_t>(i)];
        if (event.data.ptr == nullptr) {
            std::uint64_t wakes = 0;
            [[maybe_unused]] const ssize_t got = ::read(event_fd_, &wakes, sizeof wakes);
            // Not a plain store, which may still be on its way when the inbox is looked at: either
            // this sees the work of a waker who found it set, or that waker finds it cleared.
            (void)is_woken_.exchange(false, std::memory_order_acq_rel);
            continue;
        }
        auto& connection = *static_cast<TcpConnection*>(event.data.ptr);
        guarded(connection, [&] { connection.on_event(event.events); });
        if (lane.needs_flush()) {
            lane.flush();
            lane.begin_turn();
        }
    }
}

/// When writing takes long and carries several messages per channel, the loop is saturated: a
/// little patience then makes larger batches, and a send of several messages costs little more than
/// one. The wait is an eighth of what the last write-out took, so it cannot dominate. Some waits in
/// vain and it is not tried again for a while; not after one, as publishers that are further away
/// (on another node, behind a broker) need a few rounds to fall in with it.
void Loop::Impl::wait_for_more() {
    const bool is_saturated = last_flush_ > kLongFlush && last_flushed_.channels != 0 &&
                              last_flushed_.messages >= kBatched * last_flushed_.channels &&
                              last_flushed_.bytes < kLongSendBytes * last_flushed_.channels;
    if (!is_saturated || !lane.has_work()) return;
    if (micro_wait_pause_ != 0) {
        --micro_wait_pause_;
        return;
    }
    stats.micro_waits.add(1);
    const auto end = hub.clock().now() + std::min(last_flush_ / 8, kLongestWait);
    bool is_useful = false;
    lane.expect_more();
    while (!lane.needs_flush()) {
        const std::chrono::nanoseconds left = end - hub.clock().now();
        if (left.count() <= 0) break;
        const timespec timeout{0, static_cast<long>(left.count())};
        const int n = ::epoll_pwait2(epoll_fd, events_.data(), static_cast<int>(events_.size()),
                                     &timeout, nullptr);
        if (n <= 0) break;  // nothing came, or a kernel before 5.11
        is_useful = true;
        handle_events(n);
    }
    is_useful |= lane.has_more_come();
    waits_in_vain_ = is_useful ? 0 : waits_in_vain_ + 1;
    if (waits_in_vain_ < kWaitsInVain) return;
    waits_in_vain_ = 0;
    micro_wait_pause_ = kPauseTurns;
}

core::MonotonicTime Loop::Impl::end_turn() {
    const core::MonotonicTime begin = hub.clock().now();
    last_flushed_ = lane.flush();
    const core::MonotonicTime end = hub.clock().now();
    last_flush_ = end - begin;
    // Tearing connections down may publish (presence), which makes work for this same turn.
    for (int round = 0; round < 3 && !doomed_.empty(); ++round) {
        lane.begin_turn();
        bury();
        lane.flush();
    }
    return end;
}

void Loop::Impl::bury() {
    // teardown() may doom others.
    while (!doomed_.empty()) {
        TcpConnection* connection = doomed_.back();
        doomed_.pop_back();
        connection->teardown();
        delete connection;
    }
}

void Loop::Impl::add(TcpConnection& connection) {
    connection.index_ = static_cast<std::uint32_t>(connections.size());
    connections.push_back(&connection);
    stats.sockets.add(1);
}

void Loop::Impl::remove(TcpConnection& connection) noexcept {
    wheel_.cancel(connection);
    connections[connection.index_] = connections.back();
    connections[connection.index_]->index_ = connection.index_;
    connections.pop_back();
    stats.sockets.subtract(1);
}

void Loop::Impl::doom(TcpConnection& connection) {
    doomed_.push_back(&connection);
    // Outside a turn nobody else would bury it.
    wake();
}

void Loop::Impl::schedule(TimerNode& node, Tick due) {
    wheel_.schedule(node, due);
    if (!is_timer_armed_) arm_timer();
}

void Loop::Impl::arm_timer() {
    is_timer_armed_ = true;
    timer_.expires_after(kTickLength);
    timer_.async_wait([this, alive = is_alive_](const asio::error_code& error) {
        if (error || !*alive) return;
        is_timer_armed_ = false;
        on_timer();
        if (*alive && !wheel_.is_empty() && !is_timer_armed_) arm_timer();
    });
}

void Loop::Impl::wake_at_due() noexcept {
    try {
        arm_due_timer();
    } catch (const std::system_error&) {
        // No memory for a timer; the next flush runs what is due.
        wake();
    }
}

/// The hub's clock need not be asio's: long waits are cut, and the clock is asked again.
void Loop::Impl::arm_due_timer() {
    const auto due = lane.next_due();
    if (!due) return;
    const auto left = std::clamp<std::chrono::nanoseconds>(
        *due - hub.clock().now(), std::chrono::nanoseconds{0}, kTickLength);
    due_timer_.expires_after(left);  // ends an earlier wait
    due_timer_.async_wait([this, alive = is_alive_](const asio::error_code& error) {
        if (error || !*alive) return;
        if (lane.next_due().value_or(core::MonotonicTime::max()) <= hub.clock().now()) {
            lane.begin_turn();
            now = tick_of(lane.now());
            end_turn();
        }
        if (*alive) arm_due_timer();
    });
}

void Loop::Impl::on_timer() {
    lane.begin_turn();
    now = tick_of(lane.now());
    wheel_.advance(now, [](TimerNode& node) {
        auto& connection = static_cast<TcpConnection&>(node);
        guarded(connection, [&] { connection.on_timer(); });
    });
    end_turn();
}

void Loop::Impl::abort_connections(const std::function<bool(const TcpConnection&)>& which) {
    lane.begin_turn();
    const std::vector<TcpConnection*> all = connections;
    for (TcpConnection* connection : all) {
        if (which(*connection)) connection->abort();
    }
    end_turn();
}

std::string_view Loop::Impl::http_date() {
    const std::uint64_t second = hub.clock().unix_ms() / 1000;
    if (second != date_second_ || date_.empty()) {
        date_second_ = second;
        date_ = http::http_date(std::chrono::sys_seconds{std::chrono::seconds{second}});
    }
    return date_;
}

}  // namespace pulse::transport
