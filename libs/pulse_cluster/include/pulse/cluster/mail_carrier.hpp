// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The way of bytes from one node to another. Whoever carries them may lose some; what stands on it
// finds out (Relay).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace pulse::cluster {

/// **Loop-bound** to the io_context of who carries, but for node() and listen().
class MailCarrier {
  public:
    virtual ~MailCarrier() = default;

    /// The name by which others reach this node; another one after each start.
    [[nodiscard]] virtual const std::string& node() const noexcept = 0;

    /// Called on the loop with what others told this node, in the order of each of them. Empty:
    /// nobody listens any more. From any thread; in force once the loop has seen it.
    using OnTold = std::function<void(std::string_view bytes)>;
    virtual void listen(OnTold on_told) = 0;

    /// False when it cannot be sent now. True promises nothing, but order, and that it
    /// does not come twice.
    [[nodiscard]] virtual bool tell(const std::string& node, const std::string& bytes) = 0;

    /// What was to be sent and has not left this process yet.
    [[nodiscard]] virtual std::size_t unsent_bytes() const noexcept = 0;
    /// Of one piece; 0: any.
    [[nodiscard]] virtual std::size_t max_bytes() const noexcept = 0;
};

}  // namespace pulse::cluster
