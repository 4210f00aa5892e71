// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Keeps the order of what goes to one channel while Redis sends it to and fro. A lane is there as
// long as something of its channel is on its way.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <asio/io_context.hpp>

#include <pulse/core/history.hpp>

namespace pulse::cluster {

/// Something to be sent, kept until it is answered.
struct LaneCommand {
    enum class Kind : std::uint8_t { publish, append, say };
    Kind kind = Kind::publish;
    std::string channel;
    core::HistoryPolicy policy{};
    std::string bytes;                 ///< the head, when it is appended
    std::vector<std::string> records;  ///< of what is appended
    std::function<void(std::error_code error, std::size_t nodes)> done;
    std::chrono::steady_clock::time_point due{};  ///< then it is given up, if it was not sent
    std::uint64_t number = 0;
    unsigned redirections = 0;
};

/// **Loop-bound.**
class Lanes {
  public:
    /// What the Redis is called that has the channel at the moment; empty: none.
    using Owner = std::function<std::string(const std::string& channel)>;
    /// Sends it to the Redis of this name; `asks` when that has it for this once. False when it is
    /// not there. Answers come to on_answer(), never at once.
    using Send = std::function<bool(const std::shared_ptr<LaneCommand>& command,
                                    const std::string& to, bool asks)>;

    Lanes(asio::io_context& io, Owner owner, Send send);
    ~Lanes();

    void add(LaneCommand command);
    /// `refusal` is what Redis said when it has not done it; null: it has, or nobody knows.
    enum class Next : std::uint8_t { done, again, later };
    void on_answer(const std::shared_ptr<LaneCommand>& command, std::error_code error,
                   std::size_t nodes, Next next, const std::string& elsewhere);
    /// Something has changed: what is held may go, soon.
    void flush_soon();
    /// Every now and then.
    void tick(std::chrono::steady_clock::time_point now);
    void clear();

  private:
    struct Lane {
        std::deque<std::shared_ptr<LaneCommand>> held;
        std::size_t under_way = 0;
        bool is_holding = false;
        std::string at;  ///< where that is which is under way
        std::string elsewhere;
        std::chrono::steady_clock::time_point not_before{};
    };

    [[nodiscard]] bool try_to_send(Lane& lane, const std::shared_ptr<LaneCommand>& command,
                                   const std::string& to, bool asks);
    void hold(Lane& lane, std::shared_ptr<LaneCommand> command);
    void flush(std::chrono::steady_clock::time_point now);
    void flush(const std::string& channel, std::chrono::steady_clock::time_point now);

    asio::io_context& io_;
    const Owner owner_;
    const Send send_;
    std::unordered_map<std::string, Lane> lanes_;
    std::vector<std::string> holding_;  ///< channels, some perhaps not any more
    std::uint64_t last_ = 0;
    bool is_flush_due_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace pulse::cluster
