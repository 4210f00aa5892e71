// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is in the file, and how it came to be so.
//
//   documents   a row per document. A table with row ids and an index over the keys, not one
//   clustered
//               by key: that reads small documents twice as fast, and costs three times as much as
//               soon as values pass a kilobyte (docs/adr/0002-document-store.md has the figures).
//               expires_at is Unix time in milliseconds, NULL for never, and indexed where it is
//               set.
//   state       numbers of the store as a whole: `version`, the last one given to a batch; `proof`,
//               counted up to find out whether the file can be written.
//
// The file's application_id is kApplicationId, its user_version the number of the last migration.
#pragma once

#include "sqlite/fault.hpp"

#include <cstdint>
#include <optional>
#include <span>

#include <SQLiteCpp/SQLiteCpp.h>

namespace pulse::store::sqlite {

/// "PlsD", so that file(1) and we can tell it from other programs' databases.
inline constexpr std::int32_t kApplicationId = 0x506c7344;

/// One step forward. Released ones are never changed.
struct Migration {
    std::int32_t version;  ///< that the file has afterwards; one more than the step before
    const char* sql;
};

/// All of them, the first making the tables of a new file.
[[nodiscard]] std::span<const Migration> migrations() noexcept;

/// Why these steps are not for this file: it is another program's, or newer than all of them. Only
/// reads. Throws SQLite::Exception.
[[nodiscard]] std::optional<Fault> find_incompatibility(SQLite::Database& db,
                                                        std::span<const Migration> steps);
/// Brings a compatible file to the last step's version, each step in a transaction of its own that
/// either happened whole or not at all. Throws SQLite::Exception.
void migrate(SQLite::Database& db, std::span<const Migration> steps);

}  // namespace pulse::store::sqlite
