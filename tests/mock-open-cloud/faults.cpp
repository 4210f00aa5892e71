// SPDX-License-Identifier: MIT OR Apache-2.0
#include "faults.hpp"

#include "answers.hpp"

#include <charconv>

namespace pulse::mock {

namespace {

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t most) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > most) {
        return std::nullopt;
    }
    return value;
}

}  // namespace

std::optional<Fault> parse_fault(std::string_view text) {
    using Kind = Fault::Kind;
    if (text == "200") return Fault{};
    if (text == "reset") return Fault{.kind = Kind::reset};
    if (text == "reset+delivered") return Fault{.kind = Kind::lost};
    if (text == "truncated") return Fault{.kind = Kind::truncated};
    if (text == "html") return Fault{.kind = Kind::html, .status = 502};
    if (text.starts_with("slow:")) {
        const auto ms = parse_number(text.substr(5), 600'000);
        if (!ms) return std::nullopt;
        return Fault{.kind = Kind::slow, .delay = std::chrono::milliseconds(*ms)};
    }
    Fault fault{.kind = Kind::status};
    const auto status = parse_number(text.substr(0, 3), 599);
    if (!status || code_of(static_cast<int>(*status)).empty()) return std::nullopt;
    fault.status = static_cast<int>(*status);
    const std::string_view rest = text.substr(3);
    if (rest.empty()) return fault;
    if (rest == "+retry") {
        fault.retry_after = 1;
    } else if (rest.starts_with("+retry:")) {
        fault.retry_after = parse_number(rest.substr(7), 3600);
        if (!fault.retry_after) return std::nullopt;
    } else {
        return std::nullopt;
    }
    return fault;
}

}  // namespace pulse::mock
