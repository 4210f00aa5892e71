// SPDX-License-Identifier: MIT OR Apache-2.0
#include "reader.hpp"

#include "number.hpp"
#include "text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include <pulse/protocol/utf8.hpp>

namespace pulse::roblox::json {

namespace {

[[nodiscard]] constexpr bool is_space(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// How many bytes at the beginning of `text` stand for themselves within a string: none of them is
/// a quote, a backslash or a control character. Eight at a time while there are.
[[nodiscard]] std::size_t plain_run(std::string_view text) noexcept {
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
    constexpr std::uint64_t kHigh = kOnes * 0x80;
    const auto below = [](std::uint64_t word, std::uint64_t least) {  // some byte is below `least`
        return (word - kOnes * least) & ~word & kHigh;
    };
    std::size_t i = 0;
    for (; i + sizeof(std::uint64_t) <= text.size(); i += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + i, sizeof(word));
        const std::uint64_t ends =
            below(word, 0x20) | below(word ^ (kOnes * '"'), 1) | below(word ^ (kOnes * '\\'), 1);
        if (ends != 0) break;
    }
    while (i < text.size() && text[i] != '"' && text[i] != '\\' &&
           static_cast<unsigned char>(text[i]) >= 0x20) {
        ++i;
    }
    return i;
}

[[nodiscard]] constexpr bool is_high_surrogate(unsigned unit) noexcept {
    return unit >= 0xd800 && unit < 0xdc00;
}
[[nodiscard]] constexpr bool is_low_surrogate(unsigned unit) noexcept {
    return unit >= 0xdc00 && unit < 0xe000;
}

void append_utf8(std::string& out, unsigned c) {
    const auto put = [&out](unsigned byte) { out += static_cast<char>(byte); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0U | (c >> 6U));
        put(0x80U | (c & 0x3fU));
    } else if (c < 0x10000) {
        put(0xe0U | (c >> 12U));
        put(0x80U | ((c >> 6U) & 0x3fU));
        put(0x80U | (c & 0x3fU));
    } else {
        put(0xf0U | (c >> 18U));
        put(0x80U | ((c >> 12U) & 0x3fU));
        put(0x80U | ((c >> 6U) & 0x3fU));
        put(0x80U | (c & 0x3fU));
    }
}

/// Strings that the caller wants to see.
struct DecodedSink {
    std::string& out;
    void plain(std::string_view run) { out += run; }
    void character(unsigned c) { append_utf8(out, c); }
    [[nodiscard]] bool lone_surrogate(unsigned) { return false; }
};

/// Strings in normal form; JavaScript keeps surrogates that stand alone, as escapes.
struct NormalSink {
    std::string& out;
    void plain(std::string_view run) { out += run; }
    void character(unsigned c) {
        if (c >= 0x80) {
            append_utf8(out, c);
        } else {
            const char text = static_cast<char>(c);
            append_escaped(out, {&text, 1});
        }
    }
    [[nodiscard]] bool lone_surrogate(unsigned unit) {
        constexpr std::string_view kHex = "0123456789abcdef";
        out += "\\u";
        for (unsigned shift = 16; shift != 0; shift -= 4) out += kHex[(unit >> (shift - 4)) & 0xfU];
        return true;
    }
};

struct NullSink {
    void plain(std::string_view) {}
    void character(unsigned) {}
    [[nodiscard]] bool lone_surrogate(unsigned) { return true; }
};

/// Whether `key`, quotes included, is what JavaScript calls an array index; those members come
/// first, in the order of their numbers.
[[nodiscard]] bool is_array_index(std::string_view key, std::uint64_t& index) noexcept {
    key = key.substr(1, key.size() - 2);
    if (key.empty() || key.size() > 10 || (key.front() == '0' && key.size() > 1)) return false;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    return error == std::errc{} && end == key.data() + key.size() && index <= 0xfffffffeU;
}

}  // namespace

