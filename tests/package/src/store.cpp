// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Links the store: a document to a file and back.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <utility>

#include <pulse/store.hpp>

namespace core = pulse::core;

int main() {
    std::string folder =
        (std::filesystem::temp_directory_path() / "pulse-consumer-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return 1;
    const core::SystemClock clock;
    core::NullLog log;
    pulse::store::SqliteOptions options;
    options.path = folder + "/pulse.db";
    auto store = pulse::store::make_sqlite_store(options, {clock, log});
    std::promise<bool> kept;
    store->commit(core::DocumentBatch().put("key", "value"), [&](auto committed) {
        if (!committed) return kept.set_value(false);
        store->get("key", [&](auto found) {
            kept.set_value(found && *found && (*found)->text() == "value");
        });
    });
    const bool is_fine = kept.get_future().get();
    store.reset();
    std::filesystem::remove_all(folder);
    if (!is_fine) return 1;
    std::puts("store works");
    return 0;
}
