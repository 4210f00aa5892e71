// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Networks that lie in one another are made one row of stretches when they are read, so that
// looking an address up is a binary search; its line is taken apart only then.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <arpa/inet.h>

#include <pulse/protocol/utf8.hpp>
#include <pulse/rooms/places.hpp>

namespace pulse::rooms {

namespace {

/// The line that begins `rest`, taken off it; line breaks stand in no field.
std::string_view take_line(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

/// RFC 4180 §2. Nothing when a quote is out of place.
std::optional<std::vector<std::string>> split_fields(std::string_view line) {
    std::vector<std::string> fields;
    for (std::size_t i = 0;; ++i) {
        std::string& field = fields.emplace_back();
        if (i < line.size() && line[i] == '"') {
            for (++i;; ++i) {
                if (i == line.size()) return std::nullopt;
                if (line[i] == '"' && (i + 1 == line.size() || line[i + 1] != '"')) break;
                if (line[i] == '"') ++i;
                field += line[i];
            }
            ++i;
        } else {
            for (; i < line.size() && line[i] != ','; ++i) {
                if (line[i] == '"') return std::nullopt;
                field += line[i];
            }
        }
        if (i == line.size()) return fields;
        if (line[i] != ',') return std::nullopt;
    }
}

std::string_view first_field(std::string_view line) {
    std::string_view field = line.substr(0, line.find(','));
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
        field.remove_prefix(1);
        field.remove_suffix(1);
    }
    return field;
}

}  // namespace

struct Places::Network {
    Address begin;
    Address end;  ///< its last address
    std::uint32_t line = 0;
};

bool Places::read_address(std::string_view text, core::PeerAddress& out) {
    char buffer[INET6_ADDRSTRLEN + 1] = {};
    if (text.empty() || text.size() >= sizeof buffer) return false;
    std::copy(text.begin(), text.end(), buffer);
    core::PeerAddress address;
    if (::inet_pton(AF_INET, buffer, address.bytes.data()) == 1) {
        out = address;
        return true;
    }
    if (::inet_pton(AF_INET6, buffer, address.bytes.data()) != 1) return false;
    address.is_v6 = true;
    constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) {
        core::PeerAddress inner;
        std::copy_n(address.bytes.begin() + 12, 4, inner.bytes.begin());
        address = inner;
    }
    out = address;
    return true;
}

Places::Address Places::number_of(const core::PeerAddress& address) noexcept {
    const auto read = [&](std::size_t from, std::size_t count) {
        std::uint64_t number = 0;
        for (std::size_t i = 0; i < count; ++i) number = number << 8U | address.bytes[from + i];
        return number;
    };
    if (address.is_v6) return {read(0, 8), read(8, 8)};
    return {0, std::uint64_t{0xffff} << 32U | read(0, 4)};
}

bool Places::read_network(std::string_view text, Network& out) {
    const std::size_t slash = text.find('/');
    core::PeerAddress address;
    if (!read_address(text.substr(0, slash), address)) return false;
    const std::size_t most = address.is_v6 ? 128 : 32;
    std::size_t bits = most;
    if (slash != std::string_view::npos) {
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data() + slash + 1, end, bits);
        if (read.ec != std::errc{} || read.ptr != end || bits > most) return false;
    }
    // What lies behind the prefix is not looked at, as with most programs.
    const std::size_t rest = most - bits;
    const auto mask = [](std::size_t n) {
        return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    };
    const std::uint64_t low = mask(rest);
    const std::uint64_t high = rest > 64 ? mask(rest - 64) : 0;
    const Address at = number_of(address);
    out.begin = {at.high & ~high, at.low & ~low};
    out.end = {at.high | high, at.low | low};
    return true;
}

void Places::begin_stretch(Address at, std::uint32_t line) {
    if (!stretches_.empty() && stretches_.back().begin == at) {
        stretches_.back().line = line;
    } else if (stretches_.empty() ? line != kNowhere : stretches_.back().line != line) {
        stretches_.push_back({at, line});
    }
}

void Places::flatten(std::vector<Network>& all) {
    // Larger ones in front of those that lie in them; of equal ones the last line comes last.
    std::sort(all.begin(), all.end(), [](const Network& a, const Network& b) {
        if (a.begin != b.begin) return a.begin < b.begin;
        if (a.end != b.end) return a.end > b.end;
        return a.line < b.line;
    });
    std::vector<const Network*> open;
    const auto close = [&] {
        const Address end = open.back()->end;
        open.pop_back();
        if (end.low == UINT64_MAX && end.high == UINT64_MAX) return;
        const Address next{end.high + (end.low == UINT64_MAX ? 1 : 0), end.low + 1};
        begin_stretch(next, open.empty() ? kNowhere : open.back()->line);
    };
    for (const Network& each : all) {
        while (!open.empty() && open.back()->end < each.begin) close();
        begin_stretch(each.begin, each.line);
        open.push_back(&each);
    }
    while (!open.empty()) close();
    stretches_.shrink_to_fit();
}

tl::expected<std::shared_ptr<const Places>, Places::Problem> Places::parse(std::string text) {
    const auto fail = [](std::size_t line, std::string why) {
        return tl::unexpected(Problem{line, std::move(why)});
    };
    if (text.size() > kMaxBytes) return fail(0, "the file is too large");
    if (!protocol::is_valid_utf8(text)) return fail(0, "the file is not UTF-8");
    const auto places = std::make_shared<Places>();
    places->text_ = std::move(text);
    const std::string_view whole = places->text_;
    std::string_view rest = whole;
    if (constexpr std::string_view kMark = "\xEF\xBB\xBF"; rest.substr(0, 3) == kMark) {
        rest.remove_prefix(kMark.size());  // as spreadsheets write it
    }
    std::vector<Network> all;
    for (std::size_t number = 1; !rest.empty(); ++number) {
        const std::string_view line = take_line(rest);
        if (line.empty() || line.front() == '#') continue;
        if (line.size() > kMaxLineBytes) return fail(number, "the line is too long");
        auto fields = split_fields(line);
        if (!fields) return fail(number, "a quote is out of place");
        if (places->names_.empty()) {
            if (fields->size() > kMaxFacts) return fail(number, "too many facts are named");
            if (fields->front() != "network") {
                return fail(number, "the first line begins with \"network\" and names the facts");
            }
            places->names_ = std::move(*fields);
            continue;
        }
        if (fields->size() != places->names_.size()) {
            return fail(number, "the line has more or fewer fields than the first one");
        }
        Network& network = all.emplace_back();
        if (!read_network(first_field(line), network)) return fail(number, "that is no network");
        if (all.size() > kMaxNetworks) return fail(number, "the file has too many networks");
        network.line = static_cast<std::uint32_t>(line.data() - whole.data());
    }
    if (places->names_.empty()) return fail(0, "the file names no facts");
    places->networks_ = all.size();
    places->flatten(all);
    return places;
}

Places::Facts Places::find(const core::PeerAddress& address) const {
    const auto behind = std::upper_bound(
        stretches_.begin(), stretches_.end(), number_of(address),
        [](const Address& wanted, const Stretch& stretch) { return wanted < stretch.begin; });
    if (behind == stretches_.begin() || std::prev(behind)->line == kNowhere) return {};
    std::string_view rest = std::string_view(text_).substr(std::prev(behind)->line);
    auto fields = split_fields(take_line(rest));
    Facts facts;
    for (std::size_t i = 1; fields && i < fields->size(); ++i) {
        if (!(*fields)[i].empty()) facts.emplace_back(names_[i], std::move((*fields)[i]));
    }
    return facts;
}

}  // namespace pulse::rooms
