// SPDX-License-Identifier: MIT OR Apache-2.0
#include "web_relay.hpp"

#include "web_frame.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <pulse/core/ids.hpp>

namespace pulse::roblox {

namespace {

using namespace std::chrono_literals;

/// How soon a removed token, session or universe ends what was opened with it.
constexpr auto kAccessCheck = 1s;

/// The bytes of a message in a form, in pieces.
struct Pieces {
    std::string_view parts[5];
    std::size_t size = 0;

    explicit Pieces(WebForm form, const WebFrameView& frame) noexcept {
        if (form == WebForm::original) {
            parts[0] = frame.original;
            parts[1] = "}";
        } else if (form == WebForm::extended) {
            parts[0] = frame.text;
        } else {
            parts[0] = "id: ";
            parts[1] = frame.place;
            parts[2] = "\ndata: ";
            parts[3] = frame.text;
            parts[4] = "\n\n";
        }
        for (const std::string_view part : parts) size += part.size();
    }
    void write(std::byte* out) const noexcept {
        for (const std::string_view part : parts) {
            if (!part.empty()) std::memcpy(out, part.data(), part.size());
            out += part.size();
        }
    }
};

}  // namespace

WebRelay::WebRelay(core::Hub& hub, core::Lane& lane, AccessBook& access,
                   const WebClientOptions& options)
    : hub_(hub),
      lane_(lane),
      access_(access),
      options_(options),
      generation_(access.generation()),
      self_(std::make_shared<WebRelay*>(this)) {}

WebRelay::~WebRelay() { *self_ = nullptr; }

// ---------------------------------------------------------------- who wants what

bool WebRelay::join(WebClient& client) {
    std::unique_ptr<Room>& room = rooms_[client.universe_];
    if (room == nullptr) room = std::make_unique<Room>();
    if (room->listener == nullptr && client.may_read_) {
        auto listener = std::make_unique<core::Listener>(
            lane_, core::SessionId::generate(hub_.rng()),
            [this, room = room.get()](const core::PublicationView& publication) {
                on_publication(*room, publication);
            });
        if (listener->subscribe(web_channel(client.universe_))) {
            if (room->members.empty()) rooms_.erase(client.universe_);
            return false;
        }
        room->listener = std::move(listener);
    }
    client.index_ = static_cast<std::uint32_t>(room->members.size());
    room->members.push_back(&client);
    arm();
    return true;
}

void WebRelay::leave(WebClient& client) noexcept {
    const auto found = rooms_.find(client.universe_);
    if (found == rooms_.end()) return;
    Clients& members = found->second->members;
    members[client.index_] = members.back();
    members[client.index_]->index_ = client.index_;
    members.pop_back();
    if (members.empty()) rooms_.erase(found);
}

void WebRelay::list_all(WebClient& client) {
    Clients& all = rooms_.at(client.universe_)->all;
    client.all_index_ = static_cast<std::uint32_t>(all.size());
    all.push_back(&client);
}

void WebRelay::unlist_all(WebClient& client) noexcept {
    Clients& all = rooms_.at(client.universe_)->all;
    all[client.all_index_] = all.back();
    all[client.all_index_]->all_index_ = client.all_index_;
    all.pop_back();
}

void WebRelay::list(WebClient& client, const std::string& pattern) {
    if (pattern == "*") return;  // see list_all()
    Room& room = *rooms_.at(client.universe_);
    if (!pattern.ends_with('*')) {
        room.topics[pattern].push_back(&client);
        return;
    }
    const std::string prefix = pattern.substr(0, pattern.size() - 1);
    Clients& clients = room.prefixes[prefix];
    if (clients.empty()) ++room.prefix_sizes[prefix.size()];
    clients.push_back(&client);
}

void WebRelay::unlist(WebClient& client, const std::string& pattern) noexcept {
    if (pattern == "*") return;
    Room& room = *rooms_.at(client.universe_);
    const bool is_prefix = pattern.ends_with('*');
    const std::string name = is_prefix ? pattern.substr(0, pattern.size() - 1) : pattern;
    auto& table = is_prefix ? room.prefixes : room.topics;
    const auto found = table.find(name);
    if (found == table.end()) return;
    Clients& clients = found->second;
    const auto at = std::find(clients.begin(), clients.end(), &client);
    if (at != clients.end()) {
        *at = clients.back();
        clients.pop_back();
    }
    if (!clients.empty()) return;
    table.erase(found);
    if (!is_prefix) return;
    const auto size = room.prefix_sizes.find(name.size());
    if (--size->second == 0) room.prefix_sizes.erase(size);
}

// ---------------------------------------------------------------- messages

void WebRelay::on_publication(Room& room, const core::PublicationView& publication) {
    const std::string_view text{reinterpret_cast<const char*>(publication.payload.data()),
                                publication.payload.size()};
    // Somebody with the right to publish anything anywhere may publish here: not a message.
    const auto frame = read_web_frame(text);
    if (!frame) return;
    ++message_;
    deliver(room.all, *frame);
    if (!room.topics.empty()) {
        const auto topic = room.topics.find(std::string(frame->topic));
        if (topic != room.topics.end()) deliver(topic->second, *frame);
    }
    for (const auto& [size, count] : room.prefix_sizes) {
        if (size > frame->topic.size()) break;
        const auto prefix = room.prefixes.find(std::string(frame->topic.substr(0, size)));
        if (prefix != room.prefixes.end()) deliver(prefix->second, *frame);
    }
}

void WebRelay::deliver(const Clients& clients, const WebFrameView& frame) {
    for (WebClient* client : clients) deliver(*client, frame);
}

void WebRelay::deliver(WebClient& client, const WebFrameView& frame) {
    if (client.last_message_ == message_) return;
    client.last_message_ = message_;
    if (client.is_held_) {
        client.keep(frame.text);
    } else if (!is_slow(client)) {
        if (const auto* bytes = shared(client.form_, client.connection_.framing(), frame)) {
            client.connection_.send(*bytes);
        }
    }
}

/// One message to one client.
void WebRelay::send(WebClient& client, const WebFrameView& frame) {
    if (is_slow(client)) return;
    const Pieces pieces(client.form_, frame);
    std::byte* out = client.connection_.begin_message(pieces.size, core::MessageKind::text);
    if (out != nullptr) pieces.write(out);
}

const core::SharedFrame* WebRelay::shared(WebForm form, const core::Framing& framing,
                                          const WebFrameView& frame) {
    Wire* wire = nullptr;
    for (const auto& candidate : wires_) {
        if (candidate->form == form && candidate->framing == &framing) wire = candidate.get();
    }
    if (wire == nullptr) {
        wires_.push_back(std::make_unique<Wire>(Wire{.form = form, .framing = &framing}));
        wire = wires_.back().get();
    }
    if (wire->message == message_) return wire->frame.chunk ? &wire->frame : nullptr;
    wire->message = message_;
    wire->frame = {};
    const Pieces pieces(form, frame);
    core::ChunkRef retired;  // kept alive by those it was sent to
    std::byte* out = wire->buffer.begin(framing, pieces.size, core::MessageKind::text,
                                        &lane_.pool(), lane_.budget(), &retired);
    if (out == nullptr) return nullptr;
    pieces.write(out);
    const core::FrameBuffer::Range range = wire->buffer.last();
    wire->frame = {wire->buffer.chunk(), range.begin, range.end, 1, range.message_bytes};
    return &wire->frame;
}

bool WebRelay::is_slow(WebClient& client) {
    if (client.is_closing_) return true;
    if (client.connection_.backlog_bytes() <= options_.max_backlog_bytes) return false;
    if (options_.slow_policy == core::SlowConsumerPolicy::close) {
        client.is_closing_ = true;
        // Not from here: a turn is being written.
        client.connection_.handle().post([](core::Connection& connection) {
            connection.close(core::CloseReason::slow_consumer);
        });
    }
    return true;
}

// ---------------------------------------------------------------- access

void WebRelay::arm() {
    if (is_armed_) return;
    is_armed_ = true;
    lane_.post_at(hub_.clock().now() + kAccessCheck, [weak = std::weak_ptr<WebRelay*>(self_)] {
        const auto self = weak.lock();
        if (self != nullptr && *self != nullptr) (*self)->check_access();
    });
}

void WebRelay::check_access() {
    is_armed_ = false;
    if (rooms_.empty()) return;
    arm();
    const std::uint64_t generation = access_.generation();
    if (generation == std::exchange(generation_, generation)) return;
    for (const auto& [universe, room] : rooms_) {
        const bool is_known = access_.has_universe(universe);
        for (WebClient* client : room->members) {
            if (client->is_closing_ || (is_known && client->holds())) continue;
            client->is_closing_ = true;
            client->connection_.handle().post([is_known](core::Connection& connection) {
                connection.close(1008, is_known ? "Invalid API Key" : "Universe does not exist");
            });
        }
    }
}

}  // namespace pulse::roblox
