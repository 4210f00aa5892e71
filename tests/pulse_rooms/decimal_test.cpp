// SPDX-License-Identifier: MIT OR Apache-2.0
#include "decimal.hpp"

#include "number.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <string>

using namespace pulse::rooms;

namespace {

std::string sum(std::string_view a, std::string_view b) {
    const auto x = Decimal::parse(a);
    const auto y = Decimal::parse(b);
    REQUIRE((x && y));
    const auto made = x->plus(*y);
    return made ? made->to_text() : "too long";
}

std::string plain(std::string_view text) {
    const auto made = Decimal::parse(text);
    if (!made) return made.error() == DecimalError::too_long ? "too long" : "not a number";
    return made->to_text();
}

}  // namespace

TEST_CASE("decimals add up exactly", "[rooms][decimal]") {
    CHECK(sum("17.75", "-15.14") == "2.61");
    CHECK(sum("2.61", "-2.61") == "0");
    CHECK(sum("0.1", "0.2") == "0.3");
    CHECK(sum("999.99", "0.01") == "1000");
    CHECK(sum("1", "-1000") == "-999");
    CHECK(sum("-0.5", "-0.5") == "-1");
    CHECK(sum("1e21", "1") == "1000000000000000000001");
    CHECK(sum("1e-7", "-1e-7") == "0");
    CHECK(sum("", "5") == "5");
}

TEST_CASE("a decimal is printed in its shortest plain form", "[rooms][decimal]") {
    CHECK(plain("-0") == "0");
    CHECK(plain("007.50") == "7.5");
    CHECK(plain(".5") == "0.5");
    CHECK(plain("5.") == "5");
    CHECK(plain("1e3") == "1000");
    CHECK(plain("12.5E+1") == "125");
    CHECK(plain("12e-5") == "0.00012");
    CHECK(plain("0e999999999999999999999") == "0");
    CHECK(plain("") == "0");
}

TEST_CASE("a decimal is bounded however it is written", "[rooms][decimal]") {
    const std::string nines(Decimal::kMaxDigits, '9');
    CHECK(plain(nines) == nines);
    CHECK(plain(nines + "0") == "too long");
    CHECK(plain("1e499") == "1" + std::string(499, '0'));
    CHECK(plain("1e500") == "too long");
    CHECK(plain("1e-500").size() == 502);
    CHECK(plain("1e-501") == "too long");
    CHECK(plain("1e99999999999999999999") == "too long");
    CHECK(plain("1e-99999999999999999999") == "too long");
    CHECK(sum(nines, "1") == "too long");
    CHECK(sum(nines, "-1") == std::string(499, '9') + "8");
    CHECK(plain("1x") == "not a number");
    CHECK(plain("1e") == "not a number");
    CHECK(plain("1.2.3") == "not a number");
}

TEST_CASE("sums of decimals agree with whole numbers", "[rooms][decimal]") {
    std::mt19937_64 random(3);
    for (int i = 0; i < 2'000; ++i) {
        const auto a = static_cast<std::int64_t>(random() >> 3) - (std::int64_t{1} << 60);
        const auto b = static_cast<std::int64_t>(random() >> (4 + random() % 40));
        CHECK(sum(std::to_string(a), std::to_string(-b)) == std::to_string(a - b));
        // The same behind the point.
        CHECK(sum(std::to_string(a) + "e-9", std::to_string(-b) + "e-9") ==
              plain(std::to_string(a - b) + "e-9"));
    }
}

TEST_CASE("numbers are printed as ECMAScript does", "[rooms][number]") {
    CHECK(ecmascript_text(0.1 + 0.2) == "0.30000000000000004");
    CHECK(ecmascript_text(1e21) == "1e+21");
    CHECK(ecmascript_text(1e20) == "100000000000000000000");
    CHECK(ecmascript_text(123456789012345680000.0) == "123456789012345680000");
    CHECK(ecmascript_text(1.5e300) == "1.5e+300");
    CHECK(ecmascript_text(1e-6) == "0.000001");
    CHECK(ecmascript_text(1e-7) == "1e-7");
    CHECK(ecmascript_text(-1.25e-9) == "-1.25e-9");
    CHECK(ecmascript_text(-0.0) == "0");
    CHECK(ecmascript_text(1631756233699.0) == "1631756233699");
    CHECK(ecmascript_text(5e-324) == "5e-324");
    CHECK(ecmascript_text(-12.5) == "-12.5");
    CHECK(ecmascript_text(std::numeric_limits<double>::infinity()) == "Infinity");
    CHECK(ecmascript_text(std::nan("")) == "NaN");
}

TEST_CASE("numbers beyond a double are infinite or nothing", "[rooms][number]") {
    CHECK(to_double("1e400") == std::numeric_limits<double>::infinity());
    CHECK(to_double("-1e400") == -std::numeric_limits<double>::infinity());
    CHECK(to_double("1e-400") == 0);
    CHECK(to_double(std::string(400, '9')) == std::numeric_limits<double>::infinity());
    CHECK(to_double("0." + std::string(400, '0') + "1") == 0);
    CHECK(to_double("0." + std::string(500, '0') + "1e5") == 0);
    CHECK(to_double(std::string(400, '9') + "e-5") == std::numeric_limits<double>::infinity());
    CHECK(to_double("0e" + std::string(40, '9')) == 0);
    CHECK(to_double("1e" + std::string(40, '9')) == std::numeric_limits<double>::infinity());
    CHECK(to_double("1e-" + std::string(40, '9')) == 0);
    CHECK(to_double("+2.5") == 2.5);
}

TEST_CASE("text is a number where ECMAScript says so", "[rooms][number]") {
    const auto read = [](std::string_view text) -> std::string {
        const auto number = decimal_of_text(text);
        return number ? "<" + std::string(*number) + ">" : "none";
    };
    CHECK(read("2.5") == "<2.5>");
    CHECK(read(" \t\n") == "<>");
    CHECK(read("\xC2\xA0-.5e3\xEF\xBB\xBF") == "<-.5e3>");
    CHECK(read("+1.") == "<+1.>");
    CHECK(read("abc") == "none");
    CHECK(read("1 2") == "none");
    CHECK(read("0x10") == "none");
    CHECK(read(".") == "none");
    CHECK(read("1e") == "none");
    CHECK(read("-") == "none");
    CHECK(read("Infinity") == "none");
}

TEST_CASE("array indexes are canonical", "[rooms][number]") {
    CHECK(array_index("0") == 0U);
    CHECK(array_index("42") == 42U);
    CHECK(array_index("4294967294") == 4294967294U);
    CHECK_FALSE(array_index("4294967295"));
    CHECK_FALSE(array_index("07"));
    CHECK_FALSE(array_index(""));
    CHECK_FALSE(array_index("-1"));
    CHECK_FALSE(array_index("99999999999"));
}
