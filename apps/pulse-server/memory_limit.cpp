// SPDX-License-Identifier: MIT OR Apache-2.0
#include "memory_limit.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

#include <unistd.h>

namespace pulse::server {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kNone = UINT64_MAX;

/// "max", or a file that is not there, is no limit.
std::uint64_t read_limit(const fs::path& file) {
    std::ifstream in(file);
    std::uint64_t bytes = 0;
    return in >> bytes ? bytes : kNone;
}

/// Every group above limits what is in it as well. In a container the path may be that of the
/// machine, of which only the container's own group is there to see, as the root.
std::uint64_t smallest_limit(const fs::path& root, const fs::path& group, const char* file) {
    std::uint64_t smallest = read_limit(root / file);
    fs::path at = root;
    for (const fs::path& name : group.relative_path()) {
        // A container's path may lead out of what it sees; there is nothing of its own.
        if (name == "..") break;
        at /= name;
        smallest = std::min(smallest, read_limit(at / file));
    }
    return smallest;
}

/// Whether "memory" is among names separated by commas.
bool names_memory(std::string_view controllers) {
    while (!controllers.empty()) {
        const std::size_t end = std::min(controllers.find(','), controllers.size());
        if (controllers.substr(0, end) == "memory") return true;
        controllers.remove_prefix(std::min(end + 1, controllers.size()));
    }
    return false;
}

}  // namespace

std::uint64_t control_group_limit(const fs::path& groups, const fs::path& root) {
    std::uint64_t smallest = kNone;
    std::ifstream in(groups);
    // A line for each hierarchy, "number:controllers:path"; the second version has but one, without
    // controllers.
    for (std::string line; std::getline(in, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string_view controllers(line.data() + first + 1, second - first - 1);
        const fs::path group(line.substr(second + 1));
        if (controllers.empty()) {
            smallest = std::min(smallest, smallest_limit(root, group, "memory.max"));
        } else if (names_memory(controllers)) {
            smallest =
                std::min(smallest, smallest_limit(root / "memory", group, "memory.limit_in_bytes"));
        }
    }
    return smallest;
}

std::uint64_t usable_memory() {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page = ::sysconf(_SC_PAGE_SIZE);
    const std::uint64_t machine =
        pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
                              : kNone;
    const std::uint64_t bytes =
        std::min(machine, control_group_limit("/proc/self/cgroup", "/sys/fs/cgroup"));
    return bytes == kNone ? 0 : bytes;
}

}  // namespace pulse::server
