// SPDX-License-Identifier: MIT OR Apache-2.0
#include "wake_book.hpp"

#include <algorithm>

namespace pulse::roblox {

void WakeBook::fall_asleep(LiveServer& server) {
    wake_up(server);
    server.sleep = LiveServer::Sleep::asleep;
    sleepers_.insert(&server);
}

void WakeBook::wake_up(LiveServer& server) {
    if (server.sleep == LiveServer::Sleep::asleep) sleepers_.erase(&server);
    if (server.sleep == LiveServer::Sleep::unread) due_.erase({server.wake_at, &server});
    server.sleep = LiveServer::Sleep::awake;
    server.wakes = 0;
}

void WakeBook::mark(LiveServer& server, core::MonotonicTime now) {
    if (server.sleep != LiveServer::Sleep::asleep) return;
    sleepers_.erase(&server);
    server.sleep = LiveServer::Sleep::unread;
    // One whose poll has just ended is about to ask again.
    server.wake_at = std::max(now, server.polled + options_.wake_after);
    due_.insert({server.wake_at, &server});
}

void WakeBook::mark_all(std::uint64_t place, core::MonotonicTime now) {
    if (place == 0) {
        for (LiveServer* server : std::vector(sleepers_.begin(), sleepers_.end())) {
            mark(*server, now);
        }
        return;
    }
    std::vector<LiveServer*> there;
    std::copy_if(sleepers_.begin(), sleepers_.end(), std::back_inserter(there),
                 [place](const LiveServer* server) { return server->hello.place == place; });
    for (LiveServer* server : there) mark(*server, now);
}

std::vector<LiveServer*> WakeBook::take_due(core::MonotonicTime now) {
    std::vector<LiveServer*> woken;
    while (!due_.empty() && due_.begin()->first <= now) {
        LiveServer& server = *due_.begin()->second;
        due_.erase(due_.begin());
        if (server.wakes >= options_.max_wakes) {
            // It does not hear us. What is new later is a reason to try again; its own next call
            // brings the rest.
            server.sleep = LiveServer::Sleep::asleep;
            server.wakes = 0;
            sleepers_.insert(&server);
            continue;
        }
        server.wake_at = now + options_.wake_again_after * (1U << std::min(server.wakes, 5U));
        ++server.wakes;
        due_.insert({server.wake_at, &server});
        woken.push_back(&server);
    }
    return woken;
}

}  // namespace pulse::roblox
