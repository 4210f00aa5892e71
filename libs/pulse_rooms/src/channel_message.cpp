// SPDX-License-Identifier: MIT OR Apache-2.0
#include "channel_message.hpp"

#include "admission.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include <pulse/core/json.hpp>
#include <pulse/protocol/base64.hpp>
#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/utf8.hpp>

namespace pulse::rooms {

namespace {

/// RFC 4648 §4.
void append_payload(std::string& out, core::ByteView payload) {
    const std::string_view text = protocol::as_text(payload);
    if (!protocol::is_valid_utf8(text)) {
        out += R"("payload_base64":")";
        protocol::append_base64(out, text);
        out += '"';
        return;
    }
    out += R"("payload":)";
    if (const json::Parsed parsed = json::parse(text)) {
        out += parsed.value.raw;
    } else {
        json::append_text(out, text);
    }
}

}  // namespace

std::optional<ChannelRequest> read_channel_request(json::Value data) {
    if (!data.is(json::Type::array)) return std::nullopt;
    json::Elements elements(data);
    const auto first = elements.next();
    if (!first || !first->is(json::Type::text) || !json::is_key(first->raw, "channel")) {
        return std::nullopt;
    }
    ChannelRequest request;
    if (const auto name = elements.next()) {
        if (!name->is(json::Type::text)) return request;
        request.name = name->text();
    }
    if (const auto token = elements.next()) {
        if (!token->is(json::Type::text)) return request;
        request.token = token->text();
    }
    request.is_sound = !elements.next();
    return request;
}

bool ChannelEncoder::encode(const core::PublicationView& publication,
                            core::MessageWriter& out) const {
    std::string text = R"({"type":"channel","data":{"id":)";
    json::append_text(text, publication.channel);
    if (publication.event) {
        text += R"(,"event":)";
        // Whoever published it may have been careless; a message that is no UTF-8 would end every
        // subscriber's connection.
        json::append_text(text, repair(std::string(*publication.event)));
    }
    text += ',';
    append_payload(text, publication.payload);
    text += "}}";
    std::byte* const at = out.begin(text.size(), core::MessageKind::text);
    if (at == nullptr) return false;
    std::memcpy(at, text.data(), text.size());
    return true;
}

}  // namespace pulse::rooms
