// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text from a web client, taken as a command; and text from the hub, taken as a message for web
// clients, and as the content of one.
//
// What is accepted as a command is what another parser sees in it. A message that was put in a
// frame comes out of it cut where the original's clients expect, whatever it looks like.
#include "json/reader.hpp"
#include "web_command.hpp"
#include "web_frame.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace {

using namespace pulse::roblox;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_command(std::string_view text) {
    const auto command = parse_web_command(text);
    if (!command) return;
    require(may_be_web_command(text) || text.find('\\') != std::string_view::npos);
    const std::string& id = *command ? (*command)->id : command->error().id;
    require(id.size() <= kMaxCommandIdBytes && (id.empty() || json::normalise(id) == id));
    if (!*command) return require(!command->error().text.empty());
    for (const std::string& topic : (*command)->topics) require(is_valid_pattern(topic));
    require((*command)->topics.size() <= kMaxTopicsPerCommand);
    if ((*command)->op == WebOp::publish) {
        const std::string& sent = (*command)->send.text;
        require(json::normalise(sent) == sent);
    }
}

void check_content(std::string_view text) {
    std::string message = json::normalise(text);
    const std::string topic(text.substr(0, 20));
    json::Reader reader(topic);  // fails at once for what is not UTF-8
    if (!reader.ok()) return;
    const std::string frame = encode_web_frame({.universe = {7},
                                                .topic = topic,
                                                .message = message,
                                                .sender = text.size() % 2 == 0 ? "job-1" : "",
                                                .epoch = "abc123",
                                                .seq = text.size()});
    const auto view = read_web_frame(frame);
    require(view.has_value() && view->seq == text.size() && view->epoch == "abc123");
    const std::string original = std::string(view->original) + '}';
    require(json::normalise(original) == original);
    const auto envelope = decode_envelope(original);
    require(envelope && envelope->topic == topic && !envelope->server_id);
    require(envelope->message.value_or("") == message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    check_command(text);
    check_content(text);
    if (const auto view = read_web_frame(text)) {
        require(view->original.size() <= text.size() && view->place.size() <= text.size());
        require(text.starts_with(view->original));
    }
    return 0;
}
