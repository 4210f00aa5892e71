// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The store's file as the file system sees it: made with the right mode, claimed for one process,
// recognised again.
#pragma once

#include "sqlite/fault.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <sys/types.h>
#include <tl/expected.hpp>

namespace pulse::store::sqlite {

/// Which file it is, whatever it is called. A value type.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

struct FileFacts {
    FileIdentity identity;
    std::uint64_t bytes = 0;
};

/// Nothing when there is no regular file of that name.
[[nodiscard]] std::optional<FileFacts> look_at(const std::string& path);

/// Makes the folders on the way to `path` that are not there, for this user alone.
[[nodiscard]] std::optional<Fault> make_folders_for(const std::string& path);
/// Makes an empty file, for this user alone. SQLite gives what lies beside it the same mode.
[[nodiscard]] std::optional<Fault> make_file(const std::string& path);

/// Why this user may not read and write the file.
[[nodiscard]] std::optional<Fault> find_lack_of_rights(const std::string& path);

/// The right to use a store's file, held by one process (and one store in it) at a time. In a file
/// of its own that stays where it is: locks on the database's file itself are SQLite's, and closing
/// that file anywhere in the process would give them up.
class FileLock {
  public:
    [[nodiscard]] static tl::expected<FileLock, Fault> acquire(const std::string& path);
    FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileLock& operator=(FileLock&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~FileLock();

  private:
    explicit FileLock(int fd) noexcept : fd_(fd) {}
    int fd_;
};

}  // namespace pulse::store::sqlite
