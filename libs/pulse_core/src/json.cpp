// SPDX-License-Identifier: MIT OR Apache-2.0
#include <array>
#include <cassert>
#include <cstring>

#include <pulse/core/json.hpp>

namespace pulse::core::json {

namespace {

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

constexpr int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Reads forward; every function that returns bool leaves the place undefined when false.
class Reader {
  public:
    Reader(const char* at, const char* end) noexcept : at_(at), end_(end) {}

    [[nodiscard]] const char* at() const noexcept { return at_; }
    [[nodiscard]] bool is_at_end() const noexcept { return at_ == end_; }
    [[nodiscard]] char peek() const noexcept { return at_ == end_ ? '\0' : *at_; }
    void skip_space() noexcept {
        while (at_ != end_ && is_space(*at_)) ++at_;
    }
    bool take(char c) noexcept {
        if (at_ == end_ || *at_ != c) return false;
        ++at_;
        return true;
    }
    bool skip_string() noexcept;
    Problem skip_value(std::size_t max_depth = kMaxWrappedDepth) noexcept;

  private:
    bool skip_word(std::string_view word) noexcept {
        if (static_cast<std::size_t>(end_ - at_) < word.size()) return false;
        if (std::memcmp(at_, word.data(), word.size()) != 0) return false;
        at_ += word.size();
        return true;
    }
    bool skip_digits() noexcept {
        const char* const begin = at_;
        while (at_ != end_ && is_digit(*at_)) ++at_;
        return at_ != begin;
    }
    bool skip_number() noexcept;
    bool skip_scalar() noexcept;

    const char* at_;
    const char* end_;
};

bool Reader::skip_string() noexcept {
    if (!take('"')) return false;
    while (at_ != end_) {
        const char c = *at_++;
        if (c == '"') return true;
        if (static_cast<unsigned char>(c) < 0x20) return false;
        if (c != '\\') continue;
        if (at_ == end_) return false;
        switch (*at_++) {
            case '"':
            case '\\':
            case '/':
            case 'b':
            case 'f':
            case 'n':
            case 'r':
            case 't':
                break;
            case 'u':
                if (end_ - at_ < 4) return false;
                for (int i = 0; i < 4; ++i) {
                    if (hex_value(*at_++) < 0) return false;
                }
                break;
            default:
                return false;
        }
    }
    return false;
}

bool Reader::skip_number() noexcept {
    (void)take('-');
    if (!take('0') && !skip_digits()) return false;
    if (take('.') && !skip_digits()) return false;
    if (take('e') || take('E')) {
        if (!take('+')) (void)take('-');
        if (!skip_digits()) return false;
    }
    return true;
}

bool Reader::skip_scalar() noexcept {
    switch (peek()) {
        case '"':
            return skip_string();
        case 't':
            return skip_word("true");
        case 'f':
            return skip_word("false");
        case 'n':
            return skip_word("null");
        default:
            return skip_number();
    }
}

/// One bit for each open container tells objects from arrays.
Problem Reader::skip_value(std::size_t max_depth) noexcept {
    static_assert(kMaxWrappedDepth % 64 == 0);
    std::array<std::uint64_t, kMaxWrappedDepth / 64> is_object{};
    std::size_t depth = 0;
    for (;;) {
        skip_space();
        const char c = peek();
        if (c == '{' || c == '[') {
            if (depth >= max_depth) return Problem::too_deep;
            ++at_;
            const std::uint64_t bit = std::uint64_t{1} << (depth % 64);
            std::uint64_t& word = is_object[depth / 64];
            word = c == '{' ? (word | bit) : (word & ~bit);
            ++depth;
            skip_space();
            if (peek() != (c == '{' ? '}' : ']')) {
                if (c == '[') continue;
                if (!skip_string()) return Problem::invalid;
                skip_space();
                if (!take(':')) return Problem::invalid;
                continue;
            }
        } else if (!skip_scalar()) {
            return Problem::invalid;
        }
        // A value is complete: close what ends here, then find the next one.
        for (;;) {
            if (depth == 0) return Problem::none;
            skip_space();
            const std::uint64_t bit = std::uint64_t{1} << ((depth - 1) % 64);
            const bool in_object = (is_object[(depth - 1) / 64] & bit) != 0;
            if (take(in_object ? '}' : ']')) {
                --depth;
                continue;
            }
            if (!take(',')) return Problem::invalid;
            if (in_object) {
                skip_space();
                if (!skip_string()) return Problem::invalid;
                skip_space();
                if (!take(':')) return Problem::invalid;
            }
            break;
        }
    }
}

void append_utf8(std::string& out, std::uint32_t c) {
    const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xC0 | (c >> 6));
        put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        put(0xE0 | (c >> 12));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    } else {
        put(0xF0 | (c >> 18));
        put(0x80 | ((c >> 12) & 0x3F));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    }
}

