// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Free-form data between MessagePack and JSON text, value by value and without a tree.
#pragma once

#include "scan.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/protocol/bytes.hpp>

namespace pulse::protocol {

/// Appends `raw` as JSON text, canonical members and all; `null` when it is not JSON-like.
void append_data(std::string& out, ByteView raw);

/// Puts a value that arrives in pieces into MessagePack. Not minimal: counts are known only when a
/// container ends, so their headers have 32 bits throughout; canonicalise() shortens them.
class DataBuilder {
  public:
    void clear() noexcept;

    void scalar(const wire::Header& header);
    void text(std::string_view text);
    void key(std::string_view key);
    void begin_array() { begin(wire::Header::Kind::array); }
    void begin_object() { begin(wire::Header::Kind::map); }
    void end();

    [[nodiscard]] ByteView bytes() const noexcept { return bytes_; }

  private:
    struct Open {
        std::size_t count_at;  ///< where the count will stand
        bool is_map;
        std::uint32_t count = 0;
    };

    void begin(wire::Header::Kind kind);
    void count_item();
    void append_text(std::string_view text);

    std::vector<std::byte> bytes_;
    std::vector<Open> open_;
};

/// Puts a value that arrives in pieces into JSON text without white space.
class CompactText {
  public:
    void clear() noexcept { out_.clear(); }

    /// `literal`: a number, `true`, `false` or `null`, as text.
    void literal(std::string_view literal);
    void text(std::string_view text);
    void key(std::string_view key);
    void begin_array() { open('['); }
    void begin_object() { open('{'); }
    void end_array() { out_ += ']'; }
    void end_object() { out_ += '}'; }

    [[nodiscard]] const std::string& str() const noexcept { return out_; }

  private:
    void separate();
    void open(char bracket);

    std::string out_;
};

}  // namespace pulse::protocol
