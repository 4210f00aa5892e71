// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Documents in this process: an ordered map under one lock.
//
// A batch is first worked out beside the map: what each of its keys will hold. Only when nothing
// can be refused any more is it put in place, so there is nothing to take back.
#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include <pulse/core/document_store.hpp>
#include <pulse/core/error.hpp>

namespace pulse::core {

namespace {

using Kind = DocumentBatch::Kind;

struct Entry;
using Entries = std::map<std::string, Entry, std::less<>>;
using DueTimes = std::multimap<std::uint64_t, Entries::iterator>;

struct Entry {
    std::vector<std::byte> value;
    std::uint64_t version = 0;
    std::optional<DueTimes::iterator> due;  ///< set when it expires

    [[nodiscard]] std::optional<std::uint64_t> expires_at_ms() const {
        return due ? std::optional((*due)->first) : std::nullopt;
    }
};

/// What a key will hold when the batch is done.
struct Change {
    bool is_there = false;
    std::vector<std::byte> value;
    std::optional<std::uint64_t> expires_at_ms;
};
using Changes = std::map<std::string_view, Change>;

class MemoryDocumentStore final : public DocumentStore {
  public:
    MemoryDocumentStore(const Clock& clock, const MemoryDocumentStoreOptions& options)
        : clock_(clock), options_(options) {}

    void commit(DocumentBatch batch, CommitDone done) override {
        done(locked(&MemoryDocumentStore::do_commit, batch));
    }
    void get(std::string key, GetDone done) override {
        done(locked(&MemoryDocumentStore::do_get, key));
    }
    void scan(DocumentRange range, ScanDone done) override {
        done(locked(&MemoryDocumentStore::do_scan, range));
    }

    [[nodiscard]] StoreStatus status() const override {
        const std::lock_guard lock(mutex_);
        if (!is_closed_) return {};
        return {make_error_code(Error::shutting_down), "closed"};
    }
    [[nodiscard]] DocumentStoreStats stats() const override {
        const std::lock_guard lock(mutex_);
        DocumentStoreStats stats = stats_;
        stats.stored_bytes = bytes_;
        return stats;
    }
    [[nodiscard]] const DocumentLimits& limits() const noexcept override { return options_.limits; }

    void close(std::function<void()> done) override {
        {
            const std::lock_guard lock(mutex_);
            is_closed_ = true;
        }
        if (done) done();
    }

  private:
    /// The lock ends before the completion is called.
    template <typename T, typename Asked>
    Result<T> locked(Result<T> (MemoryDocumentStore::*work)(const Asked&), const Asked& asked) {
        const std::lock_guard lock(mutex_);
        return (this->*work)(asked);
    }

    std::error_code refuse(std::error_code error) {
        if (!error && is_closed_) error = make_error_code(Error::shutting_down);
        if (error) ++stats_.refusals;
        return error;
    }

    Result<CommitResult> do_commit(const DocumentBatch& batch) {
        ++stats_.commits;
        if (const auto error = refuse(check_batch(batch, options_.limits))) {
            return tl::unexpected(error);
        }
        const std::uint64_t now = clock_.unix_ms();
        drop_expired(now);
        if (!preconditions_hold(batch, now)) {
            ++stats_.conflicts;
            return tl::unexpected(make_error_code(Error::document_conflict));
        }
        CommitResult result;
        Changes changes;
        std::error_code error = work_out(batch, now, changes, result.counters);
        if (!error) error = check_room(changes);
        if (error) {
            ++stats_.failures;
            return tl::unexpected(error);
        }
        if (changes.empty()) return result;
        result.version = ++version_;
        for (auto& [key, change] : changes) put_in_place(key, std::move(change), result.version);
        return result;
    }

    [[nodiscard]] bool preconditions_hold(const DocumentBatch& batch, std::uint64_t now) const {
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const DocumentBatch::Operation wanted = batch[i];
            if (!wanted.is_precondition()) continue;
            const Entry* entry = find(wanted.key, now);
            const bool holds = wanted.kind == Kind::require_absent ? entry == nullptr
                               : wanted.kind == Kind::require_present
                                   ? entry != nullptr
                                   : entry != nullptr && entry->version == wanted.version;
            if (!holds) return false;
        }
        return true;
    }

    std::error_code work_out(const DocumentBatch& batch, std::uint64_t now, Changes& changes,
                             std::vector<std::int64_t>& counters) const {
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const DocumentBatch::Operation write = batch[i];
            if (write.is_precondition()) continue;
            if (write.kind == Kind::put) {
                changes[write.key] = {
                    true, {write.value.begin(), write.value.end()}, expiry(now, write.ttl)};
            } else if (write.kind == Kind::remove) {
                changes[write.key] = {};
            } else {
                const auto sum = add(write, now, changes);
                if (!sum) return sum.error();
                counters.push_back(*sum);
            }
        }
        return {};
    }

