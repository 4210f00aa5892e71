// SPDX-License-Identifier: MIT OR Apache-2.0
//
// History in this process.
//
// A channel's record holds its kept publications, the last offset and its epoch. It outlives its
// publications, so that a client that missed nothing can still be told so, and goes only when the
// store's bounds are reached: then the record untouched for longest goes as a whole.
//
// All records begun between two removals share one epoch, also those that do not exist yet. So the
// position of a channel without record, {0, epoch}, holds good until something was forgotten, and
// reading an unknown name leaves nothing behind.
#include "channel.hpp"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include <pulse/core/history.hpp>

namespace pulse::core {

namespace {

struct Kept {
    PublicationPtr publication;
    MonotonicTime appended;
};

struct Record;
using DueTimes = std::multimap<MonotonicTime, Record*>;

struct Record {
    std::string channel;
    std::deque<Kept> kept;  ///< oldest first, offsets without gap up to `top`
    std::uint64_t top = 0;  ///< the last offset given
    std::uint64_t epoch = 0;
    std::chrono::milliseconds ttl{0};
    std::optional<DueTimes::iterator> due;  ///< when to look for expired publications
};

/// Longer ones are cut to it: added to the clock's time in nanoseconds they must not overflow.
constexpr std::chrono::milliseconds kLongestTtl = std::chrono::hours(24 * 365 * 50);

std::size_t kept_bytes(const Publication& publication) noexcept {
    return publication.payload.size() + publication.channel.size() +
           (publication.event ? publication.event->size() : 0);
}

/// Peers choose the names: the hash is keyed, so that they cannot choose ones that collide.
struct NameHash {
    using is_transparent = void;
    std::uint64_t seed;
    std::size_t operator()(std::string_view name) const noexcept {
        return static_cast<std::size_t>(detail::hash_name(name, seed));
    }
};

class MemoryHistoryStore final : public HistoryStore {
  public:
    MemoryHistoryStore(const Clock& clock, Rng& rng, const MemoryHistoryOptions& options)
        : clock_(clock),
          rng_(rng),
          options_(options),
          epoch_(new_epoch()),
          by_name_(0, NameHash{rng.next_u64()}) {}

    Result<StreamPosition> append(const PublicationView& view,
                                  const HistoryPolicy& policy) override {
        auto publication = std::make_shared<Publication>(view);
        const std::lock_guard lock(mutex_);
        const MonotonicTime now = clock_.now();
        expire_due(now);
        Record& record = touch_or_create(view.channel);
        publication->position = {++record.top, record.epoch};
        const StreamPosition position = publication->position;
        bytes_ += kept_bytes(*publication);
        record.kept.push_back({std::move(publication), now});
        record.ttl = std::min(policy.ttl, kLongestTtl);
        while (record.kept.size() > policy.size) drop_front(record);
        expire(record, now);
        schedule(record);
        enforce_bounds(record);
        return position;
    }

    [[nodiscard]] Result<HistoryPage> read(std::string_view channel, const StreamPosition* since,
                                           std::size_t limit) override {
        const std::lock_guard lock(mutex_);
        const MonotonicTime now = clock_.now();
        expire_due(now);
        HistoryPage page;
        const auto found = by_name_.find(channel);
        if (found == by_name_.end()) {
            page.top = {0, epoch_};
            page.recovered = since == nullptr || *since == page.top;
            return page;
        }
        records_.splice(records_.end(), records_, found->second);
        Record& record = *found->second;
        expire(record, now);
        page.top = {record.top, record.epoch};
        // The offset before the oldest kept one: what a reader without gap has at least.
        const std::uint64_t before = record.top - record.kept.size();
        std::size_t first = 0;
        if (since != nullptr) {
            page.recovered = since->epoch == record.epoch && since->offset >= before &&
                             since->offset <= record.top;
            if (page.recovered) first = static_cast<std::size_t>(since->offset - before);
        }
        const std::size_t n = std::min(limit, record.kept.size() - first);
        page.publications.reserve(n);
        for (std::size_t i = first; i < first + n; ++i) {
            page.publications.push_back(record.kept[i].publication);
        }
        return page;
    }

    void remove(std::string_view channel) override {
        const std::lock_guard lock(mutex_);
        const auto found = by_name_.find(channel);
        if (found != by_name_.end()) erase(found->second);
    }

  private:
    using Records = std::list<Record>;  ///< least recently used first

    /// Never 0, which is "not kept".
    std::uint64_t new_epoch() noexcept {
        const std::uint64_t epoch = rng_.next_u64();
        return epoch != 0 ? epoch : 1;
    }

    Record& touch_or_create(std::string_view channel) {
        const auto found = by_name_.find(channel);
        if (found != by_name_.end()) {
            records_.splice(records_.end(), records_, found->second);
            return *found->second;
        }
        if (options_.max_channels != 0 && records_.size() >= options_.max_channels) {
            erase(records_.begin());
        }
        Record& record = records_.emplace_back();
        record.channel = channel;
        record.epoch = epoch_;
        by_name_.emplace(record.channel, std::prev(records_.end()));
        bytes_ += record.channel.size();
        return record;
    }

    void erase(Records::iterator record) {
        epoch_ = new_epoch();
        if (record->due) due_.erase(*record->due);
        bytes_ -= record->channel.size();
        for (const Kept& kept : record->kept) bytes_ -= kept_bytes(*kept.publication);
        by_name_.erase(record->channel);
        records_.erase(record);
    }

    void drop_front(Record& record) {
        bytes_ -= kept_bytes(*record.kept.front().publication);
        record.kept.pop_front();
    }

    void expire(Record& record, MonotonicTime now) {
        if (record.ttl.count() <= 0) return;
        while (!record.kept.empty() && now - record.kept.front().appended > record.ttl) {
            drop_front(record);
        }
    }

    /// One entry per record, set for its oldest publication of the time: when it comes due,
    /// whatever is the oldest by then sets the next. So appending to a busy channel costs no tree
    /// operation.
    void schedule(Record& record) {
        if (record.due || record.ttl.count() <= 0 || record.kept.empty()) return;
        record.due = due_.emplace(record.kept.front().appended + record.ttl, &record);
    }

    /// Frees what nobody asks for any more, a few channels per call so that no call takes long.
    void expire_due(MonotonicTime now) {
        constexpr int kAtOnce = 8;
        for (int i = 0; i < kAtOnce && !due_.empty() && due_.begin()->first < now; ++i) {
            Record& record = *due_.begin()->second;
            due_.erase(due_.begin());
            record.due.reset();
            expire(record, now);
            schedule(record);
        }
    }

    void enforce_bounds(Record& newest) {
        if (options_.max_bytes == 0) return;
        while (bytes_ > options_.max_bytes && records_.size() > 1) erase(records_.begin());
        while (bytes_ > options_.max_bytes && !newest.kept.empty()) drop_front(newest);
    }

    const Clock& clock_;
    Rng& rng_;
    const MemoryHistoryOptions options_;

    std::mutex mutex_;
    std::uint64_t epoch_;  ///< of the next record to begin
    Records records_;
    std::unordered_map<std::string_view, Records::iterator, NameHash, std::equal_to<>> by_name_;
    DueTimes due_;
    std::size_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<HistoryStore> make_memory_history_store(const Clock& clock, Rng& rng,
                                                        MemoryHistoryOptions options) {
    return std::make_unique<MemoryHistoryStore>(clock, rng, options);
}

}  // namespace pulse::core
