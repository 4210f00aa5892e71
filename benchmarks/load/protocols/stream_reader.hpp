// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "protocol.hpp"

#include <string>
#include <string_view>

namespace pulse::load {

/// Reader of a protocol straight over TCP: collects bytes until take() has a whole unit.
/// Loop-bound.
class StreamReader : public Reader {
  public:
    static constexpr std::size_t kMaxUnitBytes = std::size_t{64} << 20U;

    void feed(std::string_view bytes, ReaderEvents& events) final {
        if (failed_) return;
        stream_.append(bytes);
        std::string_view left = stream_;
        for (std::size_t before = left.size() + 1; !failed_ && left.size() < before;) {
            before = left.size();
            failed_ = !take(left, events);
        }
        stream_.erase(0, stream_.size() - left.size());
    }
    [[nodiscard]] std::string_view rest() const final { return stream_; }

  protected:
    /// Takes one unit off `left` if it is there whole. False after reporting a fault.
    virtual bool take(std::string_view& left, ReaderEvents& events) = 0;

    static bool refuse(std::string what, ReaderEvents& events) {
        events.on_fault(std::move(what));
        return false;
    }

  private:
    std::string stream_;
    bool failed_ = false;
};

}  // namespace pulse::load
