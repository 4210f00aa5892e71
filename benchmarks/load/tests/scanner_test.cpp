// SPDX-License-Identifier: MIT OR Apache-2.0
#include "scanner.hpp"

#include "support/catch.hpp"

#include <random>
#include <string>
#include <vector>

using namespace pulse::load;

namespace {

/// `envelope(i)` bytes of protocol in front of each of `count` payloads, and some at the end.
template <class Envelope>
std::string stream(std::size_t payload_bytes, std::size_t count, Envelope envelope,
                   PayloadForm form = PayloadForm::binary) {
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) {
        bytes.append(envelope(i), 'e');
        std::string payload = make_payload(payload_bytes, 3, 0, form);
        stamp(payload.data(), 1000 + i, i, form);
        bytes.append(payload);
    }
    return bytes.append(3, 'e');
}

/// Scans in pieces as `next_piece` says and expects the sequences 0..count-1.
template <class NextPiece>
void check_scan(const std::string& bytes, std::size_t payload_bytes, std::size_t count,
                NextPiece next_piece, PayloadForm form = PayloadForm::binary) {
    Scanner scanner(payload_bytes, form);
    ScanState state;
    std::vector<std::uint64_t> seen;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t piece = std::min(next_piece(), bytes.size() - at);
        // An own allocation per piece, so that a sanitizer sees any access beyond it.
        std::vector<char> buffer(Scanner::kHeadRoom + piece);
        bytes.copy(buffer.data() + Scanner::kHeadRoom, piece, at);
        scanner.scan(state, buffer.data() + Scanner::kHeadRoom, piece,
                     [&](const PayloadHeader& header) {
                         CHECK(header.sent_ns == 1000 + header.sequence);
                         CHECK(header.channel == 3);
                         seen.push_back(header.sequence);
                     });
        at += piece;
    }
    REQUIRE(seen.size() == count);
    for (std::size_t i = 0; i < count; ++i) CHECK(seen[i] == i);
}

}  // namespace

TEST_CASE("every payload is found whatever the pieces it comes in", "[load][scanner]") {
    constexpr std::size_t kCount = 12;
    for (const std::size_t payload : {32U, 64U, 1024U}) {
        for (const std::size_t envelope : {0U, 2U, 44U, 63U, 64U, 65U, 300U}) {
            const auto bytes = stream(payload, kCount, [=](std::size_t) { return envelope; });
            for (std::size_t piece = 1; piece <= 200; ++piece) {
                INFO("payload " << payload << " envelope " << envelope << " piece " << piece);
                check_scan(bytes, payload, kCount, [=] { return piece; });
            }
            check_scan(bytes, payload, kCount, [&] { return bytes.size(); });
        }
    }
}

TEST_CASE("payloads of text are found as well, and stand in JSON as they are", "[load][scanner]") {
    constexpr auto kText = PayloadForm::text;
    const auto bytes = stream(
        1024, 12, [](std::size_t) { return 33U; }, kText);
    for (const std::size_t piece : {1U, 31U, 32U, 64U, 1056U, 1057U, 5000U}) {
        check_scan(
            bytes, 1024, 12, [=] { return piece; }, kText);
    }
    std::string payload = make_payload(200, 999'999, kProbePublisher, kText);
    stamp(payload.data(), (std::uint64_t{1} << 60U) - 1, (std::uint64_t{1} << 36U) - 1, kText);
    for (const char c : payload) CHECK((c >= 0x20 && c < 0x7F && c != '"' && c != '\\'));
    const PayloadHeader header = read_header(payload.data(), kText);
    CHECK(header.marker == kMarker);
    CHECK(header.sent_ns == (std::uint64_t{1} << 60U) - 1);
    CHECK(header.sequence == (std::uint64_t{1} << 36U) - 1);
    CHECK(header.channel == 999'999);
    CHECK(header.publisher == kProbePublisher);
    CHECK(body_intact(payload, 999'999, kText));
    for (std::size_t i = kHeaderBytes; i < payload.size(); ++i) {
        std::string damaged = payload;
        damaged[i] = damaged[i] == '#' ? '$' : '#';
        CHECK_FALSE(body_intact(damaged, 999'999, kText));
    }
    CHECK(read_header(make_payload(64, 1, 0).data(), kText).marker != kMarker);
}

TEST_CASE("envelopes may differ in length", "[load][scanner]") {
    std::mt19937 random(3);
    const auto bytes = stream(64, 300, [&](std::size_t) { return random() % 90; });
    for (int round = 0; round < 200; ++round) {
        check_scan(bytes, 64, 300, [&] { return 1 + random() % 250; });
    }
}

TEST_CASE("a scan that begins inside foreign bytes finds the first payload", "[load][scanner]") {
    const auto bytes = stream(64, 5, [](std::size_t i) { return i == 0 ? 5000U : 4U; });
    for (std::size_t piece : {1U, 7U, 64U, 100U, 4999U, 5003U, 6000U}) {
        check_scan(bytes, 64, 5, [=] { return piece; });
    }
}
