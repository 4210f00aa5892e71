// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How much memory the process may use.
#pragma once

#include <cstdint>
#include <filesystem>

namespace pulse::server {

/// The machine's memory, or the smallest limit of the control groups that the process is in, which
/// is how containers and service managers limit it. 0: not known.
[[nodiscard]] std::uint64_t usable_memory();

/// The smallest limit of these groups, of either version of the kernel's interface; UINT64_MAX
/// where there is none. `groups` is /proc/self/cgroup, `root` /sys/fs/cgroup.
[[nodiscard]] std::uint64_t control_group_limit(const std::filesystem::path& groups,
                                                const std::filesystem::path& root);

}  // namespace pulse::server
