// SPDX-License-Identifier: MIT OR Apache-2.0
#include "contract/document_store_contract.hpp"
#include "contract/document_store_model.hpp"
#include "contract/document_store_threads_contract.hpp"
#include "support/store_fixture.hpp"

using namespace pulse;

namespace {

/// A store that takes its folder with it.
class OwningStore final : public core::DocumentStore {
  public:
    OwningStore(const core::Clock& clock, const core::DocumentLimits& limits) {
        fixture_.options.limits = limits;
        store_ = store::make_sqlite_store(fixture_.options, {clock, fixture_.log});
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
    test::StoreFixture fixture_;
    std::unique_ptr<core::DocumentStore> store_;
};

std::unique_ptr<core::DocumentStore> make(const core::Clock& clock,
                                          const core::DocumentLimits& limits) {
    return std::make_unique<OwningStore>(clock, limits);
}

}  // namespace

TEST_CASE("the SQLite document store keeps the contract", "[store][contract]") {
    contract::document_store_contract(make);
}

TEST_CASE("the SQLite document store answers on a lane", "[store][contract]") {
    contract::document_store_lane_contract(make);
}

TEST_CASE("the SQLite document store keeps the contract between threads", "[store][contract]") {
    contract::document_store_concurrency_contract(make);
}

TEST_CASE("the SQLite document store does what a simple model does", "[store][contract]") {
    contract::document_store_model_contract(make);
}
