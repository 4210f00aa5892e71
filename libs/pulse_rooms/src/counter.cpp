// SPDX-License-Identifier: MIT OR Apache-2.0
#include "counter.hpp"

#include "number.hpp"

#include <cmath>
#include <limits>

namespace pulse::rooms {

bool Amount::add(std::string_view decimal) {
    if (double* const number = std::get_if<double>(&value_)) {
        *number += to_double(decimal);
        return true;
    }
    const auto step = Decimal::parse(decimal);
    if (!step) return false;
    const auto sum = std::get<Decimal>(value_).plus(*step);
    if (!sum) return false;
    value_ = *sum;
    return true;
}

std::string Amount::stored() const {
    if (const double* const number = std::get_if<double>(&value_)) return ecmascript_text(*number);
    return std::get<Decimal>(value_).to_text();
}

Amount Amount::load(std::string_view stored, CounterForm form) {
    Amount amount(form);
    if (form == CounterForm::text) {
        (void)amount.add(stored);
    } else if (stored == "Infinity") {
        amount.value_ = std::numeric_limits<double>::infinity();
    } else if (stored == "-Infinity") {
        amount.value_ = -std::numeric_limits<double>::infinity();
    } else if (stored == "NaN") {
        amount.value_ = std::numeric_limits<double>::quiet_NaN();
    } else {
        amount.value_ = to_double(stored);
    }
    return amount;
}

void Amount::append_json(std::string& out) const {
    if (const double* const number = std::get_if<double>(&value_)) {
        out += std::isfinite(*number) ? ecmascript_text(*number) : "null";
        return;
    }
    out.append("\"").append(std::get<Decimal>(value_).to_text()).append("\"");
}

}  // namespace pulse::rooms