Reader::Reader(std::string_view text) noexcept : text_(text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    has_failed_ = !protocol::is_valid_utf8(text_);
}

void Reader::skip_space() noexcept {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

bool Reader::finish() noexcept {
    skip_space();
    if (at_ != text_.size() || depth_ != 0) return fail();
    return ok();
}

Kind Reader::peek() noexcept {
    skip_space();
    if (has_failed_ || at_ == text_.size()) return Kind::invalid;
    switch (text_[at_]) {
        case 'n':
            return Kind::null;
        case 't':
        case 'f':
            return Kind::boolean;
        case '"':
            return Kind::string;
        case '[':
            return Kind::array;
        case '{':
            return Kind::object;
        default:
            return text_[at_] == '-' || (text_[at_] >= '0' && text_[at_] <= '9') ? Kind::number
                                                                                 : Kind::invalid;
    }
}

bool Reader::enter(char open) noexcept {
    skip_space();
    if (has_failed_ || at_ == text_.size() || text_[at_] != open || depth_ == kMaxDepth) {
        return fail();
    }
    ++at_;
    ++depth_;
    is_first_ = true;
    return true;
}

bool Reader::next(char close) noexcept {
    skip_space();
    if (has_failed_ || at_ == text_.size()) return fail();
    if (text_[at_] == close) {
        ++at_;
        --depth_;
        is_first_ = false;
        return false;
    }
    if (!is_first_) {
        if (text_[at_] != ',') return fail();
        ++at_;
    }
    is_first_ = false;
    return true;
}

bool Reader::enter_array() noexcept { return enter('['); }
bool Reader::next_item() noexcept { return next(']'); }
bool Reader::enter_object() noexcept { return enter('{'); }

bool Reader::next_member(std::string& key) {
    if (!next('}')) return false;
    key.clear();
    if (!read_string(key)) return false;
    skip_space();
    if (at_ == text_.size() || text_[at_] != ':') return fail();
    ++at_;
    return true;
}

bool Reader::take_word(std::string_view word) noexcept {
    if (!text_.substr(at_).starts_with(word)) return fail();
    at_ += word.size();
    is_first_ = false;
    return true;
}

std::string_view Reader::take_number() noexcept {
    const std::string_view literal = text_.substr(at_, scan_number(text_.substr(at_)));
    if (literal.empty()) fail();
    at_ += literal.size();
    return literal;
}

bool Reader::take_hex4(unsigned& out) noexcept {
    if (text_.size() - at_ < 4) return fail();
    const char* begin = text_.data() + at_;
    // from_chars reads hexadecimal digits of either case, and no prefix or sign.
    const auto [end, error] = std::from_chars(begin, begin + 4, out, 16);
    if (error != std::errc{} || end != begin + 4) return fail();
    at_ += 4;
    return true;
}

template <typename Sink>
bool Reader::take_string(Sink& sink) {
    skip_space();
    if (has_failed_ || at_ == text_.size() || text_[at_] != '"') return fail();
    ++at_;
    while (true) {
        const std::size_t begin = at_;
        at_ += plain_run(text_.substr(at_));
        sink.plain(text_.substr(begin, at_ - begin));
        if (at_ == text_.size()) return fail();
        if (text_[at_] == '"') {
            ++at_;
            return true;
        }
        if (text_[at_] != '\\' || at_ + 1 == text_.size()) return fail();
        const char escape = text_[at_ + 1];
        at_ += 2;
        constexpr std::string_view kShort = "\"\\/bfnrt";
        constexpr std::string_view kMeaning = "\"\\/\b\f\n\r\t";
        if (const std::size_t i = kShort.find(escape); i != std::string_view::npos) {
            sink.character(static_cast<unsigned char>(kMeaning[i]));
            continue;
        }
        unsigned unit = 0;
        if (escape != 'u' || !take_hex4(unit)) return fail();
        unsigned low = 0;
        if (is_high_surrogate(unit) && text_.substr(at_).starts_with("\\u")) {
            const std::size_t before = at_;
            at_ += 2;
            if (!take_hex4(low)) return false;
            if (is_low_surrogate(low)) {
                sink.character(0x10000 + ((unit - 0xd800) << 10U) + (low - 0xdc00));
                continue;
            }
            at_ = before;  // a character of its own
        }
        if (!is_high_surrogate(unit) && !is_low_surrogate(unit)) {
            sink.character(unit);
        } else if (!sink.lone_surrogate(unit)) {
            return fail();
        }
    }
}

bool Reader::read_string(std::string& out) {
    DecodedSink sink{out};
    return take_string(sink);
}

bool Reader::read_number(double& out) noexcept {
    if (peek() != Kind::number) return fail();
    const std::string_view literal = take_number();
    if (literal.empty()) return false;
    out = to_double(literal);
    return true;
}

bool Reader::read_uint(std::uint64_t& out) noexcept {
    constexpr double kMax = 9'007'199'254'740'991;  // 2^53-1
    double number = 0;
    if (!read_number(number)) return false;
    if (!(number >= 0) || number > kMax || number != std::floor(number)) return fail();
    out = static_cast<std::uint64_t>(number);
    return true;
}

bool Reader::read_bool(bool& out) noexcept {
    if (peek() != Kind::boolean) return fail();
    out = text_[at_] == 't';
    return take_word(out ? "true" : "false");
}

bool Reader::skip() {
    switch (peek()) {
        case Kind::null:
            return take_word("null");
        case Kind::boolean: {
            bool ignored = false;
            return read_bool(ignored);
        }
        case Kind::number:
            return !take_number().empty();
        case Kind::string: {
            NullSink sink;
            return take_string(sink);
        }
        case Kind::array:
            if (!enter_array()) return false;
            while (next_item()) {
                if (!skip()) return false;
            }
            return ok();
        case Kind::object: {
            if (!enter_object()) return false;
            NullSink key;
            while (next('}')) {
                if (!take_string(key)) return false;
                skip_space();
                if (at_ == text_.size() || text_[at_] != ':') return fail();
                ++at_;
                if (!skip()) return false;
            }
            return ok();
        }
        case Kind::invalid:
            break;
    }
    return fail();
}

bool Reader::copy(std::string& out) {
    switch (peek()) {
        case Kind::null:
            out += "null";
            return take_word("null");
        case Kind::boolean: {
            bool value = false;
            if (!read_bool(value)) return false;
            out += value ? "true" : "false";
            return true;
        }
        case Kind::number: {
            const std::string_view literal = take_number();
            if (literal.empty()) return false;
            append_number(out, literal);
            return true;
        }
        case Kind::string:
            return copy_string(out);
        case Kind::array:
            return copy_array(out);
        case Kind::object:
            return copy_object(out);
        case Kind::invalid:
            break;
    }
    return fail();
}

bool Reader::copy_string(std::string& out) {
    skip_space();
    if (has_failed_ || at_ == text_.size() || text_[at_] != '"') return fail();
    // Most strings have nothing to unescape and are taken as they stand, quotes included.
    const std::size_t end = at_ + 1 + plain_run(text_.substr(at_ + 1));
    if (end < text_.size() && text_[end] == '"') {
        out += text_.substr(at_, end + 1 - at_);
        at_ = end + 1;
        return true;
    }
    NormalSink sink{out};
    out += '"';
    if (!take_string(sink)) return false;
    out += '"';
    return true;
}

bool Reader::take(std::string& out) {
    scratch_.clear();
    if (!copy(scratch_)) return false;
    out = scratch_;
    return true;
}

bool Reader::copy_array(std::string& out) {
    if (!enter_array()) return false;
    out += '[';
    bool is_first = true;
    while (next_item()) {
        if (!is_first) out += ',';
        is_first = false;
        if (!copy(out)) return false;
    }
    out += ']';
    return ok();
}

bool Reader::copy_object(std::string& out) {
    if (!enter_object()) return false;
    const std::size_t begin = out.size();
    const std::size_t first = members_.size();
    out += '{';
    while (next('}')) {
        if (members_.size() > first) out += ',';
        Member member{out.size(), 0, 0};
        if (!copy_string(out)) return false;
        member.colon = out.size();
        skip_space();
        if (at_ == text_.size() || text_[at_] != ':') return fail();
        ++at_;
        out += ':';
        if (!copy(out)) return false;
        member.end = out.size();
        members_.push_back(member);
    }
    if (!ok()) return false;
    out += '}';
    order_members(out, begin, members_, first);
    members_.resize(first);
    return true;
}

/// Sees without sorting that a small object, as most are, stays as it is.
bool Reader::is_in_order(const std::string& out, const std::vector<Member>& members,
                         std::size_t first) {
    constexpr std::size_t kFew = 8;
    if (members.size() - first > kFew) return false;
    for (std::size_t i = first; i < members.size(); ++i) {
        const std::string_view key =
            std::string_view(out).substr(members[i].begin, members[i].colon - members[i].begin);
        // Quotes included, so that there is a second byte: it tells most keys apart.
        const char initial = key[1];
        std::uint64_t index = 0;
        if (initial >= '0' && initial <= '9' && is_array_index(key, index)) return false;
        for (std::size_t k = first; k < i; ++k) {
            if (out[members[k].begin + 1] == initial &&
                std::string_view(out).substr(members[k].begin,
                                             members[k].colon - members[k].begin) == key) {
                return false;
            }
        }
    }
    return true;
}

/// Puts the members of the object at `begin` into JavaScript's order, if they are not.
void Reader::order_members(std::string& out, std::size_t begin, const std::vector<Member>& members,
                           std::size_t first) {
    struct Place {
        std::uint64_t index;  // array indices first, by number; the others by first appearance
        std::size_t position;
        std::size_t member;  // whose value counts
    };
    constexpr std::uint64_t kNoIndex = UINT64_MAX;
    const auto key_of = [&](std::size_t i) {
        return std::string_view(out).substr(members[i].begin, members[i].colon - members[i].begin);
    };
    if (is_in_order(out, members, first)) return;
    bool needs_order = false;
    std::vector<Place> places;
    places.reserve(members.size() - first);
    for (std::size_t i = first; i < members.size(); ++i) {
        std::uint64_t index = 0;
        const bool is_index = is_array_index(key_of(i), index);
        if (is_index) needs_order = true;
        places.push_back({is_index ? index : kNoIndex, i, i});
    }
    // Equal keys side by side, in order of appearance: the first gives the place, the last the
    // value.
    std::sort(places.begin(), places.end(), [&](const Place& a, const Place& b) {
        const int order = key_of(a.member).compare(key_of(b.member));
        return order != 0 ? order < 0 : a.position < b.position;
    });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
        if (kept > 0 && key_of(places[kept - 1].position) == key_of(places[i].position)) {
            places[kept - 1].member = places[i].member;
        } else {
            places[kept++] = places[i];
        }
    }
    if (kept == places.size() && !needs_order) return;
    places.resize(kept);
    std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
        return a.index != b.index ? a.index < b.index : a.position < b.position;
    });
    std::string ordered = "{";
    for (const Place& place : places) {
        if (ordered.size() > 1) ordered += ',';
        const Member& member = members[place.member];
        ordered.append(out, member.begin, member.end - member.begin);
    }
    ordered += '}';
    out.replace(begin, std::string::npos, ordered);
}

std::string normalise(std::string_view text) {
    Reader reader(text);
    std::string out;
    if (!reader.copy(out) || !reader.finish()) out.clear();
    return out;
}

}  // namespace pulse::roblox::json
