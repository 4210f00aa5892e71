// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What nodes tell one another beside the relay: publications and presence. What is understood is
// written again and comes out as it went in.
#include "envelope.hpp"
#include "presence_wire.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace pulse;
using namespace pulse::cluster;

void require(bool holds) {
    if (!holds) std::abort();
}

void read_publications(std::string_view bytes) {
    const auto envelope = read_envelope(bytes);
    if (!envelope) return;
    std::string_view rest = envelope->records;
    std::string again;
    for (std::size_t i = 0; i < envelope->count; ++i) {
        core::PublicationView publication{"c"};
        require(read_record(rest, publication));
        append_record(publication, again);
    }
    require(rest.empty());
    require(again == envelope->records);
}

void read_members(std::string_view bytes) {
    const auto message = read_node_message(bytes);
    if (!message) return;
    std::string again = node_message(message->kind, message->node);
    if (message->kind == NodeMessageKind::query || message->kind == NodeMessageKind::answer) {
        append_token(message->token, again);
    }
    if (message->kind == NodeMessageKind::answer) append_channel(message->channel, again);
    for (const MemberChange& change : message->changes) {
        append_change(change.action, change.state, again);
    }
    require(again == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    read_publications(bytes);
    read_members(bytes);
    return 0;
}
