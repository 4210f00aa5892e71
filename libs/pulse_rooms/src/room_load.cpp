// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is kept of a room, and how it is read back. Behind "rooms/<first half of its id>/":
//
//   r/0                  [suffix counter, "name"]
//   r/1                  the config's text
//   r/2/<number>         ["amount", "id"] of a counter
//   r/3/<number>         "id" of a poll
//   r/4/<poll>/<voter>   "answer"; a voter is known by the suffix of the session
//   r/5/<key>            a signed key that has been used, until it expires
//   s/<digest>           [suffix, "id", {properties}] of a session
//   f                    where processes share the store: who wrote it last has the room
//
// What a room writes is on the condition that f is as it was left when the room was read; hence a
// process that has lost a room, and does not know it yet, changes nothing any more.
//
// Values are JSON; numbers in keys are hexadecimal, so that they stand in their order. Everything
// below r/ is read when the room is first asked for, page by page; sessions one by one, when they
// come. How often an answer was given is counted from the votes, and nowhere kept.
#include "digest.hpp"
#include "number.hpp"
#include "room.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/json.hpp>

namespace pulse::rooms {

namespace keys {

namespace {

std::string hex(std::uint64_t number, std::size_t digits) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out(digits, '0');
    for (std::size_t i = digits; i-- > 0; number >>= 4U) out[i] = kHex[number & 0xFU];
    return out;
}

}  // namespace

std::string counter(std::uint32_t number) { return "r/2/" + hex(number, 8); }
std::string poll(std::uint32_t number) { return "r/3/" + hex(number, 8); }
std::string vote(std::uint32_t poll, std::uint64_t voter) {
    return "r/4/" + hex(poll, 8) + "/" + hex(voter, 14);
}
std::string used_key(std::string_view key) { return std::string("r/5/").append(key); }
std::string session(std::string_view id) { return "s/" + sha256_hex(id).substr(0, 40); }

}  // namespace keys

