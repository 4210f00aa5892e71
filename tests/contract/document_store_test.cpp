// SPDX-License-Identifier: MIT OR Apache-2.0
#include "document_store_contract.hpp"
#include "document_store_model.hpp"
#include "document_store_threads_contract.hpp"

using namespace pulse;

namespace {

std::unique_ptr<core::DocumentStore> make(const core::Clock& clock,
                                          const core::DocumentLimits& limits) {
    core::MemoryDocumentStoreOptions options;
    options.limits = limits;
    return core::make_memory_document_store(clock, options);
}

}  // namespace

TEST_CASE("the memory document store keeps the contract", "[contract][documents]") {
    contract::document_store_contract(make);
}

TEST_CASE("the memory document store answers on a lane", "[contract][documents]") {
    contract::document_store_lane_contract(make);
}

TEST_CASE("the memory document store keeps the contract between threads", "[contract][documents]") {
    contract::document_store_concurrency_contract(make);
}

TEST_CASE("the memory document store does what a simple model does", "[contract][documents]") {
    contract::document_store_model_contract(make);
}
