// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything that reads documents for callers. Belongs to the thread that reads.
#pragma once

#include "sqlite/fault.hpp"

#include <optional>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

#include <pulse/core/document_store.hpp>
#include <pulse/store/sqlite_store.hpp>

namespace pulse::store::sqlite {

/// **Bound** to one thread. All of it throws SQLite::Exception.
class Reader {
  public:
    Reader(const SqliteOptions& options, const std::string& path);

    /// While one of these lives, everything is read from one moment, and costs less to begin.
    class Snapshot {
      public:
        explicit Snapshot(Reader& reader);
        ~Snapshot();
        Snapshot(const Snapshot&) = delete;
        Snapshot& operator=(const Snapshot&) = delete;

      private:
        Reader& reader_;
    };

    [[nodiscard]] std::optional<core::Document> get(const std::string& key, std::uint64_t now);
    [[nodiscard]] core::DocumentPage scan(const core::DocumentRange& range, std::uint64_t now);

    /// The connection, for what an exception does not say.
    [[nodiscard]] sqlite3* handle() const noexcept { return db_.getHandle(); }

  private:
    const SqliteOptions& options_;
    SQLite::Database db_;
    SQLite::Statement begin_, end_, get_, scan_, scan_to_end_;
};

/// Keys and values of what was read: what an answer holds.
[[nodiscard]] std::size_t held_bytes(const core::DocumentPage& page) noexcept;

}  // namespace pulse::store::sqlite
