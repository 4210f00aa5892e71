// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text from a client, from Redis or from what was kept, taken as everything that Mesa reads.
//
// Whatever it is: what is accepted is JSON for another parser too, what is written from it is read
// back as the same, and what is kept is taken apart without being changed.
#include "envelope.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <pulse/core/json.hpp>
#include <pulse/mesa/message.hpp>
#include <pulse/protocol/utf8.hpp>

namespace {

using namespace pulse;
using namespace pulse::mesa;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_message(const Message& message) {
    for (const Form form : {Form::wire, Form::internal}) {
        const std::string text = to_json(message, form);
        // Of an envelope it may be deeper than a client may send it.
        const core::json::Parsed again = core::json::parse(text, core::json::kMaxWrappedDepth);
        require(static_cast<bool>(again));
        require(to_json(read_message(again.value, form), form) == text);
        require(parse_message(text, form).has_value() ==
                static_cast<bool>(core::json::parse(text)));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // The transport, or whoever reads it, has seen to that.
    if (!protocol::is_valid_utf8(text)) return 0;
    for (const Form form : {Form::wire, Form::internal}) {
        const auto message = parse_message(text, form);
        // The oracle refuses numbers beyond a double, and surrogates that stand alone.
        const bool is_json = nlohmann::json::accept(text);
        if (message) {
            require(is_json || text.find_first_of("eE") != std::string_view::npos || size > 300 ||
                    text.find("\\u") != std::string_view::npos);
            check_message(*message);
        }
    }
    if (const auto envelope = read_envelope(text)) {
        check_message(envelope->message);
        const std::string written =
            write_envelope(envelope->message, Form::internal, envelope->recipients,
                           envelope->excluding, envelope->origin, envelope->number);
        const auto again = read_envelope(written);
        require(again.has_value() && again->recipients.ids() == envelope->recipients.ids() &&
                again->excluding == envelope->excluding && again->number == envelope->number);
    }
    if (const auto event = read_portal_event(text)) {
        require(read_portal_event(write_portal_event(*event)).has_value());
    }
    if (const auto announcement = read_announcement(text)) {
        const auto again = read_announcement(write_announcement(*announcement));
        require(again.has_value() && again->id == announcement->id);
    }
    if (const auto kept = read_kept(text)) {
        for (const std::string& element : *kept) {
            require(text.find(element) != std::string_view::npos);
        }
    }
    if (const auto id = Id::from_json(text)) require(Id::from_json(id->to_json()) == *id);
    return 0;
}
