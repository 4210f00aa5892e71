// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prepared statements with keys and values as bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include <pulse/protocol/bytes.hpp>

namespace pulse::store::sqlite {

/// One use of a prepared statement: it is ready for the next one, and holds no snapshot of the file
/// any more, when this ends. What is bound must live as long.
class Use {
  public:
    explicit Use(SQLite::Statement& statement) noexcept : statement_(statement) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    // What a failed step says is said again here, and has been heard.
    ~Use() { (void)statement_.tryReset(); }

    Use& bind(int at, protocol::ByteView bytes) {
        // A null pointer would be bound as NULL, which is not the same as no bytes.
        const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
        statement_.bindNoCopy(at, data, static_cast<int>(bytes.size()));
        return *this;
    }
    Use& bind(int at, std::string_view key) { return bind(at, protocol::as_bytes(key)); }
    Use& bind(int at, std::uint64_t number) {
        statement_.bind(at, static_cast<std::int64_t>(number));
        return *this;
    }
    Use& bind(int at, std::optional<std::uint64_t> number) {
        if (number) return bind(at, *number);
        statement_.bind(at);  // NULL
        return *this;
    }

    /// Whether there is a (further) row.
    [[nodiscard]] bool step() { return statement_.executeStep(); }
    /// Runs it to its end.
    void run() {
        while (statement_.executeStep()) {
        }
    }

    [[nodiscard]] protocol::ByteView bytes(int column) {
        const SQLite::Column value = statement_.getColumn(column);
        const void* data = value.getBlob();
        return {static_cast<const std::byte*>(data), static_cast<std::size_t>(value.size())};
    }
    [[nodiscard]] std::uint64_t number(int column) {
        return static_cast<std::uint64_t>(statement_.getColumn(column).getInt64());
    }
    [[nodiscard]] std::optional<std::uint64_t> optional_number(int column) {
        const SQLite::Column value = statement_.getColumn(column);
        if (value.isNull()) return std::nullopt;
        return static_cast<std::uint64_t>(value.getInt64());
    }

  private:
    SQLite::Statement& statement_;
};

}  // namespace pulse::store::sqlite
