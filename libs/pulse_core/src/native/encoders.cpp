// SPDX-License-Identifier: MIT OR Apache-2.0
#include "encoders.hpp"

#include "native/position.hpp"

#include <cstring>
#include <string>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/json.hpp>

namespace pulse::core::native {

namespace {

void append(std::vector<std::byte>& out, std::string_view text) {
    const protocol::ByteView bytes = protocol::as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_big_endian(std::vector<std::byte>& out, std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::byte>(value >> shift));
    }
}

// MessagePack, minimal widths: the few forms a record needs.

void append_uint(std::vector<std::byte>& out, std::uint64_t value) {
    if (value < 0x80) {
        out.push_back(static_cast<std::byte>(value));
    } else if (value <= 0xff) {
        out.push_back(std::byte{0xcc});
        append_big_endian(out, value, 1);
    } else if (value <= 0xffff) {
        out.push_back(std::byte{0xcd});
        append_big_endian(out, value, 2);
    } else if (value <= 0xffff'ffff) {
        out.push_back(std::byte{0xce});
        append_big_endian(out, value, 4);
    } else {
        out.push_back(std::byte{0xcf});
        append_big_endian(out, value, 8);
    }
}

/// Up to 255 bytes.
void append_string(std::vector<std::byte>& out, std::string_view text) {
    if (text.size() <= 31) {
        out.push_back(static_cast<std::byte>(0xa0 | text.size()));
    } else {
        out.push_back(std::byte{0xd9});
        out.push_back(static_cast<std::byte>(text.size()));
    }
    append(out, text);
}

void append_array_header(std::vector<std::byte>& out, std::size_t size) {
    if (size <= 15) {
        out.push_back(static_cast<std::byte>(0x90 | size));
    } else if (size <= 0xffff) {
        out.push_back(std::byte{0xdc});
        append_big_endian(out, size, 2);
    } else {
        out.push_back(std::byte{0xdd});
        append_big_endian(out, size, 4);
    }
}

protocol::FrameView presence_frame(const PresenceEvent& event, std::vector<std::byte>& data) {
    append_presence_state(event.state, data);
    return protocol::FrameView::presence(0, event.channel, event.action, protocol::ByteView{data});
}

/// What a gap is told with; its frame() is of the parts in it.
class GapFrame {
  public:
    GapFrame(const GapEvent& event, Positions positions) {
        if (positions == Positions::hidden) {
            // In words that every client knows: an error that is tied to no request.
            text_ = "Publications may be missing: ";
            text_ += event.channel;
            frame_ = protocol::FrameView::error(0, protocol::ErrorCode::server_error, text_);
            return;
        }
        // The subscription is broken and stands anew: said as the server's own subscribe.
        frame_ = protocol::FrameView::subscribe(0, event.channel);
        if (event.position.epoch != 0) {
            append_position(event.position, position_);
            frame_.data = position_;
        }
    }
    GapFrame(const GapFrame&) = delete;
    GapFrame& operator=(const GapFrame&) = delete;
    [[nodiscard]] const protocol::FrameView& frame() const noexcept { return frame_; }

  private:
    std::string text_;
    std::vector<std::byte> position_;
    protocol::FrameView frame_{};
};

bool write_binary(const protocol::FrameView& frame, MessageWriter& out) {
    const std::size_t size = protocol::encoded_size(frame);
    // A record is larger than the data in it, which alone may fill a frame.
    if (size > protocol::kLengthPrefixBytes + protocol::kMaxFrameBytes) return false;
    std::byte* at = out.begin(size, MessageKind::binary);
    if (at == nullptr) return false;
    protocol::encode_to(frame, at);
    return true;
}

bool write_json(const protocol::FrameView& frame, MessageWriter& out) {
    std::string text;
    protocol::encode_json(frame, text);
    std::byte* at = out.begin(text.size(), MessageKind::text);
    if (at == nullptr) return false;
    std::memcpy(at, text.data(), text.size());
    return true;
}

}  // namespace

void append_presence_state(const PresenceState& state, std::vector<std::byte>& out) {
    constexpr std::byte kNil{0xc0};
    out.push_back(std::byte{0x84});  // four entries, keys in byte order
    append_string(out, "connection_id");
    append_string(out, state.session.to_string());
    append_string(out, "data");
    if (state.data) {
        out.insert(out.end(), state.data->begin(), state.data->end());
    } else {
        out.push_back(kNil);
    }
    append_string(out, "joined_at");
    append_uint(out, state.joined_at_ms);
    append_string(out, "last_seen");
    append_uint(out, state.last_seen_ms);
}

void append_presence_members(std::span<const PresenceState> members, std::vector<std::byte>& out) {
    out.push_back(std::byte{0x81});
    append_string(out, "members");
    append_array_header(out, members.size());
    for (const PresenceState& member : members) append_presence_state(member, out);
}

bool BinaryEncoder::encode(const PublicationView& publication, MessageWriter& out) const {
    std::vector<std::byte> position;
    if (positions_ == Positions::shown && publication.position.epoch != 0) {
        append_position(publication.position, position);
    }
    const std::size_t size = protocol::publish_size(publication.channel, publication.event,
                                                    publication.payload, position);
    // A delivery may be larger than the frame it came in (that one may have used the array form).
    if (size > protocol::kLengthPrefixBytes + protocol::kMaxFrameBytes) return false;
    std::byte* at = out.begin(size, MessageKind::binary);
    if (at == nullptr) return false;
    protocol::encode_publish_to(publication.channel, publication.event, publication.payload, at,
                                position);
    return true;
}

bool BinaryEncoder::encode(const GapEvent& event, MessageWriter& out) const {
    return write_binary(GapFrame(event, positions_).frame(), out);
}

bool BinaryEncoder::encode(const PresenceEvent& event, MessageWriter& out) const {
    std::vector<std::byte> data;
    return write_binary(presence_frame(event, data), out);
}
bool JsonEncoder::encode(const PublicationView& publication, MessageWriter& out) const {
    protocol::FrameView frame =
        protocol::FrameView::publish(publication.channel, publication.payload);
    frame.event = publication.event;
    std::vector<std::byte> position;
    if (positions_ == Positions::shown && publication.position.epoch != 0) {
        append_position(publication.position, position);
        frame.data = position;
    }
    return write_json(frame, out);
}

bool JsonEncoder::encode(const GapEvent& event, MessageWriter& out) const {
    return write_json(GapFrame(event, positions_).frame(), out);
}

bool JsonEncoder::encode(const PresenceEvent& event, MessageWriter& out) const {
    std::vector<std::byte> data;
    return write_json(presence_frame(event, data), out);
}

}  // namespace pulse::core::native
