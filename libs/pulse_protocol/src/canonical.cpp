// SPDX-License-Identifier: MIT OR Apache-2.0
//
// canonicalise(), in two passes over the raw bytes and without a tree, so that hostile input costs
// a small multiple of its size in memory and O(n log n) in time.
//
// The survey walks once over the value: checks it, notes whether it is canonical as it stands, and
// for every map whose keys are not strictly ascending keeps where its members start, sorted, one
// for each key. The rewrite walks again, through those maps in sorted order.

#include "ascii.hpp"
#include "header.hpp"
#include "scan.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

#include <pulse/protocol/value.hpp>

namespace pulse::protocol {
namespace {

using wire::Cursor;
using wire::Header;
using Kind = Header::Kind;

/// Position in the raw value. Values are parts of frames, so 32 bits are plenty; longer input is
/// refused at the door.
using Offset = std::uint32_t;

/// A member of a map. Sorting millions of them is what hostile input would make us do, so most
/// comparisons are of one number: the key's first three bytes, then its length as far as 4. Keys
/// shorter than 4 bytes are told apart by it altogether.
struct Slot {
    Offset key;  ///< where its header is
    std::uint32_t rank;
};

struct UnsortedMap {
    Offset start;              ///< of its header
    Offset end;                ///< behind its last member
    std::uint32_t first_slot;  ///< its members, in Survey::slots
    std::uint32_t members;     ///< different keys
};

struct Survey {
    bool is_canonical = true;
    std::vector<UnsortedMap> unsorted;  ///< by `start`
    std::vector<Slot> slots;
};

constexpr std::uint32_t kLongKey = 4;

[[nodiscard]] std::uint32_t rank_of(std::string_view key) noexcept {
    std::uint32_t rank = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        rank = rank << 8 | (i < key.size() ? static_cast<std::uint8_t>(key[i]) : 0U);
    }
    return rank << 8 | static_cast<std::uint32_t>(std::min<std::size_t>(key.size(), kLongKey));
}

[[nodiscard]] std::string_view key_at(ByteView raw, Offset offset) noexcept {
    Cursor cursor{raw.data() + offset, raw.data() + raw.size()};
    Header header;
    if (wire::read_header(cursor, header) != Error::none) return {};  // was read before
    return as_text({cursor.p, static_cast<std::size_t>(header.value)});
}

class Surveyor {
  public:
    Surveyor(ByteView raw, Survey& survey, std::size_t max_depth) noexcept
        : raw_(raw),
          in_{raw.data(), raw.data() + raw.size()},
          survey_(survey),
          max_depth_(max_depth) {}

    [[nodiscard]] Error run() {
        if (const Error error = value(); error != Error::none) return error;
        while (!open_.empty()) {
            Open& top = open_.back();
            if (top.missing == 0) {
                close(top);
                open_.pop_back();
                continue;
            }
            --top.missing;
            if (top.is_map) {
                if (const Error error = key(top); error != Error::none) return error;
            }
            if (const Error error = value(); error != Error::none) return error;
        }
        if (in_.p != in_.end) return Error::trailing_bytes;
        std::sort(survey_.unsorted.begin(), survey_.unsorted.end(),
                  [](const UnsortedMap& a, const UnsortedMap& b) { return a.start < b.start; });
        return Error::none;
    }

  private:
    struct Open {
        bool is_map;
        bool is_sorted = true;
        Offset start;
        std::uint32_t missing;  ///< items, or members
        std::uint32_t first_slot = 0;
        std::uint32_t next_slot = 0;
        std::string_view last_key{};
    };

    [[nodiscard]] Offset here() const noexcept { return static_cast<Offset>(in_.p - raw_.data()); }

    [[nodiscard]] Error read_header(Header& header) {
        const std::byte* const start = in_.p;
        if (const Error error = wire::read_header(in_, header); error != Error::none) return error;
        if (header.kind == Kind::bin || header.kind == Kind::ext) return Error::invalid_data;
        const bool is_one_byte = in_.p - start == 1;  // there is no shorter form
        if (survey_.is_canonical && !is_one_byte) {
            std::array<std::byte, wire::kMaxHeaderBytes> minimal;
            const auto size =
                static_cast<std::size_t>(wire::put_header(minimal.data(), header) - minimal.data());
            survey_.is_canonical = size == static_cast<std::size_t>(in_.p - start) &&
                                   std::memcmp(minimal.data(), start, size) == 0;
        }
        return Error::none;
    }

    [[nodiscard]] Error text(const Header& header, std::string_view& out) {
        const auto size = static_cast<std::size_t>(header.value);
        out = as_text({in_.p, size});
        in_.p += size;
        return is_utf8(out) ? Error::none : Error::invalid_utf8;
    }

    [[nodiscard]] Error key(Open& map) {
        const Offset start = here();
        Header header;
        if (const Error error = read_header(header); error != Error::none) return error;
        if (header.kind != Kind::str) return Error::invalid_data;
        std::string_view name;
        if (const Error error = text(header, name); error != Error::none) return error;
        const bool is_first = map.next_slot == map.first_slot;
        if (!is_first && name <= map.last_key) map.is_sorted = false;
        map.last_key = name;
        survey_.slots[map.next_slot++] = {start, rank_of(name)};
        --owed_;
        return Error::none;
    }

