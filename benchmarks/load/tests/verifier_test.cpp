// SPDX-License-Identifier: MIT OR Apache-2.0
#include "verifier.hpp"

#include "support/catch.hpp"

#include <functional>
#include <optional>

using namespace pulse::load;

namespace {

constexpr std::size_t kSize = 64;
constexpr std::uint64_t kNow = 1'000'000;

std::string payload(std::uint32_t channel, std::uint32_t publisher, std::uint64_t sequence) {
    std::string bytes = make_payload(kSize, channel, publisher);
    stamp(bytes.data(), kNow - 10, sequence);
    return bytes;
}

/// Two subscribers of channel 0 and one of channel 1, two publishers each, three publications each.
Report run(const std::function<void(Verifier&)>& first_subscriber) {
    Verifier verifier(kSize, 2, {0, 0, 1});
    first_subscriber(verifier);
    for (std::uint64_t sequence = 0; sequence < 3; ++sequence) {
        for (std::uint32_t publisher = 0; publisher < 2; ++publisher) {
            verifier.check(1, 0, payload(0, publisher, sequence), kNow);
            verifier.check(2, std::nullopt, payload(1, publisher, sequence), kNow);
        }
    }
    Report report;
    verifier.finish({3, 3, 3, 3}, report);
    return report;
}

/// The right deliveries for subscriber 0, each passed through `change`, which may refuse it.
Report run_with(const std::function<bool(std::size_t, std::string&)>& change) {
    return run([&](Verifier& verifier) {
        std::size_t index = 0;
        for (std::uint64_t sequence = 0; sequence < 3; ++sequence) {
            for (std::uint32_t publisher = 0; publisher < 2; ++publisher) {
                std::string bytes = payload(0, publisher, sequence);
                if (change(index++, bytes)) verifier.check(0, 0, bytes, kNow);
            }
        }
    });
}

bool has(const Report& report, std::string_view text) {
    return report.json().find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("complete deliveries in order pass", "[load][verifier]") {
    const Report report = run_with([](std::size_t, std::string&) { return true; });
    CHECK(report.ok());
    CHECK(has(report, "\"verified\":18"));
}

TEST_CASE("a lost delivery fails as a gap", "[load][verifier]") {
    const Report report = run_with([](std::size_t index, std::string&) { return index != 1; });
    CHECK_FALSE(report.ok());
    CHECK(has(report, "\"verify_gaps\":1"));
}

TEST_CASE("a lost last delivery fails as missing", "[load][verifier]") {
    const Report report = run_with([](std::size_t index, std::string&) { return index != 5; });
    CHECK_FALSE(report.ok());
    CHECK(has(report, "\"verify_missing_at_end\":1"));
}

TEST_CASE("a repeated delivery fails", "[load][verifier]") {
    const Report report = run_with([](std::size_t index, std::string& bytes) {
        if (index == 3) bytes = payload(0, 1, 0);
        return true;
    });
    CHECK_FALSE(report.ok());
    CHECK(has(report, "\"verify_out_of_order\":1"));
}

TEST_CASE("publishers interleaved otherwise than for the others fail", "[load][verifier]") {
    // Each publisher's own sequence is right; only the order between the two is not.
    const Report report = run_with([](std::size_t index, std::string& bytes) {
        if (index == 0) bytes = payload(0, 1, 0);
        if (index == 1) bytes = payload(0, 0, 0);
        return true;
    });
    CHECK_FALSE(report.ok());
    CHECK(has(report, "\"verify_order_differs\":1"));
    CHECK(has(report, "\"verify_gaps\":0"));
}

TEST_CASE("any altered byte fails", "[load][verifier]") {
    for (std::size_t at = 0; at < kSize; ++at) {
        const Report report = run_with([at](std::size_t index, std::string& bytes) {
            if (index == 2) bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
            return true;
        });
        // The low bytes of the time stamp may change to another time in the past: not noticed.
        const bool in_time = at >= 8 && at < 10;
        INFO("byte " << at);
        if (!in_time) CHECK_FALSE(report.ok());
    }
}

TEST_CASE("payloads of another size or channel fail", "[load][verifier]") {
    CHECK(has(run_with([](std::size_t index, std::string& bytes) {
                  if (index == 0) bytes.pop_back();
                  return true;
              }),
              "\"verify_corrupt\":1"));
    CHECK(has(run_with([](std::size_t index, std::string& bytes) {
                  if (index == 0) bytes = payload(1, 0, 0);
                  return true;
              }),
              "\"verify_misrouted\":1"));
    CHECK(has(run([](Verifier& verifier) { verifier.check(0, 1, payload(0, 0, 0), kNow); }),
              "\"verify_misrouted\":1"));
}
