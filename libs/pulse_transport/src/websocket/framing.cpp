// SPDX-License-Identifier: MIT OR Apache-2.0
#include "websocket/framing.hpp"

#include "websocket/frame_header.hpp"

#include <pulse/transport/framing.hpp>

namespace pulse::transport::websocket {

namespace {

static_assert(kMaxServerHeaderBytes <= core::Framing::kMaxHeaderBytes);

class WebSocketFraming final : public core::Framing {
  public:
    std::size_t write_header(std::byte* out, std::size_t bytes,
                             core::MessageKind kind) const noexcept override {
        return write_frame_header(
            out, kind == core::MessageKind::text ? Opcode::text : Opcode::binary, bytes);
    }
};

}  // namespace

const core::Framing& framing() noexcept {
    static const WebSocketFraming framing;
    return framing;
}

}  // namespace pulse::transport::websocket

namespace pulse::transport {

const core::Framing& websocket_framing() noexcept { return websocket::framing(); }

}  // namespace pulse::transport
