// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sqlite/reader.hpp"

#include "sqlite/opening.hpp"
#include "sqlite/statement.hpp"

#include <utility>

namespace pulse::store::sqlite {

namespace {

constexpr char kGet[] = "SELECT value, version, expires_at FROM documents WHERE key = ?1";
constexpr char kScan[] =
    "SELECT key, value, version, expires_at FROM documents "
    "WHERE key >= ?1 AND key < ?4 AND (expires_at IS NULL OR expires_at > ?2) "
    "ORDER BY key LIMIT ?3";
constexpr char kScanToEnd[] =
    "SELECT key, value, version, expires_at FROM documents "
    "WHERE key >= ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY key LIMIT ?3";

std::vector<std::byte> copy(protocol::ByteView bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

Reader::Reader(const SqliteOptions& options, const std::string& path)
    : options_(options),
      db_(connect(options, path)),
      begin_(db_, "BEGIN"),
      end_(db_, "COMMIT"),
      get_(db_, kGet),
      scan_(db_, kScan),
      scan_to_end_(db_, kScanToEnd) {
    db_.exec("PRAGMA query_only = ON");
}

Reader::Snapshot::Snapshot(Reader& reader) : reader_(reader) { Use(reader_.begin_).run(); }

Reader::Snapshot::~Snapshot() {
    try {
        Use(reader_.end_).run();
    } catch (const std::exception&) {
        // Nothing was written, so there is nothing to lose; and whatever is wrong with the
        // connection has been told by what was asked of it.
        (void)reader_.db_.tryExec("ROLLBACK");
    }
}

std::optional<core::Document> Reader::get(const std::string& key, std::uint64_t now) {
    Use row(get_);
    if (!row.bind(1, key).step()) return std::nullopt;
    const auto expires_at = row.optional_number(2);
    if (core::has_expired(expires_at, now)) return std::nullopt;
    return core::Document{key, copy(row.bytes(0)), row.number(1), expires_at};
}

core::DocumentPage Reader::scan(const core::DocumentRange& range, std::uint64_t now) {
    const std::size_t limit = core::page_size(range, options_.limits);
    Use rows(range.end ? scan_ : scan_to_end_);
    // One more than is wanted says where the next page begins.
    rows.bind(1, range.begin).bind(2, now).bind(3, std::uint64_t{limit} + 1);
    if (range.end) rows.bind(4, *range.end);
    core::DocumentPage page;
    std::size_t bytes = 0;
    while (rows.step()) {
        const protocol::ByteView key = rows.bytes(0);
        const protocol::ByteView value = rows.bytes(1);
        bytes += key.size() + value.size();
        std::string name(protocol::as_text(key));
        if (page.documents.size() == limit ||
            (bytes > options_.limits.max_page_bytes && !page.documents.empty())) {
            page.next = std::move(name);
            break;
        }
        page.documents.push_back(
            {std::move(name), copy(value), rows.number(2), rows.optional_number(3)});
    }
    return page;
}

std::size_t held_bytes(const core::DocumentPage& page) noexcept {
    std::size_t bytes = 0;
    for (const core::Document& document : page.documents) {
        bytes += document.key.size() + document.value.size();
    }
    return bytes;
}

}  // namespace pulse::store::sqlite
