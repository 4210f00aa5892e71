// SPDX-License-Identifier: MIT OR Apache-2.0
#include "memory_limit.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <fstream>
#include <string>

namespace pulse::server {
namespace {

/// A folder in the place of /sys/fs/cgroup, and a file in the place of /proc/self/cgroup.
class Groups {
  public:
    explicit Groups(const std::string& lines) { put("cgroup", lines); }

    void put(const std::string& path, const std::string& text) const {
        const std::filesystem::path file = directory_ / path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    [[nodiscard]] std::uint64_t limit() const {
        return control_group_limit(directory_ / "cgroup", directory_ / "fs");
    }

  private:
    test::TempDir directory_;
};

TEST_CASE("the smallest limit on the way to a group holds", "[memory]") {
    const Groups groups("0::/system.slice/pulse-server.service\n");
    CHECK(groups.limit() == UINT64_MAX);
    groups.put("fs/system.slice/pulse-server.service/memory.max", "max\n");
    CHECK(groups.limit() == UINT64_MAX);
    groups.put("fs/system.slice/pulse-server.service/memory.max", "536870912\n");
    CHECK(groups.limit() == 536'870'912);
    groups.put("fs/system.slice/memory.max", "1073741824\n");
    CHECK(groups.limit() == 536'870'912);
    groups.put("fs/system.slice/memory.max", "268435456\n");
    CHECK(groups.limit() == 268'435'456);
    groups.put("fs/other.slice/memory.max", "1\n");
    CHECK(groups.limit() == 268'435'456);
}

TEST_CASE("a container sees its own group as the root, whatever it is called outside", "[memory]") {
    for (const char* path : {"/", "/docker/0123", "/../../docker/0123"}) {
        CAPTURE(path);
        const Groups groups("0::" + std::string(path) + "\n");
        groups.put("fs/memory.max", "536870912\n");
        CHECK(groups.limit() == 536'870'912);
    }
}

TEST_CASE("the first version of control groups has a hierarchy for memory", "[memory]") {
    const Groups groups("8:pids:/a\n5:cpu,memory:/a/b\n1:name=systemd:/\n0::/\n");
    groups.put("fs/memory/memory.limit_in_bytes", "9223372036854771712\n");
    groups.put("fs/memory/a/b/memory.limit_in_bytes", "134217728\n");
    groups.put("fs/pids/a/memory.limit_in_bytes", "1\n");
    CHECK(groups.limit() == 134'217'728);
}

TEST_CASE("what is no list of groups limits nothing", "[memory]") {
    for (const char* lines : {"", "nonsense\n", "1:memory\n", ":::\n", "0::\n", "4:memoryx:/a\n"}) {
        CAPTURE(lines);
        const Groups groups(lines);
        groups.put("fs/memory/a/memory.limit_in_bytes", "1\n");
        CHECK(groups.limit() == UINT64_MAX);
    }
}

TEST_CASE("there is memory to use", "[memory]") { CHECK(usable_memory() > 1024 * 1024); }

}  // namespace
}  // namespace pulse::server