    Result<std::int64_t> add(const DocumentBatch::Operation& write, std::uint64_t now,
                             Changes& changes) const {
        auto place = changes.find(write.key);
        if (place == changes.end()) {
            Change change;
            if (const Entry* entry = find(write.key, now)) {
                change = {true, entry->value, entry->expires_at_ms()};
            }
            place = changes.emplace(write.key, std::move(change)).first;
        }
        Change& change = place->second;
        // A document put with no time to live left is not there any more.
        if (!change.is_there || has_expired(change.expires_at_ms, now)) {
            change = {true, {std::byte{'0'}}, expiry(now, write.ttl)};
        }
        const auto sum = counter_value(change.value).and_then([&](std::int64_t value) {
            return counter_sum(value, write.delta);
        });
        if (!sum) return sum;
        const CounterText text(*sum);
        change.value.assign(text.bytes().begin(), text.bytes().end());
        return sum;
    }

    /// What makes the store smaller always passes: it is the way out of a full one.
    [[nodiscard]] std::error_code check_room(const Changes& changes) const {
        std::size_t documents = entries_.size();
        std::size_t bytes = bytes_;
        for (const auto& [key, change] : changes) {
            const auto found = entries_.find(key);
            if (found != entries_.end()) {
                bytes -= key.size() + found->second.value.size();
                --documents;
            }
            if (change.is_there) {
                bytes += key.size() + change.value.size();
                ++documents;
            }
        }
        const auto passes = [](std::size_t limit, std::size_t before, std::size_t after) {
            return limit == 0 || after <= limit || after <= before;
        };
        if (passes(options_.max_documents, entries_.size(), documents) &&
            passes(options_.max_bytes, bytes_, bytes)) {
            return {};
        }
        return make_error_code(Error::store_full);
    }

    void put_in_place(std::string_view key, Change change, std::uint64_t version) {
        auto place = entries_.find(key);
        if (!change.is_there) {
            if (place != entries_.end()) erase(place);
            return;
        }
        if (place == entries_.end()) {
            place = entries_.emplace(std::string(key), Entry{}).first;
            bytes_ += key.size();
        }
        Entry& entry = place->second;
        bytes_ += change.value.size();
        bytes_ -= entry.value.size();
        entry.value = std::move(change.value);
        entry.version = version;
        if (entry.due) due_.erase(*entry.due);
        entry.due.reset();
        if (change.expires_at_ms) entry.due = due_.emplace(*change.expires_at_ms, place);
    }

    Result<std::optional<Document>> do_get(const std::string& key) {
        ++stats_.gets;
        if (const auto error = refuse(check_key(key, options_.limits))) {
            return tl::unexpected(error);
        }
        const std::uint64_t now = clock_.unix_ms();
        drop_expired(now);
        const Entry* entry = find(key, now);
        if (entry == nullptr) return std::nullopt;
        return Document{key, entry->value, entry->version, entry->expires_at_ms()};
    }

    Result<DocumentPage> do_scan(const DocumentRange& range) {
        ++stats_.scans;
        if (const auto error = refuse(check_range(range, options_.limits))) {
            return tl::unexpected(error);
        }
        const std::uint64_t now = clock_.unix_ms();
        drop_expired(now);
        const std::size_t limit = page_size(range, options_.limits);
        DocumentPage page;
        std::size_t bytes = 0;
        for (auto at = entries_.lower_bound(range.begin);
             at != entries_.end() && (!range.end || at->first < *range.end); ++at) {
            const Entry& entry = at->second;
            if (has_expired(entry.expires_at_ms(), now)) continue;
            bytes += at->first.size() + entry.value.size();
            if (page.documents.size() == limit ||
                (bytes > options_.limits.max_page_bytes && !page.documents.empty())) {
                page.next = at->first;
                break;
            }
            page.documents.push_back(
                {at->first, entry.value, entry.version, entry.expires_at_ms()});
        }
        return page;
    }

    [[nodiscard]] const Entry* find(std::string_view key, std::uint64_t now) const {
        const auto found = entries_.find(key);
        if (found == entries_.end() || has_expired(found->second.expires_at_ms(), now)) {
            return nullptr;
        }
        return &found->second;
    }

    void erase(Entries::iterator place) {
        bytes_ -= place->first.size() + place->second.value.size();
        if (place->second.due) due_.erase(*place->second.due);
        entries_.erase(place);
    }

    /// A few per call, so that no call takes long.
    void drop_expired(std::uint64_t now) {
        constexpr int kAtOnce = 8;
        for (int i = 0; i < kAtOnce && !due_.empty() && due_.begin()->first <= now; ++i) {
            erase(due_.begin()->second);
            ++stats_.expired;
        }
    }

    const Clock& clock_;
    const MemoryDocumentStoreOptions options_;

    mutable std::mutex mutex_;
    Entries entries_;
    DueTimes due_;
    std::size_t bytes_ = 0;
    std::uint64_t version_ = 0;
    bool is_closed_ = false;
    DocumentStoreStats stats_;
};

}  // namespace

std::unique_ptr<DocumentStore> make_memory_document_store(const Clock& clock,
                                                          MemoryDocumentStoreOptions options) {
    return std::make_unique<MemoryDocumentStore>(clock, options);
}

}  // namespace pulse::core
