// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The native dialect: channels over length-prefixed MessagePack frames, and the same frames as JSON
// text for clients that have no MessagePack. Wire behaviour: docs/protocol/native.md.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/rate_limiter.hpp>
#include <pulse/protocol/codec.hpp>

namespace pulse::core::native {

struct NativeOptions {
    // Behaviour
    /// Told to clients in `connected`; enforcing it is the transport's part. Above 2^32-1 ms it is
    /// cut to that.
    std::chrono::milliseconds heartbeat{30'000};
    /// Largest publish payload; a larger one is answered with 1007 and the connection stays. 0:
    /// only the frame limit of 16 MiB holds.
    std::size_t max_payload_bytes = 65'536;
    /// Largest frame body. A longer one is announced by its length prefix; the connection is then
    /// closed, since nothing behind it can be trusted. At most 16 MiB.
    std::size_t max_frame_bytes = protocol::kMaxFrameBytes;
    /// Answer a repeated subscribe with 1009 and other refusals with their documented codes instead
    /// of 1002, which is what existing clients have seen.
    bool has_documented_error_codes = false;
    /// How long the rest of a frame may take when a message has ended within it. 0: for ever.
    std::chrono::milliseconds frame_timeout{60'000};
    /// How long a client may take to authenticate where that is required.
    std::chrono::milliseconds authentication_timeout{10'000};

    // Limits, per connection
    RateLimit publishes;
    RateLimit subscribes;  ///< subscribe and unsubscribe, and presence
};

/// Read by operators; **thread-safe** reads.
struct NativeStats {
    LaneCounter frames_in;
    LaneCounter frame_bytes_in;
    LaneCounter publishes;
    LaneCounter publish_bytes;  ///< payloads
    LaneCounter greetings;      ///< `connected` frames sent
    LaneCounter greeting_bytes;
    LaneCounter invalid_frames;
    LaneCounter rate_limited;
    LaneCounter authentication_failures;
    LaneCounter errors_sent;
};

/// **Thread-safe.** The hub and the authenticator outlive it.
class NativeDialect final : public Dialect {
  public:
    /// `authenticator` null: everybody may do everything.
    NativeDialect(Hub& hub, NativeOptions options, Authenticator* authenticator = nullptr);
    ~NativeDialect() override;

    [[nodiscard]] std::string_view name() const noexcept override { return "native"; }
    [[nodiscard]] std::unique_ptr<Conversation> open(Connection& connection,
                                                     const OpenRequest& request) override;

    /// Takes effect for what conversations do from now on.
    void set_options(const NativeOptions& options);
    /// One per lane of the hub, by the lane's index.
    [[nodiscard]] const NativeStats& stats(std::uint32_t lane) const noexcept;

  private:
    friend class NativeConversation;

    Hub& hub_;
    Authenticator* authenticator_;
    std::unique_ptr<Encoder> binary_encoder_;
    std::unique_ptr<Encoder> json_encoder_;
    // For subscriptions that want to recover.
    std::unique_ptr<Encoder> positioned_binary_encoder_;
    std::unique_ptr<Encoder> positioned_json_encoder_;
    // Conversations read the current options on every frame; hence superseded ones are kept until
    // the dialect ends instead of being counted. There is one per reload.
    std::mutex options_mutex_;
    std::vector<std::unique_ptr<const NativeOptions>> all_options_;
    std::atomic<const NativeOptions*> options_;
    std::unique_ptr<NativeStats[]> stats_;
};

}  // namespace pulse::core::native