std::uint32_t hex4(const char* at) noexcept {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value * 16 + static_cast<std::uint32_t>(hex_value(at[i]));
    return value;
}

/// `at` stands behind "\u" of a checked string that ends at `end`; it is moved behind the escape,
/// or both escapes of a pair.
std::uint32_t code_point(const char*& at, const char* end) noexcept {
    const std::uint32_t first = hex4(at);
    at += 4;
    const bool is_high = first >= 0xD800 && first < 0xDC00;
    if (!is_high || end - at < 6 || at[0] != '\\' || at[1] != 'u') return first;
    const std::uint32_t second = hex4(at + 2);
    if (second < 0xDC00 || second > 0xDFFF) return first;
    at += 6;
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

char plain_escape(char c) noexcept {
    switch (c) {
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        default:
            return c;
    }
}

/// The value that begins behind white space at the front of checked text.
Value take_value(std::string_view& rest) noexcept {
    Reader reader(rest.data(), rest.data() + rest.size());
    reader.skip_space();
    const char* const begin = reader.at();
    (void)reader.skip_value();
    const Value value{{begin, static_cast<std::size_t>(reader.at() - begin)}};
    rest.remove_prefix(static_cast<std::size_t>(reader.at() - rest.data()));
    return value;
}

std::string_view inner(Value container) noexcept {
    return container.raw.size() < 2 ? std::string_view{}
                                    : container.raw.substr(1, container.raw.size() - 2);
}

void skip_to_next(std::string_view& rest) noexcept {
    while (!rest.empty() && (is_space(rest.front()) || rest.front() == ',')) rest.remove_prefix(1);
}

}  // namespace

Type Value::type() const noexcept {
    if (raw.empty()) return Type::absent;
    switch (raw.front()) {
        case '{':
            return Type::object;
        case '[':
            return Type::array;
        case '"':
            return Type::text;
        case 't':
        case 'f':
            return Type::boolean;
        case 'n':
            return Type::null;
        default:
            return Type::number;
    }
}

std::string Value::text() const {
    std::string out;
    const std::string_view body = inner(*this);
    out.reserve(body.size());
    const char* at = body.data();
    const char* const end = at + body.size();
    while (at != end) {
        const auto* const escape =
            static_cast<const char*>(std::memchr(at, '\\', static_cast<std::size_t>(end - at)));
        if (escape == nullptr) {
            out.append(at, end);
            return out;
        }
        out.append(at, escape);
        const char c = escape[1];
        at = escape + 2;
        if (c == 'u') {
            append_utf8(out, code_point(at, end));
        } else {
            out += plain_escape(c);
        }
    }
    return out;
}

Parsed parse(std::string_view text, std::size_t max_depth) {
    assert(max_depth <= kMaxWrappedDepth);
    Reader reader(text.data(), text.data() + text.size());
    reader.skip_space();
    const char* const begin = reader.at();
    if (const Problem problem = reader.skip_value(max_depth); problem != Problem::none) {
        return {{}, problem};
    }
    const Value value{{begin, static_cast<std::size_t>(reader.at() - begin)}};
    reader.skip_space();
    if (!reader.is_at_end()) return {{}, Problem::invalid};
    return {value, Problem::none};
}

Members::Members(Value object) noexcept : rest_(inner(object)) {}

std::optional<Members::Member> Members::next() noexcept {
    skip_to_next(rest_);
    if (rest_.empty()) return std::nullopt;
    Reader reader(rest_.data(), rest_.data() + rest_.size());
    (void)reader.skip_string();
    const std::string_view key{rest_.data(), static_cast<std::size_t>(reader.at() - rest_.data())};
    reader.skip_space();
    (void)reader.take(':');
    rest_.remove_prefix(static_cast<std::size_t>(reader.at() - rest_.data()));
    return Member{key, take_value(rest_)};
}

Elements::Elements(Value array) noexcept : rest_(inner(array)) {}

std::optional<Value> Elements::next() noexcept {
    skip_to_next(rest_);
    if (rest_.empty()) return std::nullopt;
    return take_value(rest_);
}

bool is_key(std::string_view raw, std::string_view name) {
    if (raw.find('\\') == std::string_view::npos) {
        return raw.size() == name.size() + 2 && raw.substr(1, name.size()) == name;
    }
    return Value{raw}.text() == name;
}

}  // namespace pulse::core::json
