// SPDX-License-Identifier: MIT OR Apache-2.0
#include "descriptor_limit.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <sys/resource.h>

namespace pulse::server {
namespace {

rlimit present_limit() {
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit;
}

class EventLog final : public core::Log {
  public:
    using Log::write;
    [[nodiscard]] bool enabled(core::LogLevel) const noexcept override { return true; }
    void write(core::LogLevel level, std::string_view event,
               std::span<const core::LogField> fields) noexcept override {
        CHECK(level == core::LogLevel::warn);
        std::string line(event);
        for (const core::LogField& field : fields) {
            line.append(" ").append(field.key);
            if (const auto* number = std::get_if<std::uint64_t>(&field.value)) {
                line.append("=").append(std::to_string(*number));
            }
        }
        lines.push_back(std::move(line));
    }
    std::vector<std::string> lines;
};

TEST_CASE("the soft limit of descriptors is raised to the hard one", "[descriptors]") {
    const rlimit original = present_limit();
    rlimit low = original;
    low.rlim_cur = std::min<rlim_t>(original.rlim_max, 256);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    const DescriptorLimit raised = raise_descriptor_limit();
    CHECK(raised.before == low.rlim_cur);
    CHECK(raised.now == original.rlim_max);
    CHECK(present_limit().rlim_cur == original.rlim_max);
    // Where there is nothing to raise nothing changes.
    const DescriptorLimit again = raise_descriptor_limit();
    CHECK(again.before == original.rlim_max);
    CHECK(again.now == original.rlim_max);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &original) == 0);
}

TEST_CASE("a limit that cannot hold the configured connections is said", "[descriptors]") {
    Config config;
    config.limits.max_connections = 5'000;
    const std::uint64_t needed = descriptors_needed(config);
    CHECK(needed > 5'000);
    EventLog log;
    check_descriptor_limit(needed, config, log);
    CHECK(log.lines.empty());
    check_descriptor_limit(needed - 1, config, log);
    CHECK(log.lines ==
          std::vector<std::string>{"descriptor_limit_low limit=" + std::to_string(needed - 1) +
                                   " needed=" + std::to_string(needed) + " max_connections=5000"});
    config.listeners.resize(3);
    CHECK(descriptors_needed(config) == needed + 3);
}

}  // namespace
}  // namespace pulse::server
