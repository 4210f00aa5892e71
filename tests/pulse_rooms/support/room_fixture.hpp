// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rooms without sockets: two lanes that the test turns by hand, a store that answers when it is
// told to, and clients whose messages a person can read.
#pragma once

#include "support/lane_hosts.hpp"
#include "support/manual_clock.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <pulse/core/error.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/protocol/bytes.hpp>
#include <pulse/rooms/rooms.hpp>

namespace pulse::test {

/// The memory engine, behind a gate: commits and reads may be held back, or refused.
class GatedStore final : public core::DocumentStore {
  public:
    explicit GatedStore(const core::Clock& clock)
        : inner_(core::make_memory_document_store(clock)) {}

    bool is_held = false;            ///< commits wait for let_go()
    std::error_code commit_error{};  ///< instead of doing them
    std::error_code read_error{};
    std::size_t commits = 0;
    std::size_t max_value_bytes = 0;    ///< a batch with a longer value finds the store full
    std::vector<std::string> full_for;  ///< and so does one with a key that holds one of these

    /// Does what waits, or refuses it with commit_error.
    void let_go() {
        std::deque<std::function<void()>> work;
        work.swap(held_);
        for (const auto& each : work) each();
    }
    [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }

    void commit(core::DocumentBatch batch, CommitDone done) override {
        ++commits;
        auto run = [this, batch = std::move(batch), done = std::move(done)] {
            if (commit_error) return done(tl::unexpected(commit_error));
            if (max_value_bytes != 0 && longest_value(batch) > max_value_bytes) {
                return done(tl::unexpected(make_error_code(core::Error::store_full)));
            }
            if (!full_for.empty() && is_of_full_part(batch)) {
                return done(tl::unexpected(make_error_code(core::Error::store_full)));
            }
            inner_->commit(batch, done);
        };
        if (is_held) {
            held_.push_back(std::move(run));
        } else {
            run();
        }
    }
    void get(std::string key, GetDone done) override {
        if (read_error) return done(tl::unexpected(read_error));
        inner_->get(std::move(key), std::move(done));
    }
    void scan(core::DocumentRange range, ScanDone done) override {
        if (read_error) return done(tl::unexpected(read_error));
        inner_->scan(std::move(range), std::move(done));
    }
    [[nodiscard]] core::StoreStatus status() const override { return inner_->status(); }
    [[nodiscard]] core::DocumentStoreStats stats() const override { return inner_->stats(); }
    [[nodiscard]] const core::DocumentLimits& limits() const noexcept override {
        return inner_->limits();
    }
    void close(std::function<void()> done) override { inner_->close(std::move(done)); }

  private:
    [[nodiscard]] static std::size_t longest_value(const core::DocumentBatch& batch) {
        std::size_t longest = 0;
        for (std::size_t i = 0; i < batch.size(); ++i) {
            longest = std::max(longest, batch[i].value.size());
        }
        return longest;
    }

    [[nodiscard]] bool is_of_full_part(const core::DocumentBatch& batch) const {
        for (std::size_t i = 0; i < batch.size(); ++i) {
            for (const std::string& part : full_for) {
                if (batch[i].key.find(part) != std::string_view::npos) return true;
            }
        }
        return false;
    }

    std::unique_ptr<core::DocumentStore> inner_;
    std::deque<std::function<void()>> held_;
};

/// One message after another, in lines: no JSON of ours has a line break outside of text.
class LineFraming final : public core::Framing {
  public:
    LineFraming() noexcept : Framing("\n") {}
    std::size_t write_header(std::byte*, std::size_t, core::MessageKind) const noexcept override {
        return 0;
    }
};
inline const core::Framing& line_framing() {
    static const LineFraming framing;
    return framing;
}

class RoomPeer final : public core::Connection {
  public:
    RoomPeer(core::Lane& lane, core::Dialect& dialect, const std::string& query,
             std::map<std::string, std::string> headers = {})
        : Connection(lane, line_framing()), headers_(std::move(headers)) {
        core::OpenRequest request;
        request.path = "/websocket";
        request.query = query;
        request.peer = peer_;
        request.header = [this](std::string_view name) -> std::string_view {
            const auto found = headers_.find(std::string(name));
            return found == headers_.end() ? std::string_view{} : std::string_view(found->second);
        };
        (void)dialect.admit(request);
        response_headers = request.response_headers;
        conversation = dialect.open(*this, request);
        conversation->on_open();
    }
    ~RoomPeer() override { drop(); }

