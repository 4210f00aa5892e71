// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What nodes tell one another beside the relay: publications and presence. What is understood
// stays what it is when it is written and read again.
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

/// The records of an envelope, written anew.
std::string written(std::string_view records, std::size_t count) {
    std::string again;
    for (std::size_t i = 0; i < count; ++i) {
        core::PublicationView publication{"c"};
        require(read_record(records, publication));
        append_record(publication, again);
    }
    require(records.empty());
    return again;
}

std::string written(const NodeMessage& message) {
    std::string again = node_message(message.kind, message.node);
    if (message.kind == NodeMessageKind::query || message.kind == NodeMessageKind::answer) {
        append_token(message.token, again);
    }
    if (message.kind == NodeMessageKind::answer) append_channel(message.channel, again);
    for (const MemberChange& change : message.changes) {
        append_change(change.action, change.state, again);
    }
    return again;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto envelope = read_envelope(bytes)) {
        const std::string once = written(envelope->records, envelope->count);
        require(written(once, envelope->count) == once);
    }
    if (const auto message = read_node_message(bytes)) {
        const std::string once = written(*message);
        const auto again = read_node_message(once);
        require(again.has_value() && written(*again) == once);
    }
    return 0;
}
