// SPDX-License-Identifier: MIT OR Apache-2.0
#include "contract/document_store_contract.hpp"
#include "contract/document_store_model.hpp"
#include "contract/document_store_threads_contract.hpp"
#include "support/redis_store_fixture.hpp"

using namespace pulse;

namespace {

/// A store that takes its Redis with it.
class OwningStore final : public core::DocumentStore {
  public:
    OwningStore(const core::Clock& clock, const core::DocumentLimits& limits) {
        fixture_.options.limits = limits;
        fixture_.options.max_documents = 100'000;
        fixture_.options.max_bytes = std::uint64_t{100} * 1024 * 1024;
        store_ = store::make_redis_document_store(fixture_.url, fixture_.options,
                                                  {clock, fixture_.rng, fixture_.log})
                     .value();
    }
    void commit(core::DocumentBatch batch, CommitDone done) override {
        store_->commit(std::move(batch), std::move(done));
    }
    void get(std::string key, GetDone done) override {
        store_->get(std::move(key), std::move(done));
    }
    void scan(core::DocumentRange range, ScanDone done) override {
        store_->scan(std::move(range), std::move(done));
    }
    [[nodiscard]] core::StoreStatus status() const override { return store_->status(); }
    [[nodiscard]] core::DocumentStoreStats stats() const override { return store_->stats(); }
    [[nodiscard]] const core::DocumentLimits& limits() const noexcept override {
        return store_->limits();
    }
    void close(std::function<void()> done) override { store_->close(std::move(done)); }

  private:
    test::RedisStoreFixture fixture_;
    std::unique_ptr<core::DocumentStore> store_;
};

std::unique_ptr<core::DocumentStore> make(const core::Clock& clock,
                                          const core::DocumentLimits& limits) {
    return std::make_unique<OwningStore>(clock, limits);
}

}  // namespace

TEST_CASE("the Redis document store keeps the contract", "[store][redis][contract]") {
    contract::document_store_contract(make);
}

TEST_CASE("the Redis document store answers on a lane", "[store][redis][contract]") {
    contract::document_store_lane_contract(make);
}

TEST_CASE("the Redis document store keeps the contract between threads",
          "[store][redis][contract]") {
    contract::document_store_concurrency_contract(make);
}

TEST_CASE("the Redis document store does what a simple model does", "[store][redis][contract]") {
    contract::document_store_model_contract(make);
}
