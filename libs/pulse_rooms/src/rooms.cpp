// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admission.hpp"
#include "conversation.hpp"
#include "engine.hpp"
#include "page_origin.hpp"
#include "registry.hpp"
#include "room.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/json.hpp>
#include <pulse/protocol/utf8.hpp>
#include <pulse/rooms/rooms.hpp>

namespace pulse::rooms {

namespace {

constexpr std::chrono::seconds kSweepInterval{1};
/// Between two looks at whether a room can go.
constexpr std::chrono::milliseconds kReleaseInterval{10};
constexpr std::uint16_t kPolicyViolation = 1008;
constexpr std::uint16_t kTryAgainLater = 1013;
/// Of the Origin header that is kept; no host's name is longer than 253 (RFC 1035 §2.3.4).
constexpr std::size_t kMaxOriginBytes = 512;

class RoomDialect final : public core::Dialect {
  public:
    RoomDialect(Engine& engine, Registry& registry) noexcept
        : engine_(engine), registry_(registry) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "rooms"; }
    [[nodiscard]] bool checks_origin() const noexcept override {
        return engine_.options().any_origin;
    }

    [[nodiscard]] std::optional<core::Refusal> admit(const core::OpenRequest& request) override {
        auto admission = std::make_shared<const Admission>(
            read_admission(request, engine_.options(), engine_.places().get(), engine_.rng));
        add_headers(request, *admission);
        request.admission = std::move(admission);
        return std::nullopt;
    }

    [[nodiscard]] std::unique_ptr<core::Conversation> open(
        core::Connection& connection, const core::OpenRequest& request) override {
        if (request.admission == nullptr) (void)admit(request);
        const auto& admission = *static_cast<const Admission*>(request.admission.get());
        // A browser shows a page no refused handshake; so it is told on an open connection.
        if (!admission.refusal.empty()) {
            EngineCounters::add(engine_.counters.refusals);
            return std::make_unique<RefusedConversation>(connection, admission.refusal,
                                                         kPolicyViolation);
        }
        Registry::Pin room = registry_.obtain(admission.room);
        if (!room) {
            EngineCounters::add(engine_.counters.refusals);
            return std::make_unique<RefusedConversation>(
                connection, "The server has too many rooms", kTryAgainLater);
        }
        auto member = std::make_shared<Member>(connection.lane().index(), admission.session,
                                               admission.is_fresh, admission.details);
        // Where not all pages may connect, the transport has judged this one.
        const RoomsOptions& options = engine_.options();
        const bool is_at_home =
            !options.any_origin || is_page_at_home(request, options.channel_origins);
        const std::string_view origin =
            request.header ? request.header("origin") : std::string_view{};
        return std::make_unique<RoomConversation>(
            engine_, connection, std::move(room), std::move(member),
            ClientPage{engine_.part(connection).share(origin.substr(0, kMaxOriginBytes)),
                       is_at_home});
    }

  private:
    Engine& engine_;
    Registry& registry_;
};

}  // namespace

void Engine::set_options(RoomsOptions options) {
    options.places.reset();
    options.counter_form = counter_form;
    auto made = std::make_unique<const RoomsOptions>(std::move(options));
    const std::lock_guard lock(mutex_);
    options_.store(made.get(), std::memory_order_release);
    all_options_.push_back(std::move(made));
}

std::shared_ptr<const Places> Engine::places() const {
    const std::lock_guard lock(mutex_);
    return places_;
}

void Engine::set_places(std::shared_ptr<const Places> places) {
    // What was there goes when the lock is free again: that takes a while.
    const std::lock_guard lock(mutex_);
    places_.swap(places);
}

void Engine::begin_write() {
    const std::lock_guard lock(mutex_);
    ++writes_;
}

void Engine::end_write() {
    std::vector<std::function<void()>> all;
    {
        const std::lock_guard lock(mutex_);
        if (--writes_ == 0) all.swap(when_idle_);
    }
    for (const auto& done : all) done();
}

void Engine::when_idle(std::function<void()> done) {
    {
        const std::lock_guard lock(mutex_);
        if (writes_ != 0) {
            when_idle_.push_back(std::move(done));
            return;
        }
    }
    done();
}

struct Rooms::Impl : std::enable_shared_from_this<Rooms::Impl> {
    Impl(RoomsOptions options, core::Hub& hub, core::DocumentStore& store,
         core::Authenticator* authenticator)
        : engine(std::move(options), hub, store, authenticator),
          registry(engine),
          dialect(engine, registry) {}

