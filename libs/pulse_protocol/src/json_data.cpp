// SPDX-License-Identifier: MIT OR Apache-2.0

#include "json_data.hpp"

#include "header.hpp"
#include "json_text.hpp"
#include "wire.hpp"

#include <pulse/protocol/value.hpp>

namespace pulse::protocol {
namespace {

using wire::Cursor;
using wire::Header;
using Kind = Header::Kind;

/// Writes a checked value as JSON, with one counter per open container.
class JsonWriter {
  public:
    JsonWriter(ByteView raw, std::string& out) noexcept
        : in_{raw.data(), raw.data() + raw.size()}, out_(out) {}

    void run() {
        write_one();
        while (!open_.empty()) {
            Open& top = open_.back();
            if (top.missing == 0) {
                out_ += top.is_map ? '}' : ']';
                open_.pop_back();
                continue;
            }
            if (!top.is_first) out_ += ',';
            top.is_first = false;
            --top.missing;
            if (top.is_map) {
                write_one();  // the key
                out_ += ':';
            }
            write_one();
        }
    }

  private:
    struct Open {
        bool is_map;
        bool is_first = true;
        std::uint64_t missing;
    };

    void write_one() {
        Header header;
        if (wire::read_header(in_, header) != Error::none) return;  // was checked: cannot happen
        switch (header.kind) {
            case Kind::boolean:
                out_ += header.value != 0 ? "true" : "false";
                break;
            case Kind::uint:
                json_text::append_number(out_, header.value);
                break;
            case Kind::negative:
                json_text::append_number(out_, static_cast<std::int64_t>(header.value));
                break;
            case Kind::float32:
            case Kind::float64:
                json_text::append_number(out_, wire::as_double(header));
                break;
            case Kind::str: {
                const auto size = static_cast<std::size_t>(header.value);
                json_text::append_string(out_, as_text({in_.p, size}));
                in_.p += size;
                break;
            }
            case Kind::array:
            case Kind::map:
                out_ += header.kind == Kind::map ? '{' : '[';
                open_.push_back({.is_map = header.kind == Kind::map, .missing = header.value});
                break;
            case Kind::nil:
            case Kind::bin:
            case Kind::ext:
                out_ += "null";
                break;
        }
    }

    Cursor in_;
    std::string& out_;
    std::vector<Open> open_;
};

}  // namespace

void append_data(std::string& out, ByteView raw) {
    std::vector<std::byte> canonical;
    if (canonicalise(raw, canonical) == Error::none) {
        JsonWriter(canonical, out).run();
    } else {
        out += "null";
    }
}

// ---- DataBuilder -------------------------------------------------------------------------------

void DataBuilder::clear() noexcept {
    bytes_.clear();
    open_.clear();
}

void DataBuilder::scalar(const Header& header) {
    count_item();
    wire::append_header(bytes_, header);
}

void DataBuilder::text(std::string_view text) {
    count_item();
    append_text(text);
}

void DataBuilder::key(std::string_view key) {
    ++open_.back().count;
    append_text(key);
}

void DataBuilder::begin(Kind kind) {
    count_item();
    const bool is_map = kind == Kind::map;
    bytes_.push_back(std::byte{is_map ? wire::kMap32 : wire::kArray32});
    open_.push_back({.count_at = bytes_.size(), .is_map = is_map});
    bytes_.resize(bytes_.size() + sizeof(std::uint32_t));
}

void DataBuilder::end() {
    const Open done = open_.back();
    open_.pop_back();
    wire::store_be(bytes_.data() + done.count_at, done.count);
}

/// Maps count their keys.
void DataBuilder::count_item() {
    if (!open_.empty() && !open_.back().is_map) ++open_.back().count;
}

void DataBuilder::append_text(std::string_view text) {
    wire::append_header(bytes_, {Kind::str, text.size()});
    const ByteView bytes = as_bytes(text);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

// ---- CompactText -------------------------------------------------------------------------------

void CompactText::literal(std::string_view literal) {
    separate();
    out_ += literal;
}

void CompactText::text(std::string_view text) {
    separate();
    json_text::append_string(out_, text);
}

void CompactText::key(std::string_view key) {
    text(key);
    out_ += ':';
}

void CompactText::open(char bracket) {
    separate();
    out_ += bracket;
}

/// The comma before everything but the first thing behind a bracket or colon. The last character
/// tells: one inside a string would be followed by its quote.
void CompactText::separate() {
    if (out_.empty()) return;
    const char last = out_.back();
    if (last != '[' && last != '{' && last != ':') out_ += ',';
}

}  // namespace pulse::protocol
