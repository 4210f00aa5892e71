// SPDX-License-Identifier: MIT OR Apache-2.0
#include "timestamp.hpp"

#include <array>
#include <chrono>

#include <pulse/roblox/open_cloud.hpp>

namespace pulse::roblox {

namespace {

/// Fixed places in a text; anything unexpected makes it bad for good.
class Places {
  public:
    explicit Places(std::string_view text) noexcept : rest_(text) {}

    [[nodiscard]] int digits(std::size_t count) noexcept {
        int number = 0;
        if (rest_.size() < count) is_good_ = false;
        for (std::size_t i = 0; i < count && is_good_; ++i) {
            if (rest_[i] < '0' || rest_[i] > '9') is_good_ = false;
            number = number * 10 + (rest_[i] - '0');
        }
        if (is_good_) rest_.remove_prefix(count);
        return is_good_ ? number : 0;
    }
    void expect(std::string_view text) noexcept {
        if (!rest_.starts_with(text)) is_good_ = false;
        if (is_good_) rest_.remove_prefix(text.size());
    }
    [[nodiscard]] std::string_view take(std::size_t count) noexcept {
        const std::string_view part = rest_.substr(0, count);
        rest_.remove_prefix(part.size());
        return part;
    }
    [[nodiscard]] char next() const noexcept { return rest_.empty() ? '\0' : rest_.front(); }
    [[nodiscard]] bool is_good() const noexcept { return is_good_; }
    [[nodiscard]] bool is_done() const noexcept { return is_good_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool is_good_ = true;
};

struct Moment {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

[[nodiscard]] std::optional<std::int64_t> to_seconds(const Moment& moment) noexcept {
    using namespace std::chrono;
    const year_month_day date{year(moment.year), month(static_cast<unsigned>(moment.month)),
                              day(static_cast<unsigned>(moment.day))};
    // A leap second counts as the one after it.
    if (!date.ok() || moment.year < 1970 || moment.hour > 23 || moment.minute > 59 ||
        moment.second > 60) {
        return {};
    }
    const auto time =
        sys_days(date) + hours(moment.hour) + minutes(moment.minute) + seconds(moment.second);
    return time.time_since_epoch() / seconds(1);
}

}  // namespace

std::optional<std::uint64_t> parse_http_date(std::string_view text) noexcept {
    constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    Places places(text);
    (void)places.take(3);  // the day of the week follows from the rest
    places.expect(", ");
    Moment moment;
    moment.day = places.digits(2);
    places.expect(" ");
    const std::string_view month = places.take(3);
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
        if (kMonths[i] == month) moment.month = static_cast<int>(i) + 1;
    }
    places.expect(" ");
    moment.year = places.digits(4);
    places.expect(" ");
    moment.hour = places.digits(2);
    places.expect(":");
    moment.minute = places.digits(2);
    places.expect(":");
    moment.second = places.digits(2);
    places.expect(" GMT");
    if (!places.is_done()) return {};
    const auto seconds = to_seconds(moment);
    if (!seconds) return {};
    return static_cast<std::uint64_t>(*seconds) * 1000;
}

std::optional<std::uint64_t> parse_timestamp(std::string_view text) noexcept {
    Places places(text);
    Moment moment;
    moment.year = places.digits(4);
    places.expect("-");
    moment.month = places.digits(2);
    places.expect("-");
    moment.day = places.digits(2);
    places.expect("T");
    moment.hour = places.digits(2);
    places.expect(":");
    moment.minute = places.digits(2);
    places.expect(":");
    moment.second = places.digits(2);
    int milliseconds = 0;
    if (places.next() == '.') {
        places.expect(".");
        int place = 100;
        while (places.is_good() && places.next() >= '0' && places.next() <= '9') {
            milliseconds += places.digits(1) * place;
            place /= 10;
        }
    }
    std::int64_t offset_minutes = 0;
    if (places.next() == '+' || places.next() == '-') {
        const int sign = places.take(1) == "+" ? 1 : -1;
        const int hours = places.digits(2);
        places.expect(":");
        const int minutes = places.digits(2);
        if (hours > 23 || minutes > 59) return {};
        offset_minutes = std::int64_t{sign} * (hours * 60 + minutes);
    } else {
        places.expect("Z");
    }
    const auto seconds = places.is_done() ? to_seconds(moment) : std::nullopt;
    if (!seconds) return {};
    const std::int64_t total = (*seconds - offset_minutes * 60) * 1000 + milliseconds;
    if (total < 0) return {};
    return static_cast<std::uint64_t>(total);
}

}  // namespace pulse::roblox
