// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which channels this node listens to.
#include "backend_broker.hpp"

#include <utility>

#include <asio/post.hpp>

namespace pulse::cluster {

void BackendBroker::interest_changed(std::string_view channel) {
    if (is_closed_) return;
    bool is_first = false;
    {
        const std::lock_guard lock(mutex_);
        changed_.emplace(channel);
        is_first = !std::exchange(is_change_due_, true);
    }
    if (is_first) post([](BackendBroker& self) { self.act_on_changes(); });
}

void BackendBroker::act_on_changes() {
    std::unordered_set<std::string, NameHash, std::equal_to<>> changed;
    {
        const std::lock_guard lock(mutex_);
        changed.swap(changed_);
        is_change_due_ = false;
    }
    for (const std::string& name : changed) refresh(name);
}

void BackendBroker::refresh(const std::string& name) {
    const auto found = channels_.find(name);
    const bool is_known = found != channels_.end();
    if (listeners_.has_interest(name)) {
        if (is_known) return;
        channels_.emplace(name, Channel{});
        backend_->listen(name);
        counters_.channels = channels_.size();
        return;
    }
    if (!is_known) return;
    // Looked at once more when it is off the list: whoever subscribed in between either did not
    // find it there, and waits, or is seen now.
    const bool was_listening = found->second.is_listening;
    set_listening(name, found->second, false);
    if (listeners_.has_interest(name)) return set_listening(name, found->second, was_listening);
    forget(found);
}

/// Nobody on this node listens any more.
void BackendBroker::forget(ByName<Channel>::iterator place) {
    const std::string name = place->first;
    const Channel gone = std::move(place->second);
    channels_.erase(place);
    counters_.channels = channels_.size();
    if (gone.catch_up != nullptr) held_bytes_ -= gone.catch_up->held_bytes;
    backend_->unlisten(name);
    if (presence_) presence_->drop(name);
    for (const auto& done : gone.waiting) done();
    if (gone.catch_up == nullptr) return;
    for (const auto& after : gone.catch_up->after) after();
}

void BackendBroker::when_listening(std::string_view channel, std::function<void()> done) {
    if (is_closed_) return done();
    bool is_there = false;
    {
        const std::lock_guard lock(mutex_);
        is_there = listening_.contains(channel);
    }
    if (is_there) return done();
    post([name = std::string(channel), done = std::move(done)](BackendBroker& self) {
        self.want(name, done);
    });
}

void BackendBroker::want(const std::string& name, std::function<void()> done) {
    refresh(name);
    const auto found = channels_.find(name);
    const bool may_wait = found != channels_.end() && can_hear_ && backend_->can_hear_from(name);
    if (!may_wait || found->second.is_listening) return done();
    found->second.waiting.push_back(std::move(done));
}

void BackendBroker::on_listening(std::string_view name) {
    const auto found = channels_.find(name);
    if (found == channels_.end() || !can_hear_) return;
    settle(found->first, presence_ != nullptr && can_send_);
}

void BackendBroker::on_deaf(std::string_view name) {
    const auto found = channels_.find(name);
    if (found == channels_.end()) return;
    set_listening(found->first, found->second, false);
    // As when nothing is heard: the gap will be told.
    call_waiting(found->second);
}

void BackendBroker::on_missed(std::string_view name) {
    const auto found = channels_.find(name);
    if (found == channels_.end() || !can_hear_) return;
    set_listening(found->first, found->second, true);
    catch_up_with(found->first, found->second);
    if (presence_ && can_send_) presence_->on_missed(found->first, Clock::now());
}

/// It is heard. Who waits for that goes on once the members of the other nodes are known, too.
void BackendBroker::settle(const std::string& name, bool asks_for_members) {
    if (!asks_for_members) return set_listening(name, channels_.find(name)->second, true);
    presence_->ask(name, Clock::now(), [this, name] {
        const auto found = channels_.find(name);
        if (found != channels_.end() && can_hear_) set_listening(name, found->second, true);
    });
}

void BackendBroker::set_listening(const std::string& name, Channel& channel, bool is_listening) {
    channel.is_listening = is_listening;
    {
        const std::lock_guard lock(mutex_);
        if (is_listening) {
            listening_.insert(name);
        } else {
            listening_.erase(name);
        }
    }
    if (is_listening) call_waiting(channel);
}

void BackendBroker::call_waiting(Channel& channel) {
    const auto waiting = std::exchange(channel.waiting, {});
    for (const auto& done : waiting) done();
}

}  // namespace pulse::cluster