    /// A lane for what comes from elsewhere; rooms are spread over them.
    [[nodiscard]] LanePart& part(std::string_view room) const {
        return *engine.parts[std::hash<std::string_view>{}(room) % engine.parts.size()];
    }
    void sweep_in_a_while(LanePart& at) {
        at.lane().post_at(engine.clock.now() + kSweepInterval, [weak = weak_from_this(), &at] {
            const auto self = weak.lock();
            if (self == nullptr) return;
            self->registry.sweep(self->engine.clock.now() - self->engine.options().idle_time);
            self->sweep_in_a_while(at);
        });
    }
    void release(const std::string& room, const std::function<void()>& done) {
        LanePart& at = part(room);
        at.post([self = shared_from_this(), &at, room, done] {
            if (self->registry.release(room)) return done();
            // Something is still on its way to the store, or a connection on its way out.
            at.lane().post_at(self->engine.clock.now() + kReleaseInterval,
                              [weak = std::weak_ptr(self), room, done] {
                                  if (const auto again = weak.lock()) again->release(room, done);
                              });
        });
    }
    /// Calls `use` with the room once it is loaded; `fail` when it cannot be.
    void with_room(std::string_view name, std::function<void(Room&, LanePart&)> use,
                   std::function<void(std::error_code)> fail);

    Engine engine;
    Registry registry;
    RoomDialect dialect;
};

Rooms::Rooms(RoomsOptions options, core::Hub& hub, core::DocumentStore& store,
             core::Authenticator* authenticator)
    : impl_(std::make_shared<Impl>(std::move(options), hub, store, authenticator)) {
    if (impl_->engine.parts.empty()) return;
    LanePart& first = *impl_->engine.parts.front();
    first.post([weak = std::weak_ptr<Impl>(impl_), &first] {
        if (const auto self = weak.lock()) self->sweep_in_a_while(first);
    });
}

Rooms::~Rooms() = default;

core::Dialect& Rooms::dialect() noexcept { return impl_->dialect; }

void Rooms::Impl::with_room(std::string_view name, std::function<void(Room&, LanePart&)> use,
                            std::function<void(std::error_code)> fail) {
    const std::size_t most = engine.limits().max_room_name_bytes;
    if (name.empty() || (most != 0 && name.size() > most) || !protocol::is_valid_utf8(name)) {
        return fail(std::make_error_code(std::errc::invalid_argument));
    }
    auto pin = std::make_shared<Registry::Pin>(registry.obtain(name));
    if (!*pin) return fail(make_error_code(core::Error::memory_exhausted));
    LanePart& home = part(name);
    // `self` first: a function that is never run lets go of the pin before the registry.
    home.post(
        [self = shared_from_this(), pin, &home, use = std::move(use), fail = std::move(fail)] {
            (*pin)->when_loaded(home, [self, pin, use, fail](LanePart& at, std::error_code error) {
                if (error) return fail(error);
                use(**pin, at);
            });
        });
}

std::error_code Rooms::broadcast(std::string_view room, const Broadcast& message) {
    std::optional<Topic> to;
    if (!message.to.empty()) {
        to = parse_topic(message.to);
        if (!to) return std::make_error_code(std::errc::invalid_argument);
    }
    const bool is_sound = !room.empty() && protocol::is_valid_utf8(room) && !message.type.empty() &&
                          protocol::is_valid_utf8(message.type) &&
                          protocol::is_valid_utf8(message.data) &&
                          (message.data.empty() || json::parse(message.data));
    if (!is_sound) return std::make_error_code(std::errc::invalid_argument);
    std::string text = R"({"type":)";
    json::append_text(text, message.type);
    if (!message.data.empty()) text.append(R"(,"data":)").append(message.data);
    text += '}';
    auto pin = std::make_shared<Registry::Pin>(impl_->registry.find(room));
    if (!*pin) return {};
    LanePart& home = impl_->part(room);
    home.post([self = impl_, pin, &home, to = std::move(to), text = std::move(text)] {
        (*pin)->broadcast(home, to, text);
    });
    return {};
}

void Rooms::set_config(std::string_view room, std::string text, Done done) {
    if (!protocol::is_valid_utf8(text)) {
        return done(std::make_error_code(std::errc::invalid_argument));
    }
    const std::size_t most = impl_->engine.limits().max_config_bytes;
    if (most != 0 && text.size() > most) {
        return done(std::make_error_code(std::errc::message_size));
    }
    impl_->with_room(
        room,
        [text = std::move(text), done](Room& found, LanePart& at) {
            found.set_config(at, text, done);
        },
        done);
}

void Rooms::details(std::string_view room, Answer answer) {
    impl_->with_room(
        room, [answer](Room& found, LanePart& at) { found.details(at, answer); },
        [answer](std::error_code error) { answer(tl::unexpected(error)); });
}

