// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A layer below SQLite that fails when told to, and remembers what a power failure would leave.
//
// Everything is done on the real files; beside them lies, for each file, what was synced last and
// the writes since. A disk without power keeps each of those, or some sectors of them, or none.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

namespace pulse::test {

/// Registered with SQLite under name() while it lives. **Thread-safe.**
class FaultVfs {
  public:
    FaultVfs();
    ~FaultVfs();
    FaultVfs(const FaultVfs&) = delete;
    FaultVfs& operator=(const FaultVfs&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// The n-th operation from now on fails, and `more` that follow it. 1 is the next.
    void fail_at(std::uint64_t n, std::uint64_t more = 0);
    /// No write that needs new room works.
    void set_full(bool is_full) noexcept { is_full_ = is_full; }
    /// Reading fails, or syncing does, until told otherwise.
    void set_unreadable(bool is_unreadable) noexcept { is_unreadable_ = is_unreadable; }
    void set_unsyncable(bool is_unsyncable) noexcept { is_unsyncable_ = is_unsyncable; }
    void heal() noexcept;
    [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }
    [[nodiscard]] std::uint64_t faults() const noexcept { return faults_; }
    [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_; }

    /// Writes to `folder` what the files would be if the power failed now.
    void lose_power(const std::string& folder, std::mt19937& random) const;
    /// Bytes that a power failure may cost.
    [[nodiscard]] std::size_t unsynced_bytes() const;

    // For the functions that SQLite calls.
    enum class Operation : std::uint8_t { open, remove, read, write, truncate, sync, map };
    /// SQLITE_OK, or what the operation shall fail with.
    [[nodiscard]] int next(Operation operation);
    [[nodiscard]] bool is_full() const noexcept { return is_full_; }
    void count_fault() noexcept { ++faults_; }
    void note_open(const std::string& path);
    void note_write(const std::string& path, const void* data, int size, std::int64_t at);
    void note_truncate(const std::string& path, std::int64_t size);
    void note_sync(const std::string& path);
    /// As Linux has it: what could not be written is given up, still read by everybody, and no
    /// later sync fails for it.
    void note_failed_sync(const std::string& path);
    void note_remove(const std::string& path);
    [[nodiscard]] sqlite3_vfs& real() const noexcept { return *real_; }

  private:
    struct Write {
        std::int64_t at;
        std::vector<char> data;
        bool is_truncation;  ///< to `at` bytes
    };
    struct Image {
        std::vector<char> synced;
        std::vector<Write> since;
    };
    static void apply(const Write& write, std::vector<char>& bytes);

    std::string name_;
    sqlite3_vfs* real_;
    std::unique_ptr<sqlite3_vfs> vfs_;
    std::atomic<std::uint64_t> operations_{0};
    std::atomic<std::uint64_t> faults_{0};
    std::atomic<std::uint64_t> syncs_{0};
    std::atomic<std::uint64_t> fail_from_{0};
    std::atomic<std::uint64_t> fail_to_{0};
    std::atomic<bool> is_full_{false};
    std::atomic<bool> is_unreadable_{false};
    std::atomic<bool> is_unsyncable_{false};
    mutable std::mutex mutex_;
    std::map<std::string, Image> images_;
};

}  // namespace pulse::test
