// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From a path to a file that can be trusted and written, or why not.
#pragma once

#include "sqlite/fault.hpp"
#include "sqlite/file.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>
#include <tl/expected.hpp>

#include <pulse/store/sqlite_store.hpp>

namespace pulse::store::sqlite {

/// What the store remembers between attempts.
struct OpeningRules {
    /// The file that was open before: no other is taken for it, and none is made.
    std::optional<FileIdentity> known;
    /// Read the file through whatever its size and however it was closed.
    bool must_check = false;
    /// Asked while the file is read through, which may take minutes: whether nobody waits for it
    /// any more. Empty: somebody does.
    std::function<bool()> is_unwanted;
};

/// The file, open for writing.
struct OpenFile {
    SQLite::Database db;
    FileIdentity database;
    FileIdentity log;           ///< the write-ahead log
    std::uint64_t version = 0;  ///< the last one given to a batch
    bool was_closed_well = true;
    bool was_checked = false;
};

/// A connection with what reader and writer have in common. Throws SQLite::Exception.
[[nodiscard]] SQLite::Database connect(const SqliteOptions& options, const std::string& path);

/// Takes the lock (into `lock`, unless it is there already), makes folder and file when they are
/// missing and may be made, checks, migrates, and proves that it can write.
[[nodiscard]] tl::expected<OpenFile, Fault> open_file(const SqliteOptions& options,
                                                      const std::string& path,
                                                      const OpeningRules& rules,
                                                      std::optional<FileLock>& lock);

/// Writes a little and commits it: whether that works cannot be known otherwise. Throws.
void prove_writable(SQLite::Database& db);
/// Makes room for a document and gives it back. Throws when the file's limit leaves none.
void prove_room(SQLite::Database& db);

}  // namespace pulse::store::sqlite
