// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   example-durable-state FILE
//
// State that outlives the process. Run it twice: it counts its runs, changes a room's profile
// without overwriting what somebody else wrote meanwhile, leaves a ticket that is gone after a
// minute, and lists what the file holds.
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/store.hpp>

namespace core = pulse::core;

namespace {

/// The answer of a call, waited for: right for main() and tools. On an event loop hand over a
/// completion that posts to it instead, such as core::on_lane(lane, …).
template <typename T>
T wait_for(const std::function<void(std::function<void(T)>)>& call) {
    std::promise<T> promise;
    call([&promise](T answer) { promise.set_value(std::move(answer)); });
    return promise.get_future().get();
}

using Committed = core::Result<core::CommitResult>;
using Found = core::Result<std::optional<core::Document>>;
using Page = core::Result<core::DocumentPage>;

/// Reads, changes, and writes only if nobody else has written; otherwise begins again.
Committed rename_room(core::DocumentStore& store, const std::string& name) {
    for (;;) {
        const Found seen = wait_for<Found>([&](auto done) { store.get("rooms/lobby", done); });
        if (!seen) return tl::unexpected(seen.error());
        core::DocumentBatch batch;
        if (*seen) {
            batch.require_version("rooms/lobby", (*seen)->version);
        } else {
            batch.require_absent("rooms/lobby");
        }
        batch.put("rooms/lobby", name).add("rooms/lobby/renames", 1);
        const Committed result = wait_for<Committed>([&](auto done) { store.commit(batch, done); });
        if (result || result.error() != core::Error::document_conflict) return result;
    }
}

/// Page by page, so that no answer is large however much there is.
bool list(core::DocumentStore& store, core::DocumentRange range) {
    for (;;) {
        const Page page = wait_for<Page>([&](auto done) { store.scan(range, done); });
        if (!page) return false;
        for (const core::Document& document : page->documents) {
            std::printf("  %-22s %s\n", document.key.c_str(), std::string(document.text()).c_str());
        }
        if (!page->next) return true;
        range.begin = *page->next;
    }
}

}  // namespace

int main(int argc, char** argv) {
    const core::SystemClock clock;
    core::NullLog log;
    pulse::store::SqliteOptions options;
    options.path = argc > 1 ? argv[1] : "example.db";
    const auto store = pulse::store::make_sqlite_store(options, {clock, log});
    // A server would go on and say so in its health check: the store tries again by itself.
    if (const core::StoreStatus status = store->status(); !status.is_available()) {
        return std::printf("%s: %s\n", options.path.c_str(), status.text.c_str()), 1;
    }

    // All of it or nothing; answered when it is on the disk.
    const Committed run = wait_for<Committed>([&](auto done) {
        store->commit(core::DocumentBatch().add("runs", 1).put("tickets/4711", "admit one",
                                                               std::chrono::minutes(1)),
                      done);
    });
    if (!run) return std::printf("%s\n", run.error().message().c_str()), 1;
    std::printf("run %lld\n", static_cast<long long>(run->counters[0]));

    const std::string name = "Lobby " + std::to_string(run->counters[0]);
    if (const Committed renamed = rename_room(*store, name); !renamed) {
        return std::printf("%s\n", renamed.error().message().c_str()), 1;
    }
    std::puts("rooms:");
    if (!list(*store, core::DocumentRange::prefix("rooms/"))) return 1;
    std::puts("everything:");
    return list(*store, {}) ? 0 : 1;
}
