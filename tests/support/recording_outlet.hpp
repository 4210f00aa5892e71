// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A peer in a test tube, and encoders whose output a person can read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

#include <pulse/core/encoding.hpp>
#include <pulse/core/outlet.hpp>
#include <pulse/protocol/bytes.hpp>

namespace pulse::test {

/// Writes to a 'socket' that takes as many bytes as it is told to. **Loop-bound** to the lane, as
/// every outlet.
class RecordingOutlet final : public core::Outlet {
  public:
    static constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

    explicit RecordingOutlet(core::Lane& lane, const core::Framing& framing = core::no_framing())
        : Outlet(lane, framing) {}

    /// How many more bytes the socket takes. Unlimited at first.
    void set_room(std::size_t bytes) noexcept { room_ = bytes; }
    /// The most one write may take, whatever room there is; what EINTR and small buffers do.
    void set_write_size(std::size_t bytes) noexcept { write_size_ = bytes; }
    /// The socket became writable again: what the transport does then.
    void drain(std::size_t bytes = kUnlimited) {
        room_ = bytes;
        write_out();
    }
    /// What the transport does when the connection ends.
    void shut() noexcept { discard_output(); }

    [[nodiscard]] const std::string& written() const noexcept { return written_; }
    /// What was written since the last call.
    [[nodiscard]] std::string take() { return std::exchange(written_, {}); }
    /// How often the lane or drain() asked for writing.
    [[nodiscard]] std::uint64_t writes() const noexcept { return writes_; }
    [[nodiscard]] std::uint64_t overflows() const noexcept { return overflows_; }

  private:
    void write_out() noexcept override {
        ++writes_;
        iovec pieces[4];
        for (;;) {
            const std::size_t n = gather(pieces);
            if (n == 0) return;
            std::size_t offered = 0;
            std::size_t taken = 0;
            for (std::size_t i = 0; i < n; ++i) {
                offered += pieces[i].iov_len;
                const std::size_t part =
                    std::min({pieces[i].iov_len, room_ - std::min(room_, taken),
                              write_size_ - std::min(write_size_, taken)});
                written_.append(static_cast<const char*>(pieces[i].iov_base), part);
                taken += part;
            }
            if (room_ != kUnlimited) room_ -= taken;
            consume(taken);
            if (taken < offered && room_ == 0) return keep_backlog();
        }
    }
    void on_overflow() noexcept override { ++overflows_; }

    std::size_t room_ = kUnlimited;
    std::size_t write_size_ = kUnlimited;
    std::string written_;
    std::uint64_t writes_ = 0;
    std::uint64_t overflows_ = 0;
};

/// "channel[event]=payload;", "channel+id(data);" for a join, '~' for an update, '-' for a leave,
/// with the id's first word alone. The prefix tells encoders apart.
class TextEncoder final : public core::Encoder {
  public:
    explicit TextEncoder(std::string prefix = {}) : prefix_(std::move(prefix)) {}

    bool encode(const core::PublicationView& publication, core::MessageWriter& out) const override {
        std::string text = prefix_;
        text += publication.channel;
        if (publication.event) text.append("[").append(*publication.event).append("]");
        text.append("=").append(protocol::as_text(publication.payload));
        if (publication.position.offset != 0) {
            text.append("@").append(std::to_string(publication.position.offset));
        }
        return put(text + ";", out);
    }
    bool encode(const core::PresenceEvent& event, core::MessageWriter& out) const override {
        std::string text = prefix_;
        text += event.channel;
        text += event.action == core::PresenceAction::join     ? '+'
                : event.action == core::PresenceAction::update ? '~'
                                                               : '-';
        text += std::to_string(event.state.session.words[0]);
        if (event.state.data)
            text.append("(").append(protocol::as_text(*event.state.data)).append(")");
        return put(text + ";", out);
    }

  private:
    static bool put(std::string_view text, core::MessageWriter& out) {
        std::byte* place = out.begin(text.size(), core::MessageKind::binary);
        if (place == nullptr) return false;
        std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), place);
        return true;
    }

    std::string prefix_;
};

/// "<length>" in front and "|" behind, so that a test sees where messages begin and end.
class TextFraming final : public core::Framing {
  public:
    TextFraming() noexcept : Framing("|") {}
    std::size_t write_header(std::byte* out, std::size_t bytes,
                             core::MessageKind kind) const noexcept override {
        const std::string text =
            (kind == core::MessageKind::text ? "t" : "b") + std::to_string(bytes) + ":";
        std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), out);
        return text.size();
    }
};

}  // namespace pulse::test
