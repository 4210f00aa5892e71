// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Random batches, reads and moments on a DocumentStore, beside a model that is as simple as can be.
#pragma once

#include "document_store_contract.hpp"

#include <map>
#include <random>

namespace pulse::contract {

/// Both sides of the comparison. Documents that have expired are taken out of the model before it
/// is asked anything, so that it knows nothing else of time.
class ModelRun {
  public:
    ModelRun(unsigned seed, const MakeDocumentStore& make) : random_(seed) {
        core::DocumentLimits limits;
        limits.max_page_documents = 7;
        store_ = make(clock_, limits);
    }

    void run(int steps) {
        for (int i = 0; i < steps; ++i) {
            if (below(5) == 0) clock_.advance(std::chrono::milliseconds(below(40)));
            step_commit();
            step_get();
            step_scan();
        }
    }

  private:
    struct Kept {
        std::string value;
        std::uint64_t version = 0;
        std::optional<std::uint64_t> expires;
    };
    using Model = std::map<std::string, Kept>;

    /// A batch as it is built, and what the model says it does.
    struct Expected {
        DocumentBatch batch;
        Model after;
        std::vector<std::string> written;
        std::vector<std::int64_t> counters;
        bool has_conflict = false;
        bool has_bad_counter = false;
    };

    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

    std::string some_key() {
        static constexpr std::string_view kParts[] = {"a", "b", "\xff", "ab", "a/", "/"};
        std::string key(kParts[below(6)]);
        if (below(2) == 0) key += kParts[below(6)];
        return key;
    }

    DocumentBatch::Ttl some_ttl() {
        if (below(3) != 0) return std::nullopt;
        return std::chrono::milliseconds(below(100));
    }

    void prune() {
        std::erase_if(model_, [this](const auto& entry) {
            return entry.second.expires && *entry.second.expires <= clock_.unix_ms();
        });
    }

    void add_precondition(Expected& out, const std::string& key) {
        const auto there = model_.find(key);
        const bool is_there = there != model_.end();
        switch (below(3)) {
            case 0:
                out.batch.require_absent(key);
                out.has_conflict |= is_there;
                break;
            case 1:
                out.batch.require_present(key);
                out.has_conflict |= !is_there;
                break;
            default: {
                const bool is_right = is_there && below(3) != 0;
                out.batch.require_version(key, is_right ? there->second.version : 1'000'000);
                out.has_conflict |= !is_right;
            }
        }
    }

    void set(Expected& out, const std::string& key, std::string value, DocumentBatch::Ttl ttl) {
        if (ttl && ttl->count() == 0) {
            out.after.erase(key);
        } else {
            out.after[key] = {std::move(value), 0, core::expiry(clock_.unix_ms(), ttl)};
        }
    }

    void add_put(Expected& out, const std::string& key) {
        std::string value =
            below(2) == 0 ? std::to_string(below(100)) : std::string(below(50), 'v');
        const auto ttl = some_ttl();
        out.batch.put(key, value, ttl);
        set(out, key, std::move(value), ttl);
    }

    void add_addition(Expected& out, const std::string& key) {
        const auto delta = static_cast<std::int64_t>(below(7)) - 3;
        const auto ttl = some_ttl();
        out.batch.add(key, delta, ttl);
        const auto there = out.after.find(key);
        if (there == out.after.end()) {
            set(out, key, std::to_string(delta), ttl);
            out.counters.push_back(delta);
            return;
        }
        // The model reads numbers in a way of its own.
        std::string& value = there->second.value;
        const bool is_number =
            !value.empty() && value.find_first_not_of("-0123456789") == value.npos;
        if (!is_number) {
            out.has_bad_counter = true;
            return;
        }
        value = std::to_string(std::stoll(value) + delta);
        out.counters.push_back(std::stoll(value));
    }

    Expected some_batch() {
        Expected out;
        out.after = model_;
        for (unsigned n = below(6); n > 0; --n) {
            const std::string key = some_key();
            const unsigned what = below(10);
            if (what < 3) {
                add_precondition(out, key);
                continue;
            }
            out.written.push_back(key);
            if (what < 5) {
                out.batch.remove(key);
                out.after.erase(key);
            } else if (what < 7) {
                add_put(out, key);
            } else {
                add_addition(out, key);
            }
        }
        return out;
    }

    void step_commit() {
        prune();
        Expected expected = some_batch();
        const auto result = test::commit(*store_, expected.batch);
        if (expected.has_conflict || expected.has_bad_counter) {
            REQUIRE_FALSE(result);
            REQUIRE(result.error() == (expected.has_conflict ? core::Error::document_conflict
                                                             : core::Error::not_a_counter));
            return;
        }
        REQUIRE(result);
        REQUIRE(result->counters == expected.counters);
        REQUIRE((result->version > last_version_) == !expected.written.empty());
        last_version_ = std::max(last_version_, result->version);
        model_ = std::move(expected.after);
        for (const std::string& key : expected.written) {
            const auto there = model_.find(key);
            if (there != model_.end()) there->second.version = result->version;
        }
    }

    void check_same(const core::Document& got, const Model::value_type& wanted) {
        REQUIRE(got.key == wanted.first);
        REQUIRE(got.text() == wanted.second.value);
        REQUIRE(got.version == wanted.second.version);
        REQUIRE(got.expires_at_ms == wanted.second.expires);
    }

    void step_get() {
        prune();
        const std::string key = some_key();
        const auto document = test::get(*store_, key).value();
        const auto there = model_.find(key);
        REQUIRE(document.has_value() == (there != model_.end()));
        if (document) check_same(*document, *there);
    }

    void step_scan() {
        prune();
        DocumentRange range{some_key(), std::nullopt, below(10)};
        if (below(2) == 0) range.end = some_key();
        const auto page = test::scan(*store_, range).value();
        auto at = model_.lower_bound(range.begin);
        const auto is_in = [&] {
            return at != model_.end() && (!range.end || at->first < *range.end);
        };
        for (const core::Document& got : page.documents) {
            REQUIRE(is_in());
            check_same(got, *at++);
        }
        REQUIRE(page.next.has_value() == is_in());
        if (page.next) REQUIRE(*page.next == at->first);
    }

    std::mt19937 random_;
    test::ManualClock clock_;
    Model model_;
    std::uint64_t last_version_ = 0;
    std::unique_ptr<core::DocumentStore> store_;
};

inline void document_store_model_contract(const MakeDocumentStore& make) {
    for (unsigned seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        ModelRun(seed, make).run(1000);
    }
}

}  // namespace pulse::contract