namespace {

template <typename Number>
std::optional<Number> parse_hex(std::string_view text) {
    Number number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<std::uint64_t> parse_number(json::Value value) { return parse_number(value.raw); }

std::optional<std::string> parse_text(std::string_view json_text) {
    const json::Parsed parsed = json::parse(json_text);
    if (!parsed || !parsed.value.is(json::Type::text)) return std::nullopt;
    return parsed.value.text();
}

}  // namespace

std::string stored_text(std::string_view text) {
    std::string out;
    json::append_text(out, text);
    return out;
}

std::string stored_session(const Session& session) {
    std::string out = "[" + std::to_string(session.suffix) + ",";
    json::append_text(out, session.id);
    return out.append(",").append(session.properties.all).append("]");
}

std::string Room::stored_meta() const {
    std::string out = "[" + std::to_string(suffix_) + ",";
    json::append_text(out, name_);
    return out += ']';
}

std::string stored_counter(const std::string& id, const Amount& amount) {
    std::string out = "[\"" + amount.stored() + "\",";
    json::append_text(out, id);
    return out += ']';
}

void Room::when_loaded(LanePart& at, Waiter waiter) {
    bool is_ready = false;
    {
        const std::lock_guard lock(mutex_);
        is_ready = state_ == State::ready;
        if (!is_ready) {
            waiters_.push_back(std::move(waiter));
            if (state_ == State::loading) return;
            state_ = State::loading;
            loading_polls_ = std::make_unique<std::unordered_map<std::uint32_t, Poll*>>();
        }
    }
    // Moved from only when it is not.
    if (is_ready) return waiter(at, {});  // NOLINT(bugprone-use-after-move)
    EngineCounters::add(engine_.counters.loads);
    if (engine_.is_shared()) return take_over(at);
    read_page(at, prefix_ + std::string(keys::kState));
}

/// Before anything is read: what another process stores later it does not store. One that was
/// stopped, and does not know yet that it has lost the room, has an older term than is there.
void Room::take_over(LanePart& at) {
    const std::uint64_t term = engine_.sharing.term_of(name_);
    if (term == 0) return finish_loading(at, make_error_code(core::Error::document_conflict));
    engine_.store.get(prefix_ + std::string(keys::kFence),
                      [self = shared_from_this(), part = at.shared_from_this(),
                       term](core::Result<std::optional<core::Document>> found) {
                          part->post([self, part, term, found = std::move(found)] {
                              self->set_fence(*part, term, found);
                          });
                      });
}

void Room::set_fence(LanePart& at, std::uint64_t term,
                     const core::Result<std::optional<core::Document>>& found) {
    if (!found) return finish_loading(at, found.error());
    const std::string key = prefix_ + std::string(keys::kFence);
    core::DocumentBatch batch;
    if (*found) {
        if (parse_number((*found)->text()).value_or(0) > term) {
            finish_loading(at, make_error_code(core::Error::document_conflict));
            return engine_.sharing.on_lost(name_);
        }
        batch.require_version(key, (*found)->version);
    } else {
        batch.require_absent(key);
    }
    batch.put(key, std::to_string(term));
    engine_.begin_write();
    engine_.store.commit(std::move(batch),
                         [self = shared_from_this(), part = at.shared_from_this()](
                             const core::Result<core::CommitResult>& result) {
                             part->post([self, part, result] {
                                 self->engine_.end_write();
                                 if (!result) return self->finish_loading(*part, result.error());
                                 {
                                     const std::lock_guard lock(self->mutex_);
                                     self->fence_ = result->version;
                                 }
                                 self->read_page(*part, self->prefix_ + std::string(keys::kState));
                             });
                         });
}

void Room::read_page(LanePart& at, std::string begin) {
    core::DocumentRange range = core::DocumentRange::prefix(prefix_ + std::string(keys::kState));
    range.begin = std::move(begin);
    engine_.store.scan(std::move(range), [self = shared_from_this(), part = at.shared_from_this()](
                                             core::Result<core::DocumentPage> page) {
        part->post([self, part, page = std::move(page)] { self->loaded_page(*part, page); });
    });
}

void Room::loaded_page(LanePart& at, const core::Result<core::DocumentPage>& page) {
    if (!page) return finish_loading(at, page.error());
    {
        // Nobody else looks at a room that is loading, but for who waits for it.
        const std::lock_guard lock(mutex_);
        for (const core::Document& document : page->documents) load_document(document);
    }
    if (page->next) return read_page(at, *page->next);
    finish_loading(at, {});
}

void Room::finish_loading(LanePart& at, std::error_code error) {
    std::vector<Waiter> waiters;
    {
        const std::lock_guard lock(mutex_);
        loading_polls_.reset();
        if (error) {
            // Whoever comes next tries anew, from the start.
            polls_ = {};
            counters_.clear();
            used_keys_.clear();
            config_.clear();
            suffix_ = 0;
            last_counter_ = 0;
            state_ = State::unknown;
        } else {
            for (const auto& [id, poll] : polls_.polls) poll->sort();
            state_ = State::ready;
        }
        waiters.swap(waiters_);
    }
    for (const Waiter& waiter : waiters) waiter(at, error);
    at.settle();
}

void Room::load_document(const core::Document& document) {
    const std::string_view name = std::string_view(document.key).substr(prefix_.size());
    const std::string_view rest = name.size() > 4 ? name.substr(4) : std::string_view{};
    if (name == keys::kMeta) {
        const json::Parsed parsed = json::parse(document.text());
        if (!parsed || !parsed.value.is(json::Type::array)) return;
        json::Elements elements(parsed.value);
        const auto first = elements.next();
        if (const auto suffix = first ? parse_number(*first) : std::nullopt) suffix_ = *suffix;
    } else if (name == keys::kConfig) {
        config_ = document.text();
    } else if (name.starts_with("r/2/")) {
        load_counter(rest, document.text());
    } else if (name.starts_with("r/3/")) {
        load_poll(rest, document.text());
    } else if (name.starts_with("r/4/")) {
        load_vote(rest, document);
    } else if (name.starts_with("r/5/")) {
        used_keys_[std::string(rest)] = document.expires_at_ms.value_or(UINT64_MAX);
    }
}

void Room::load_counter(std::string_view key, std::string_view text) {
    const auto number = parse_hex<std::uint32_t>(key);
    const json::Parsed parsed = json::parse(text);
    if (!number || !parsed || !parsed.value.is(json::Type::array)) return;
    json::Elements elements(parsed.value);
    const auto amount = elements.next();
    const auto id = elements.next();
    if (!amount || !id || !amount->is(json::Type::text) || !id->is(json::Type::text)) return;
    last_counter_ = std::max(last_counter_, *number);
    std::string name = id->text();
    auto made = std::make_unique<Counter>(Counter{
        name, *number, std::make_shared<const Topic>(Topic{"counter", name == "all" ? "" : name}),
        Amount::load(amount->text(), engine_.counter_form)});
    made->stored = made->amount;
    // An unanswered write may have been done, and the counter made once more: the later one counts.
    counters_.insert_or_assign(std::move(name), std::move(made));
}

void Room::load_poll(std::string_view key, std::string_view text) {
    const auto number = parse_hex<std::uint32_t>(key);
    auto id = parse_text(text);
    if (!number || !id) return;
    polls_.last_number = std::max(polls_.last_number, *number);
    auto& poll = polls_.polls[*id];
    if (poll == nullptr) {
        auto topic = std::make_shared<const Topic>(Topic{"poll", *id == "all" ? "" : *id});
        poll = std::make_unique<Poll>(*id, *number, std::move(topic));
    }
    // As above: two numbers may lead to one poll.
    (*loading_polls_)[*number] = poll.get();
}

void Room::load_vote(std::string_view key, const core::Document& document) {
    const std::size_t slash = key.find('/');
    if (slash == std::string_view::npos) return;
    const auto number = parse_hex<std::uint32_t>(key.substr(0, slash));
    const auto voter = parse_hex<std::uint64_t>(key.substr(slash + 1));
    const auto answer = parse_text(document.text());
    if (!number || !voter || !answer) return;
    const auto poll = loading_polls_->find(*number);
    if (poll != loading_polls_->end()) poll->second->vote(*voter, *answer, document.version);
}

void Room::session_loaded(LanePart& at, Session& session,
                          const core::Result<std::optional<core::Document>>& result) {
    {
        const std::lock_guard lock(mutex_);
        std::vector<MemberPtr> waiting = std::exchange(session.waiting, {});
        // Keeps the session while those who wait are told.
        ++session.pending;
        session.state = result ? Session::State::known : Session::State::unknown;
        if (result && *result) {
            const json::Parsed parsed = json::parse((*result)->text());
            if (parsed && parsed.value.is(json::Type::array)) {
                json::Elements elements(parsed.value);
                const auto suffix = elements.next();
                const auto id = elements.next();
                const auto properties = elements.next();
                session.suffix = suffix ? parse_number(*suffix).value_or(0) : 0;
                if (id && properties) session.properties = make_properties(*properties);
            }
        }
        for (const MemberPtr& member : waiting) {
            if (member->is_gone) continue;
            if (result) {
                admit(member, session, at);
            } else {
                refuse_entry(member, at, "The server cannot read its store at the moment");
            }
        }
        --session.pending;
        forget_if_unused(session);
    }
    at.settle();
}

}  // namespace pulse::rooms
