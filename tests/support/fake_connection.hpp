// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A connection that is all in memory: what a conversation does to it can be looked at.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

#include <pulse/core/connection.hpp>
#include <pulse/core/encoding.hpp>

namespace pulse::test {

struct SentMessage {
    core::MessageKind kind;
    std::string bytes;
};

/// A connection to nowhere that keeps what it is told. **Loop-bound**, as every connection.
class FakeConnection final : public core::Connection {
  public:
    explicit FakeConnection(core::Lane& lane) : Connection(lane, framing()) {
        peer_.bytes = {192, 0, 2, 7};
        peer_.port = 4711;
    }

    [[nodiscard]] const core::PeerAddress& peer() const noexcept override { return peer_; }
    using core::Connection::close;
    void close(std::uint16_t code, std::string_view text) override {
        if (close_code) return;
        close_code = code;
        close_text = text;
        finish_output();
    }
    void request_tick(std::chrono::milliseconds after) override { tick = after; }
    void pause_reading(bool is_on) override {
        is_paused = is_on;
        ++pauses;
    }
    /// What a transport does before it lets go of the conversation.
    void expire() noexcept { expire_handles(); }

    /// The messages of the turns since the last call.
    [[nodiscard]] std::vector<SentMessage> take() {
        std::vector<SentMessage> messages;
        std::string_view rest = written_;
        while (!rest.empty()) {
            if (rest.size() < kHeaderBytes) throw std::logic_error("half a message was written");
            std::size_t size = 0;
            for (std::size_t i = 1; i < kHeaderBytes; ++i) {
                size = size << 8 | static_cast<unsigned char>(rest[i]);
            }
            messages.push_back(
                {rest[0] == 't' ? core::MessageKind::text : core::MessageKind::binary,
                 std::string(rest.substr(kHeaderBytes, size))});
            rest.remove_prefix(kHeaderBytes + size);
        }
        written_.clear();
        return messages;
    }

    std::optional<std::uint16_t> close_code;
    std::string close_text;
    std::optional<std::chrono::milliseconds> tick;
    bool is_paused = false;
    int pauses = 0;

  private:
    static constexpr std::size_t kHeaderBytes = 5;

    /// The kind and four bytes of length in front of each message.
    class Framing final : public core::Framing {
      public:
        std::size_t write_header(std::byte* out, std::size_t bytes,
                                 core::MessageKind kind) const noexcept override {
            out[0] = static_cast<std::byte>(kind == core::MessageKind::text ? 't' : 'b');
            for (std::size_t i = 1; i < kHeaderBytes; ++i) {
                out[i] = static_cast<std::byte>(bytes >> (8 * (kHeaderBytes - 1 - i)));
            }
            return kHeaderBytes;
        }
    };
    static const Framing& framing() {
        static const Framing framing;
        return framing;
    }

    void write_out() noexcept override {
        iovec pieces[8];
        while (const std::size_t n = gather(pieces)) {
            std::size_t total = 0;
            for (std::size_t i = 0; i < n; ++i) {
                written_.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
                total += pieces[i].iov_len;
            }
            consume(total);
        }
    }
    void on_overflow() noexcept override {}

    core::PeerAddress peer_;
    std::string written_;
};

}  // namespace pulse::test
