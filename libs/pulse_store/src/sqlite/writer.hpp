// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything that changes the file. Belongs to the thread that writes.
#pragma once

#include "sqlite/fault.hpp"
#include "sqlite/intake.hpp"
#include "sqlite/opening.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include <pulse/core/clock.hpp>
#include <pulse/core/document_store.hpp>

namespace pulse::store::sqlite {

/// The answer to one batch, as long as the transaction it is part of comes to its end.
using Outcome = core::Result<core::CommitResult>;

/// **Bound** to one thread. What ends in a Fault has changed nothing, as far as one can tell.
class Writer {
  public:
    /// Throws SQLite::Exception.
    Writer(OpenFile file, const SqliteOptions& options, std::string path, const core::Clock& clock);
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// All batches in one transaction; those that cannot be done say so in `outcomes` and leave the
    /// others alone. As durable as the options ask on return. Tells how many of them wrote
    /// anything.
    [[nodiscard]] tl::expected<std::size_t, Fault> commit(std::span<WriteWork> group,
                                                          std::vector<Outcome>& outcomes);

    struct Swept {
        std::size_t documents = 0;
        bool is_all = true;
    };
    /// Removes documents that have expired, a few hundred at most.
    [[nodiscard]] tl::expected<Swept, Fault> sweep();
    /// When the next document expires; nothing when none does.
    [[nodiscard]] std::optional<std::uint64_t> next_expiry() const noexcept { return next_expiry_; }

    /// Moves the log's content to the database file when there is enough of it.
    [[nodiscard]] std::optional<Fault> tidy_log();
    /// Puts on the disk what was committed; for Durability::second.
    [[nodiscard]] std::optional<Fault> sync();
    /// Whether a document would find room, and a write works at all.
    [[nodiscard]] std::optional<Fault> prove();
    /// Whether the files under the store's names are still those it has open.
    [[nodiscard]] std::optional<Fault> find_displacement();

    [[nodiscard]] const FileIdentity& identity() const noexcept { return database_; }
    [[nodiscard]] std::uint64_t file_bytes() const noexcept { return file_bytes_; }

  private:
    using Kind = core::DocumentBatch::Kind;
    using Operation = core::DocumentBatch::Operation;

    /// What is stored under a key and has not expired.
    struct Stored {
        std::uint64_t version = 0;
        std::optional<std::uint64_t> expires_at;
    };

    [[nodiscard]] Outcome apply(const WriteWork& work, std::uint64_t now);
    [[nodiscard]] bool holds(const Operation& precondition, std::uint64_t now);
    /// Writes all of them with this version; the error of the one that could not be done.
    [[nodiscard]] std::error_code write(const WriteWork& work, std::uint64_t now,
                                        std::uint64_t version, std::vector<std::int64_t>& counters);
    [[nodiscard]] core::Result<std::int64_t> add(const Operation& operation,
                                                 std::uint64_t accepted_ms, std::uint64_t now,
                                                 std::uint64_t version);
    [[nodiscard]] std::optional<Stored> find(std::string_view key, std::uint64_t now);
    void put(std::string_view key, protocol::ByteView value, std::uint64_t version,
             std::optional<std::uint64_t> expires_at);
    void remove(std::string_view key);
    void find_next_expiry();
    void roll_back() noexcept;
    static int count_log(void* self, sqlite3*, const char*, int pages);

    const SqliteOptions& options_;
    const std::string path_;
    const core::Clock& clock_;
    SQLite::Database db_;
    FileIdentity database_;
    FileIdentity log_;
    std::uint64_t version_;
    std::uint64_t written_version_;
    std::optional<std::uint64_t> next_expiry_;
    int log_pages_ = 0;
    int tidy_at_;  ///< so many pages
    std::uint64_t file_bytes_ = 0;

    SQLite::Statement begin_, commit_, savepoint_, rewind_, release_;
    SQLite::Statement find_, read_, put_, remove_, set_version_, sweep_, first_expiry_;
};

}  // namespace pulse::store::sqlite
