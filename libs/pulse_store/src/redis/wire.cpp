// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/wire.hpp"

#include "redis/scripts.hpp"

#include <charconv>

#include <pulse/core/error.hpp>

namespace pulse::store::on_redis {

namespace {

using Kind = core::DocumentBatch::Kind;
using core::Error;

template <typename Number>
[[nodiscard]] bool parse(std::string_view text, Number& out) noexcept {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, out);
    return !text.empty() && error == std::errc{} && at == end;
}

/// 0 is for what never expires, and a record has room for fourteen digits.
[[nodiscard]] std::uint64_t expiry_number(std::uint64_t accepted_ms, core::DocumentBatch::Ttl ttl) {
    constexpr std::uint64_t kLast = 99'999'999'999'999;
    const auto expiry = core::expiry(accepted_ms, ttl);
    return expiry ? std::clamp<std::uint64_t>(*expiry, 1, kLast) : 0;
}

[[nodiscard]] std::optional<Verdict> refusal(std::string_view word) {
    const auto because = [](Error error) {
        return Verdict{tl::unexpected(make_error_code(error)), false};
    };
    if (word == "c") return because(Error::document_conflict);
    if (word == "n") return because(Error::not_a_counter);
    if (word == "f") return because(Error::store_full);
    if (word == "o") return Verdict{tl::unexpected(make_error_code(Error::store_full)), true};
    return std::nullopt;
}

}  // namespace

Keys::Keys(std::string_view prefix, std::string_view node) {
    const std::string head = "{" + std::string(prefix) + "}:";
    documents = head + "d";
    order = head + "k";
    expiries = head + "x";
    state = head + "m";
    sweeper = head + "s";
    session = (head + "f:").append(node);
}

void Words::add_script(std::string_view sha, std::initializer_list<std::string_view> keys) {
    add("EVALSHA");
    add(sha);
    add(keys.size());
    for (const std::string_view key : keys) add(key);
}

void append(const WriteWork& work, Words& words) {
    words.add(work.batch.size());
    for (std::size_t i = 0; i < work.batch.size(); ++i) {
        const core::DocumentBatch::Operation operation = work.batch[i];
        const auto begin = [&](std::string_view kind) {
            words.add(kind);
            words.add(operation.key);
        };
        switch (operation.kind) {
            case Kind::require_absent:
                begin("a");
                words.add("");
                words.add("");
                break;
            case Kind::require_present:
                begin("p");
                words.add("");
                words.add("");
                break;
            case Kind::require_version:
                begin("v");
                words.add(operation.version);
                words.add("");
                break;
            case Kind::put:
                begin("w");
                words.add(protocol::as_text(operation.value));
                words.add(expiry_number(work.accepted_ms, operation.ttl));
                break;
            case Kind::add:
                begin("i");
                words.add(operation.delta);
                words.add(expiry_number(work.accepted_ms, operation.ttl));
                break;
            case Kind::remove:
                begin("r");
                words.add("");
                words.add("");
                break;
        }
    }
}

std::optional<core::Document> read_record(std::string_view key, std::string_view record) {
    constexpr std::size_t kVersionDigits = 16;
    constexpr std::size_t kExpiryDigits = 14;
    static_assert(kVersionDigits + 1 + kExpiryDigits + 1 == kRecordHead);
    if (record.size() < kRecordHead) return std::nullopt;
    core::Document document;
    std::uint64_t expiry = 0;
    if (!parse(record.substr(0, kVersionDigits), document.version) ||
        !parse(record.substr(kVersionDigits + 1, kExpiryDigits), expiry)) {
        return std::nullopt;
    }
    if (expiry != 0) document.expires_at_ms = expiry;
    document.key = key;
    const protocol::ByteView value = protocol::as_bytes(record.substr(kRecordHead));
    document.value.assign(value.begin(), value.end());
    return document;
}

std::optional<Verdict> read_verdict(const redis::Reply& reply) {
    if (!reply.is_array()) return refusal(reply.text());
    core::CommitResult result;
    if (reply.size() == 0 || !parse(reply[0].text(), result.version)) return std::nullopt;
    result.counters.resize(reply.size() - 1);
    for (std::size_t i = 1; i < reply.size(); ++i) {
        if (!parse(reply[i].text(), result.counters[i - 1])) return std::nullopt;
    }
    return Verdict{std::move(result), false};
}

std::optional<core::DocumentPage> read_page(const redis::Reply& reply) {
    if (reply.size() < 2 || reply.size() % 2 != 0) return std::nullopt;
    core::DocumentPage page;
    if (const std::string_view next = reply[1].text(); !next.empty()) page.next = next;
    page.documents.reserve(reply.size() / 2 - 1);
    for (std::size_t i = 2; i < reply.size(); i += 2) {
        auto document = read_record(reply[i].text(), reply[i + 1].text());
        if (!document) return std::nullopt;
        page.documents.push_back(std::move(*document));
    }
    return page;
}

std::uint64_t read_number(std::string_view text) noexcept {
    std::uint64_t number = 0;
    return parse(text, number) ? number : 0;
}

}  // namespace pulse::store::on_redis