    void say(std::string_view message) {
        if (conversation) {
            conversation->on_message(protocol::as_bytes(message), core::MessageKind::text);
        }
    }
    /// The connection ends.
    void drop() {
        if (!conversation) return;
        expire_handles();
        conversation->on_close({});
        conversation.reset();
        discard_output();
    }
    /// What has come since the last call, message by message.
    std::vector<std::string> take() {
        std::vector<std::string> all;
        std::size_t begin = 0;
        for (std::size_t end = text_.find('\n'); end != std::string::npos;
             end = text_.find('\n', begin)) {
            all.push_back(text_.substr(begin, end - begin));
            begin = end + 1;
        }
        text_.erase(0, begin);
        return all;
    }

    [[nodiscard]] const core::PeerAddress& peer() const noexcept override { return peer_; }
    void close(std::uint16_t code, std::string_view) override {
        close_code = code;
        finish_output();
    }
    void request_tick(std::chrono::milliseconds after) override { tick_after = after; }
    void pause_reading(bool is_paused_now) override { is_paused = is_paused_now; }

    std::unique_ptr<core::Conversation> conversation;
    std::vector<std::pair<std::string, std::string>> response_headers;
    std::optional<std::uint16_t> close_code;
    std::optional<std::chrono::milliseconds> tick_after;
    bool is_paused = false;

  private:
    void write_out() noexcept override {
        iovec pieces[8];
        for (std::size_t n = gather(pieces); n != 0; n = gather(pieces)) {
            std::size_t bytes = 0;
            for (std::size_t i = 0; i < n; ++i) {
                text_.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
                bytes += pieces[i].iov_len;
            }
            consume(bytes);
        }
    }
    void on_overflow() noexcept override {}

    std::map<std::string, std::string> headers_;
    core::PeerAddress peer_{{127, 0, 0, 1}, 4000, false};
    std::string text_;
};

struct RoomFixture {
    explicit RoomFixture(rooms::RoomsOptions options_ = {}) : options(std::move(options_)) {
        hub.add_lane(hosts[0]);
        hub.add_lane(hosts[1]);
        restart();
    }
    ~RoomFixture() {
        run();
        rooms.reset();
    }

    /// All rooms leave memory; the store stays. No peers may be open.
    void restart() {
        run();
        rooms.reset();
        rooms = std::make_unique<rooms::Rooms>(options, hub, store, authenticator);
    }
    /// Turns both lanes until nothing is left to do.
    void run() {
        for (bool is_busy = true; is_busy;) {
            is_busy = false;
            for (const auto& lane : hub.lanes()) {
                lane->begin_turn();
                lane->flush();
                is_busy = is_busy || lane->has_work();
            }
        }
    }
    std::unique_ptr<RoomPeer> connect(const std::string& query = "room=r", std::size_t lane = 0,
                                      std::map<std::string, std::string> headers = {}) {
        auto peer = std::make_unique<RoomPeer>(*hub.lanes()[lane], rooms->dialect(), query,
                                               std::move(headers));
        run();
        return peer;
    }
    /// Connected, and its greeting thrown away.
    std::unique_ptr<RoomPeer> join(const std::string& query = "room=r", std::size_t lane = 0) {
        auto peer = connect(query, lane);
        (void)peer->take();
        return peer;
    }
    /// What the peer gets when it says that.
    std::vector<std::string> ask(RoomPeer& peer, std::string_view message) {
        peer.say(message);
        run();
        return peer.take();
    }

    rooms::RoomsOptions options;
    ManualClock clock;
    core::SeededRng rng{7};
    core::NullLog log;
    FakeHost hosts[2];
    GatedStore store{clock};
    core::MemoryBudget budget{0};  ///< without limit until the test sets one
    core::Hub hub{{}, {clock, rng, log, &budget, nullptr, nullptr, nullptr}};
    core::Authenticator* authenticator = nullptr;  ///< in force from restart() on
    std::unique_ptr<rooms::Rooms> rooms;
};

using Lines = std::vector<std::string>;

}  // namespace pulse::test
