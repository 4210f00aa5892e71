// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json/text.hpp"
#include "web_frame.hpp"
#include "web_relay.hpp"

#include <algorithm>
#include <utility>

namespace pulse::roblox {

namespace {

/// As topics stand in frames: escaping goes character by character, so that beginnings stay
/// beginnings.
[[nodiscard]] std::vector<std::string> escaped(const std::vector<std::string>& patterns) {
    std::vector<std::string> out;
    out.reserve(patterns.size());
    for (const std::string& pattern : patterns) json::append_escaped(out.emplace_back(), pattern);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

[[nodiscard]] bool contains(const std::vector<std::string>& sorted, const std::string& one) {
    return std::binary_search(sorted.begin(), sorted.end(), one);
}

}  // namespace

WebClient::WebClient(WebClients& clients, core::Connection& connection, UniverseId universe,
                     Caller caller, WebForm form)
    : clients_(clients),
      relay_(clients.relay(connection.lane())),
      connection_(connection),
      universe_(universe),
      caller_(std::move(caller)),
      form_(form),
      may_read_(caller_.may(Right::web_read, universe)) {
    clients_.add(universe_);
}

WebClient::~WebClient() {
    if (is_begun_) {
        if (may_read_ && is_all_) relay_.unlist_all(*this);
        if (may_read_) {
            for (const std::string& pattern : patterns_) relay_.unlist(*this, pattern);
        }
        relay_.leave(*this);
    }
    clients_.remove(universe_);
}

bool WebClient::begin() {
    if (!relay_.join(*this)) return false;
    is_begun_ = true;
    if (may_read_) relay_.list_all(*this);
    return true;
}

bool WebClient::holds() const { return clients_.access().holds(caller_, universe_); }

bool WebClient::subscribe(const std::vector<std::string>& patterns) {
    std::vector<std::string> added;
    for (std::string& pattern : escaped(patterns)) {
        if (!contains(patterns_, pattern)) added.push_back(std::move(pattern));
    }
    if (patterns_.size() + added.size() > relay_.options().max_topics) return false;
    const bool was_all = is_all_;
    std::vector<std::string> merged;
    merged.reserve(patterns_.size() + added.size());
    std::merge(patterns_.begin(), patterns_.end(), added.begin(), added.end(),
               std::back_inserter(merged));
    patterns_ = std::move(merged);
    is_all_ = contains(patterns_, "*");
    if (!may_read_) return true;
    if (was_all && !is_all_) relay_.unlist_all(*this);
    if (!was_all && is_all_) relay_.list_all(*this);
    for (const std::string& pattern : added) relay_.list(*this, pattern);
    return true;
}

void WebClient::unsubscribe(const std::vector<std::string>& patterns) {
    // Who has not subscribed yet wants everything, and that stays so.
    if (patterns_.empty()) return;
    const bool was_all = is_all_;
    for (const std::string& pattern : escaped(patterns)) {
        const auto found = std::lower_bound(patterns_.begin(), patterns_.end(), pattern);
        if (found == patterns_.end() || *found != pattern) continue;
        patterns_.erase(found);
        if (may_read_) relay_.unlist(*this, pattern);
    }
    is_all_ = contains(patterns_, "*");
    if (may_read_ && was_all && !is_all_) relay_.unlist_all(*this);
}

bool WebClient::wants(std::string_view topic) const {
    if (is_all_) return true;
    std::string text;
    json::append_escaped(text, topic);
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
        if (!pattern.ends_with('*')) return text == pattern;
        return text.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
    });
}

void WebClient::send(std::string_view frame) {
    if (const auto view = read_web_frame(frame)) relay_.send(*this, *view);
}

void WebClient::keep(std::string_view frame) {
    if (held_ == nullptr) held_ = std::make_unique<Held>();
    const WebClientOptions& options = relay_.options();
    if (held_->frames.size() >= options.max_held ||
        held_->bytes + frame.size() > options.max_held_bytes) {
        has_lost_ = true;
        return;
    }
    held_->bytes += frame.size();
    held_->frames.emplace_back(frame);
}

bool WebClient::release(std::string_view epoch, std::uint64_t last) {
    is_held_ = false;
    const std::unique_ptr<Held> held = std::move(held_);
    if (held != nullptr) {
        for (const std::string& frame : held->frames) {
            const auto view = read_web_frame(frame);
            if (!view || (view->epoch == epoch && view->seq <= last)) continue;
            relay_.send(*this, *view);
        }
    }
    return !std::exchange(has_lost_, false);
}

}  // namespace pulse::roblox