    [[nodiscard]] Error value() {
        const Offset start = here();
        Header header;
        if (const Error error = read_header(header); error != Error::none) return error;
        --owed_;
        if (header.kind == Kind::str) {
            std::string_view ignored;
            return text(header, ignored);
        }
        if (header.kind != Kind::array && header.kind != Kind::map) return Error::none;
        if (open_.size() >= max_depth_) return Error::too_deep;
        Open container{.is_map = header.kind == Kind::map,
                       .start = start,
                       .missing = static_cast<std::uint32_t>(header.value)};
        // What all open containers together still lack must fit into what is left, or nested
        // lengths could each claim the whole rest, and slots for it.
        owed_ += container.is_map ? 2 * header.value : header.value;
        if (owed_ > in_.left()) return Error::truncated;
        if (container.is_map) {
            container.first_slot = static_cast<std::uint32_t>(survey_.slots.size());
            container.next_slot = container.first_slot;
            survey_.slots.resize(survey_.slots.size() + container.missing);
        }
        open_.push_back(container);
        return Error::none;
    }

    void close(const Open& map) {
        if (!map.is_map || map.is_sorted) return;
        survey_.is_canonical = false;
        const auto first = survey_.slots.begin() + map.first_slot;
        const auto last = survey_.slots.begin() + map.next_slot;
        std::sort(first, last, [this](const Slot& a, const Slot& b) {
            const int order = compare_keys(a, b);
            return order != 0 ? order < 0 : a.key < b.key;
        });
        survey_.unsorted.push_back(
            {map.start, here(), map.first_slot, keep_last_of_equal(first, last)});
    }

    [[nodiscard]] int compare_keys(const Slot& a, const Slot& b) const noexcept {
        if (a.rank != b.rank) return a.rank < b.rank ? -1 : 1;
        if ((a.rank & 0xff) < kLongKey) return 0;
        return key_at(raw_, a.key).compare(key_at(raw_, b.key));
    }

    template <typename Iterator>
    [[nodiscard]] std::uint32_t keep_last_of_equal(Iterator first, Iterator last) const {
        auto kept = first;
        for (auto it = first; it != last; ++it) {
            const auto following = std::next(it);
            if (following != last && compare_keys(*it, *following) == 0) continue;
            *kept++ = *it;
        }
        return static_cast<std::uint32_t>(kept - first);
    }

    ByteView raw_;
    Cursor in_;
    Survey& survey_;
    std::size_t max_depth_;
    std::vector<Open> open_;
    std::uint64_t owed_ = 1;  ///< keys and values still to come, as far as announced
};

class Rewriter {
  public:
    Rewriter(ByteView raw, const Survey& survey, std::vector<std::byte>& out) noexcept
        : raw_(raw), in_{raw.data(), raw.data() + raw.size()}, survey_(survey), out_(out) {}

    void run() {
        copy_one();
        while (!open_.empty()) {
            Open& top = open_.back();
            if (top.missing == 0) {
                if (top.map != nullptr) in_.p = raw_.data() + top.map->end;
                open_.pop_back();
                continue;
            }
            --top.missing;
            if (top.map != nullptr) in_.p = raw_.data() + survey_.slots[top.next_slot++].key;
            if (top.is_map) copy_one();
            copy_one();
        }
    }

  private:
    struct Open {
        bool is_map;
        std::uint32_t missing;
        const UnsortedMap* map = nullptr;  ///< null when members can be taken as they come
        std::uint32_t next_slot = 0;
    };

    [[nodiscard]] const UnsortedMap* unsorted_at(Offset start) const noexcept {
        const auto found = std::lower_bound(
            survey_.unsorted.begin(), survey_.unsorted.end(), start,
            [](const UnsortedMap& map, Offset offset) { return map.start < offset; });
        return found != survey_.unsorted.end() && found->start == start ? &*found : nullptr;
    }

    /// A scalar, a string, or the header of a container. Nothing here fails: the survey read it
    /// all.
    void copy_one() {
        const auto start = static_cast<Offset>(in_.p - raw_.data());
        Header header;
        if (wire::read_header(in_, header) != Error::none) return;
        Open container{.is_map = header.kind == Kind::map,
                       .missing = static_cast<std::uint32_t>(header.value)};
        if (container.is_map) container.map = unsorted_at(start);
        if (container.map != nullptr) {
            container.missing = container.map->members;
            container.next_slot = container.map->first_slot;
            header.value = container.missing;
        }
        wire::append_header(out_, header);
        if (header.kind == Kind::str) {
            out_.insert(out_.end(), in_.p, in_.p + header.value);
            in_.p += header.value;
        } else if (header.kind == Kind::array || header.kind == Kind::map) {
            open_.push_back(container);
        }
    }

    ByteView raw_;
    Cursor in_;
    const Survey& survey_;
    std::vector<std::byte>& out_;
    std::vector<Open> open_;
};

}  // namespace

Error canonicalise(ByteView raw, std::vector<std::byte>& out, std::size_t max_depth) {
    if (raw.size() > kMaxFrameBytes) return Error::frame_too_large;
    Survey survey;
    if (const Error error = Surveyor(raw, survey, std::min(max_depth, kMaxValueDepth)).run();
        error != Error::none)
        return error;
    if (survey.is_canonical) {
        out.insert(out.end(), raw.begin(), raw.end());
    } else {
        Rewriter(raw, survey, out).run();
    }
    return Error::none;
}

}  // namespace pulse::protocol