void Rooms::users(std::string_view room, Answer answer) {
    impl_->with_room(
        room, [answer](Room& found, LanePart& at) { found.users(at, answer); },
        [answer](std::error_code error) { answer(tl::unexpected(error)); });
}

void Rooms::set_options(RoomsOptions options) { impl_->engine.set_options(std::move(options)); }

void Rooms::set_places(std::shared_ptr<const Places> places) {
    impl_->engine.set_places(std::move(places));
}

RoomsStats Rooms::stats() const {
    const EngineCounters& counters = impl_->engine.counters;
    RoomsStats stats;
    stats.rooms = impl_->registry.size();
    stats.idle_rooms = impl_->registry.idle();
    stats.connections = counters.connections;
    stats.connections_total = counters.connections_total;
    stats.messages_total = counters.messages;
    stats.publications_total = counters.publications;
    stats.changes_total = counters.changes;
    stats.commits_total = counters.commits;
    stats.failed_commits_total = counters.failed_commits;
    stats.refusals_total = counters.refusals;
    stats.loads_total = counters.loads;
    stats.unloads_total = counters.unloads;
    return stats;
}

core::Metrics::Token Rooms::add_metrics(core::Metrics& metrics) {
    return metrics.add_collector([this](std::vector<core::MetricFamily>& out) {
        const RoomsStats now = stats();
        const auto add = [&out](const char* name, const char* help, core::MetricKind kind,
                                auto value) {
            core::MetricSample sample;
            sample.value = static_cast<double>(value);
            out.push_back({name, help, kind, {std::move(sample)}});
        };
        constexpr auto kGauge = core::MetricKind::gauge;
        constexpr auto kCounter = core::MetricKind::counter;
        add("pulse_rooms_rooms", "Rooms in memory.", kGauge, now.rooms);
        add("pulse_rooms_idle_rooms", "Of these, rooms without connections.", kGauge,
            now.idle_rooms);
        add("pulse_rooms_connections", "Connections in rooms.", kGauge, now.connections);
        add("pulse_rooms_connections_total", "Connections that were let in.", kCounter,
            now.connections_total);
        add("pulse_rooms_messages_total", "Messages from clients that were understood.", kCounter,
            now.messages_total);
        add("pulse_rooms_publications_total", "Messages to all or to subscribers of a room.",
            kCounter, now.publications_total);
        add("pulse_rooms_changes_total", "Changes that were given to the store.", kCounter,
            now.changes_total);
        add("pulse_rooms_commits_total", "Batches they were given in.", kCounter,
            now.commits_total);
        add("pulse_rooms_commit_failures_total", "Batches the store did not take.", kCounter,
            now.failed_commits_total);
        add("pulse_rooms_refusals_total", "Requests answered with an error message.", kCounter,
            now.refusals_total);
        add("pulse_rooms_loads_total", "Rooms read from the store.", kCounter, now.loads_total);
        add("pulse_rooms_unloads_total", "Idle rooms that left memory.", kCounter,
            now.unloads_total);
    });
}

void Rooms::share(RoomSharing sharing) { impl_->engine.sharing = std::move(sharing); }

void Rooms::release(std::string_view room, std::function<void()> done) {
    if (impl_->engine.parts.empty()) return done();
    impl_->release(std::string(room), done);
}

std::optional<std::string> Rooms::room_of(const core::OpenRequest& request) const {
    if (request.admission == nullptr) return std::nullopt;
    const auto& admission = *static_cast<const Admission*>(request.admission.get());
    if (!admission.refusal.empty()) return std::nullopt;
    return admission.room;
}

std::optional<std::string> Rooms::room_of(const core::HttpRequest& request) const {
    std::string room(request.parameter("room"));
    if (room.empty()) {
        if (request.path != "/details" && request.path != "/users") return std::nullopt;
        room = room_of_query(request.query);
    }
    const std::size_t most = impl_->engine.limits().max_room_name_bytes;
    if ((most != 0 && room.size() > most) || !protocol::is_valid_utf8(room)) return std::nullopt;
    return room;
}

std::string Rooms::query_of(const core::OpenRequest& request) const {
    if (request.admission == nullptr) return std::string(request.query);
    const auto& admission = *static_cast<const Admission*>(request.admission.get());
    return "room=" + encode_uri_component(admission.room) +
           "&session=" + encode_uri_component(admission.session);
}

std::vector<std::string> Rooms::headers_read() const {
    std::vector<std::string> names{"origin", "host"};
    const RoomsOptions& options = impl_->engine.options();
    if (!options.address_header.empty()) names.push_back(options.address_header);
    for (const auto& [fact, header] : options.detail_headers) names.push_back(header);
    return names;
}

void Rooms::drain(std::function<void()> done) { impl_->engine.when_idle(std::move(done)); }

}  // namespace pulse::rooms
