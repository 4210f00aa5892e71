// SPDX-License-Identifier: MIT OR Apache-2.0
#include "process_stats.hpp"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pulse::load {
namespace {

std::string proc_path(pid_t pid, const char* rest) {
    return "/proc/" + std::to_string(pid) + "/" + rest;
}

/// Calls `visit(name)` for each entry of a directory but the dotted ones.
template <class Visit>
void for_each_entry(const std::string& path, Visit visit) {
    const auto close = [](DIR* dir) { ::closedir(dir); };
    const std::unique_ptr<DIR, decltype(close)> dir(::opendir(path.c_str()), close);
    if (!dir) return;
    while (const dirent* entry = ::readdir(dir.get())) {
        if (entry->d_name[0] != '.') visit(entry->d_name);
    }
}

}  // namespace

bool ProcessStats::alive() const {
    return std::all_of(pids_.begin(), pids_.end(), [](pid_t pid) {
        struct stat info {};
        return ::stat(proc_path(pid, "").c_str(), &info) == 0;
    });
}

std::vector<std::uint64_t> ProcessStats::cpu_ns_each() const {
    std::vector<std::uint64_t> each;
    for (const pid_t pid : pids_) {
        std::uint64_t& total = each.emplace_back(0);
        const std::string tasks = proc_path(pid, "task/");
        for_each_entry(tasks, [&](const char* tid) {
            std::ifstream file(tasks + tid + "/schedstat");
            std::uint64_t run_ns = 0;
            if (file >> run_ns) total += run_ns;
        });
    }
    return each;
}

std::uint64_t ProcessStats::cpu_ns() const {
    const std::vector<std::uint64_t> each = cpu_ns_each();
    return std::accumulate(each.begin(), each.end(), std::uint64_t{0});
}

std::uint64_t ProcessStats::rss_bytes() const {
    std::uint64_t pages = 0;
    for (const pid_t pid : pids_) {
        std::ifstream file(proc_path(pid, "statm"));
        std::uint64_t size = 0;
        std::uint64_t resident = 0;
        if (file >> size >> resident) pages += resident;
    }
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t ProcessStats::descriptors() const {
    std::uint64_t count = 0;
    for (const pid_t pid : pids_) {
        for_each_entry(proc_path(pid, "fd"), [&](const char*) { ++count; });
    }
    return count;
}

std::uint64_t ProcessStats::descriptor_limit() const {
    if (pids_.empty()) return 0;
    std::ifstream file(proc_path(pids_.front(), "limits"));
    for (std::string line; std::getline(file, line);) {
        constexpr std::string_view kLabel = "Max open files";
        if (line.compare(0, kLabel.size(), kLabel) != 0) continue;
        return std::strtoull(line.c_str() + kLabel.size(), nullptr, 10);
    }
    return 0;
}

std::uint64_t own_cpu_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t raise_descriptor_limit(std::uint64_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur >= wanted) return limit.rlim_cur;
    rlimit raised{.rlim_cur = wanted, .rlim_max = std::max<rlim_t>(wanted, limit.rlim_max)};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;
    // Only the superuser may lift the hard limit; take what is left below it.
    raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? limit.rlim_max : limit.rlim_cur;
}

}  // namespace pulse::load
