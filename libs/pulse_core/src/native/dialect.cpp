// SPDX-License-Identifier: MIT OR Apache-2.0
#include "conversation.hpp"
#include "encoders.hpp"

#include <pulse/core/native/dialect.hpp>

namespace pulse::core::native {

NativeDialect::NativeDialect(Hub& hub, NativeOptions options, Authenticator* authenticator)
    : hub_(hub),
      authenticator_(authenticator),
      binary_encoder_(std::make_unique<BinaryEncoder>(Positions::hidden)),
      json_encoder_(std::make_unique<JsonEncoder>(Positions::hidden)),
      positioned_binary_encoder_(std::make_unique<BinaryEncoder>(Positions::shown)),
      positioned_json_encoder_(std::make_unique<JsonEncoder>(Positions::shown)),
      stats_(std::make_unique<NativeStats[]>(Hub::kMaxLanes)) {
    set_options(options);
}

NativeDialect::~NativeDialect() = default;

void NativeDialect::set_options(const NativeOptions& options) {
    const std::lock_guard lock(options_mutex_);
    all_options_.push_back(std::make_unique<const NativeOptions>(options));
    options_.store(all_options_.back().get(), std::memory_order_release);
}

const NativeStats& NativeDialect::stats(std::uint32_t lane) const noexcept { return stats_[lane]; }

std::unique_ptr<Conversation> NativeDialect::open(Connection& connection,
                                                  const OpenRequest& request) {
    return std::make_unique<NativeConversation>(*this, connection, request);
}

}  // namespace pulse::core::native
