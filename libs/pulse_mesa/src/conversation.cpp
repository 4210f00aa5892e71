// SPDX-License-Identifier: MIT OR Apache-2.0
#include "conversation.hpp"

#include <pulse/mesa/error.hpp>
#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/utf8.hpp>

namespace pulse::mesa {

namespace {

constexpr std::uint16_t kTooBig = 1009;  // RFC 6455 §7.4.1

}  // namespace

void MesaConversation::on_message(core::ByteView message, core::MessageKind kind) {
    if (max_message_bytes_ != 0 && message.size() > max_message_bytes_) {
        return connection_.close(kTooBig, {});
    }
    const std::string_view text = protocol::as_text(message);
    // Binary frames are read like text, but nobody has looked at their bytes yet.
    if (kind == core::MessageKind::binary && !protocol::is_valid_utf8(text)) {
        return client_->refuse_message(make_error_code(Error::invalid_json));
    }
    client_->read(text);
}

}  // namespace pulse::mesa
