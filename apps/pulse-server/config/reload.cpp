// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/reload.hpp"

#include "config/schema.hpp"
#include "config/validate.hpp"

#include <fmt/format.h>

namespace pulse::server {
namespace {

KeyChange describe_change(const Key& key, const Value& before, const Value& after) {
    const auto show = [&key](const Value& value) -> std::string {
        if (key.info.secret) return "(secret)";
        const std::string text = toml_value(value);
        return text.empty() ? "(not set)" : text;
    };
    return {key.path, show(before), show(after)};
}

std::string count_listeners(const Config& config) {
    return fmt::format("{} configured", config.listeners.size());
}

}  // namespace

ReloadPlan plan_reload(const Config& running, const LoadResult& loaded,
                       const ConfigSources& sources) {
    ReloadPlan plan;
    plan.next = running;
    for (const Key& key : schema().keys()) {
        const Value before = key.get(running);
        const Value after = key.get(loaded.config);
        if (before == after) continue;
        (key.info.live ? plan.live : plan.needs_restart)
            .push_back(describe_change(key, before, after));
        if (key.info.live) key.set(plan.next, after);
    }
    if (running.listeners != loaded.config.listeners) {
        plan.needs_restart.push_back({std::string{kListenerSection.name}, count_listeners(running),
                                      count_listeners(loaded.config)});
    }
    validate(plan.next,
             {.origins = loaded.origins,
              .listener_origins = {},
              .dialects = sources.dialects,
              .reserved_paths = sources.reserved_paths},
             plan.diagnostics);
    return plan;
}

}  // namespace pulse::server
