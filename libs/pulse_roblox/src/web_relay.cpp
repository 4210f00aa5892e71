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

// ---------------------------------------------------------------- what comes from the hub

namespace {

/// The payload behind its length, in the machine's order: these bytes never leave the process.
class TapEncoder final : public core::Encoder {
  public:
    using Encoder::encode;
    bool encode(const core::PublicationView& publication, core::MessageWriter& out) const override {
        const auto size = static_cast<std::uint32_t>(publication.payload.size());
        std::byte* at = out.begin(sizeof size + size, core::MessageKind::binary);
        if (at == nullptr) return false;
        std::memcpy(at, &size, sizeof size);
        if (size != 0) std::memcpy(at + sizeof size, publication.payload.data(), size);
        return true;
    }
};

[[nodiscard]] const core::Encoder& tap_encoder() noexcept {
    static const TapEncoder encoder;
    return encoder;
}

}  // namespace

WebTap::WebTap(core::Lane& lane, core::SessionId id, Function function)
    : Outlet(lane, core::no_framing()),
      function_(std::move(function)),
      session_(lane.hub(), *this, tap_encoder(), id) {}
WebTap::~WebTap() = default;

void WebTap::write_out() noexcept {
    iovec pieces[64];
    for (std::size_t n = gather(pieces); n > 0; n = gather(pieces)) {
        payloads_.clear();
        std::size_t bytes = 0;
        for (const iovec& piece : std::span(pieces).first(n)) {
            const char* at = static_cast<const char*>(piece.iov_base);
            const char* const end = at + piece.iov_len;
            while (at < end) {
                std::uint32_t size = 0;
                std::memcpy(&size, at, sizeof size);
                payloads_.emplace_back(at + sizeof size, size);
                at += sizeof size + size;
            }
            bytes += piece.iov_len;
        }
        function_(payloads_);
        consume(bytes);
    }
}

// ---------------------------------------------------------------- the relay

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
    if (room->tap == nullptr && client.may_read_) {
        auto tap = std::make_unique<WebTap>(
            lane_, core::SessionId::generate(hub_.rng()),
            [this, room = room.get()](std::span<const std::string_view> payloads) {
                on_payloads(*room, payloads);
            });
        if (tap->subscribe(web_channel(client.universe_))) {
            if (room->members.empty()) rooms_.erase(client.universe_);
            return false;
        }
        room->tap = std::move(tap);
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

void WebRelay::on_payloads(Room& room, std::span<const std::string_view> payloads) {
    ++batch_;
    batch_frames_.clear();
    for (const std::string_view payload : payloads) {
        // Somebody with the right to publish anything anywhere may publish here: not a message.
        if (const auto frame = read_web_frame(payload)) batch_frames_.push_back(*frame);
    }
    deliver_all(room.all);
    if (room.topics.empty() && room.prefixes.empty()) return;
    for (const WebFrameView& frame : batch_frames_) {
        ++message_;
        const auto topic = room.topics.find(std::string(frame.topic));
        if (topic != room.topics.end()) deliver(topic->second, frame);
        for (const auto& [size, count] : room.prefix_sizes) {
            if (size > frame.topic.size()) break;
            const auto prefix = room.prefixes.find(std::string(frame.topic.substr(0, size)));
            if (prefix != room.prefixes.end()) deliver(prefix->second, frame);
        }
    }
}

/// Those who want everything get all of a turn in one piece.
void WebRelay::deliver_all(const Clients& clients) {
    for (WebClient* client : clients) {
        client->last_batch_ = batch_;
        if (client->is_held_) {
            for (const WebFrameView& frame : batch_frames_) client->keep(frame.text);
        } else if (!is_slow(*client)) {
            for (const auto& frame : shared_batch(client->form_, client->connection_.framing())) {
                client->connection_.send(frame);
            }
        }
    }
}

void WebRelay::deliver(const Clients& clients, const WebFrameView& frame) {
    for (WebClient* client : clients) deliver(*client, frame);
}

void WebRelay::deliver(WebClient& client, const WebFrameView& frame) {
    if (client.last_message_ == message_ || client.last_batch_ == batch_) return;
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

WebRelay::Wire& WebRelay::wire(WebForm form, const core::Framing& framing) {
    for (const auto& candidate : wires_) {
        if (candidate->form == form && candidate->framing == &framing) return *candidate;
    }
    wires_.push_back(std::make_unique<Wire>(Wire{.form = form, .framing = &framing}));
    return *wires_.back();
}

/// Writes the message behind what the wire has; its place is then the buffer's last.
bool WebRelay::append(Wire& wire, const WebFrameView& frame) {
    const Pieces pieces(wire.form, frame);
    core::ChunkRef retired;  // kept alive by those it was sent to
    std::byte* out = wire.buffer.begin(*wire.framing, pieces.size, core::MessageKind::text,
                                       &lane_.pool(), lane_.budget(), &retired);
    if (out == nullptr) return false;
    pieces.write(out);
    return true;
}

const core::SharedFrame* WebRelay::shared(WebForm form, const core::Framing& framing,
                                          const WebFrameView& frame) {
    Wire& at = wire(form, framing);
    if (at.message != message_) {
        at.message = message_;
        at.frame = {};
        if (append(at, frame)) {
            const core::FrameBuffer::Range range = at.buffer.last();
            at.frame = {at.buffer.chunk(), range.begin, range.end, 1, range.message_bytes};
        }
    }
    return at.frame.chunk ? &at.frame : nullptr;
}

const std::vector<core::SharedFrame>& WebRelay::shared_batch(WebForm form,
                                                             const core::Framing& framing) {
    Wire& at = wire(form, framing);
    if (at.batch == batch_) return at.frames;
    at.batch = batch_;
    at.frames.clear();
    for (const WebFrameView& frame : batch_frames_) {
        if (!append(at, frame)) break;  // memory is exhausted: numbers show what is missing
        const core::FrameBuffer::Range range = at.buffer.last();
        if (!at.frames.empty() && at.frames.back().chunk.get() == at.buffer.chunk().get() &&
            at.frames.back().end == range.begin) {
            at.frames.back().end = range.end;
            ++at.frames.back().messages;
            at.frames.back().message_bytes += range.message_bytes;
        } else {
            at.frames.push_back(
                {at.buffer.chunk(), range.begin, range.end, 1, range.message_bytes});
        }
    }
    return at.frames;
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
