// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include <nats/nats.h>

namespace pulse::cluster {

struct NatsMessageDeleter {
    void operator()(natsMsg* message) const noexcept { natsMsg_Destroy(message); }
};

/// What came from the server; never null but when moved from.
class NatsMessage {
  public:
    explicit NatsMessage(natsMsg* message) noexcept : message_(message) {}

    [[nodiscard]] std::string_view subject() const noexcept {
        return text(natsMsg_GetSubject(message_.get()));
    }
    [[nodiscard]] std::string_view reply() const noexcept {
        return text(natsMsg_GetReply(message_.get()));
    }
    [[nodiscard]] std::string_view data() const noexcept {
        const char* const bytes = natsMsg_GetData(message_.get());
        const int size = natsMsg_GetDataLength(message_.get());
        if (bytes == nullptr || size <= 0) return {};
        return {bytes, static_cast<std::size_t>(size)};
    }
    /// Empty when there is none.
    [[nodiscard]] std::string_view header(const char* name) const noexcept {
        const char* value = nullptr;
        return natsMsgHeader_Get(message_.get(), name, &value) == NATS_OK ? text(value)
                                                                          : std::string_view{};
    }
    [[nodiscard]] bool is_no_responders() const noexcept {
        return natsMsg_IsNoResponders(message_.get());
    }

  private:
    [[nodiscard]] static std::string_view text(const char* value) noexcept {
        return value == nullptr ? std::string_view{} : std::string_view(value);
    }
    std::unique_ptr<natsMsg, NatsMessageDeleter> message_;
};

}  // namespace pulse::cluster
