// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <charconv>

#include <pulse/core/document_batch.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/error.hpp>

namespace pulse::core {

DocumentBatch& DocumentBatch::append(Kind kind, std::string_view key, protocol::ByteView value,
                                     std::uint64_t number, Ttl ttl) {
    steps_.push_back({kind, bytes_.size(), key.size(), value.size(), number, ttl});
    const protocol::ByteView name = protocol::as_bytes(key);
    bytes_.insert(bytes_.end(), name.begin(), name.end());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
}

DocumentBatch& DocumentBatch::require_absent(std::string_view key) {
    return append(Kind::require_absent, key);
}

DocumentBatch& DocumentBatch::require_present(std::string_view key) {
    return append(Kind::require_present, key);
}

DocumentBatch& DocumentBatch::require_version(std::string_view key, std::uint64_t version) {
    return append(Kind::require_version, key, {}, version);
}

DocumentBatch& DocumentBatch::put(std::string_view key, protocol::ByteView value, Ttl ttl) {
    return append(Kind::put, key, value, 0, ttl);
}

DocumentBatch& DocumentBatch::add(std::string_view key, std::int64_t delta, Ttl ttl) {
    return append(Kind::add, key, {}, static_cast<std::uint64_t>(delta), ttl);
}

DocumentBatch& DocumentBatch::remove(std::string_view key) { return append(Kind::remove, key); }

DocumentBatch::Operation DocumentBatch::operator[](std::size_t i) const noexcept {
    const Step& step = steps_[i];
    const protocol::ByteView all(bytes_);
    Operation operation;
    operation.kind = step.kind;
    operation.key = protocol::as_text(all.subspan(step.begin, step.key_bytes));
    operation.value = all.subspan(step.begin + step.key_bytes, step.value_bytes);
    operation.delta = static_cast<std::int64_t>(step.number);
    operation.version = step.number;
    operation.ttl = step.ttl;
    return operation;
}

std::error_code check_key(std::string_view key, const DocumentLimits& limits) noexcept {
    if (key.empty()) return make_error_code(Error::invalid_key);
    if (key.size() > limits.max_key_bytes) return make_error_code(Error::document_too_big);
    return {};
}

std::error_code check_batch(const DocumentBatch& batch, const DocumentLimits& limits) noexcept {
    if (batch.size() > limits.max_batch_operations || batch.bytes() > limits.max_batch_bytes) {
        return make_error_code(Error::document_too_big);
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const DocumentBatch::Operation operation = batch[i];
        if (const std::error_code error = check_key(operation.key, limits)) return error;
        if (operation.value.size() > limits.max_value_bytes) {
            return make_error_code(Error::document_too_big);
        }
    }
    return {};
}

Result<std::int64_t> counter_value(protocol::ByteView value) noexcept {
    const std::string_view text = protocol::as_text(value);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    // The shortest text alone: what another engine would refuse is refused by all.
    if (error != std::errc() || end != text.data() + text.size() ||
        protocol::as_text(CounterText(number).bytes()) != text) {
        return tl::unexpected(make_error_code(Error::not_a_counter));
    }
    return number;
}

Result<std::int64_t> counter_sum(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return tl::unexpected(make_error_code(Error::not_a_counter));
    }
    return sum;
}

CounterText::CounterText(std::int64_t number) noexcept
    : size_(static_cast<std::size_t>(std::to_chars(text_, text_ + sizeof text_, number).ptr -
                                     text_)) {}

std::optional<std::uint64_t> expiry(std::uint64_t now_ms, DocumentBatch::Ttl ttl) noexcept {
    if (!ttl) return std::nullopt;
    // Longer ones are cut to it, so that the sum stays far from what 64 bits hold.
    constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365 * 100);
    const auto kept = std::clamp(*ttl, std::chrono::milliseconds(0), kLongest);
    return now_ms + static_cast<std::uint64_t>(kept.count());
}

std::error_code check_range(const DocumentRange& range, const DocumentLimits& limits) noexcept {
    if (range.begin.size() > limits.max_key_bytes ||
        (range.end && range.end->size() > limits.max_key_bytes)) {
        return make_error_code(Error::document_too_big);
    }
    return {};
}

std::size_t page_size(const DocumentRange& range, const DocumentLimits& limits) noexcept {
    if (range.limit == 0) return limits.max_page_documents;
    return std::min(range.limit, limits.max_page_documents);
}

DocumentRange DocumentRange::prefix(std::string_view prefix, std::size_t limit) {
    DocumentRange range{std::string(prefix), std::string(prefix), limit};
    // The first key behind all that begin with it: its last byte one higher, and a byte that cannot
    // be is left out.
    while (!range.end->empty() && range.end->back() == '\xff') range.end->pop_back();
    if (range.end->empty()) {
        range.end.reset();
    } else {
        ++range.end->back();
    }
    return range;
}

}  // namespace pulse::core
