// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The server that joins the nodes, as the broker sees it: carries bytes by channel, and may keep
// publications.
//
// What order is needed, and no more:
//   - Publications of a channel come in one order to all nodes; those of one node in the order in
//     which it sent them, those that are kept in the order of their offsets.
//   - What one node says to a channel comes in that order to those who listen to it. Publications
//     may overtake it, and be overtaken.
//   - What a node tells about a channel is not overtaken by what it says to the channel later.
//     Members may have come and gone in between: an older list would bring them back. The other
//     way round is harmless: changes that are older than a list end in what the list has.
//   - read() is done behind what it has, and before anything later.
// Words that are told of no channel, and announcements, are in no order to anything else, and may
// come more than once.
#pragma once

#include "envelope.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <pulse/core/error.hpp>
#include <pulse/core/history.hpp>

namespace pulse::cluster {

struct BackendEvents {
    /// Whether what is published is taken, and what is listened to is heard; `why` when not. Heard
    /// anew: all channels are listened to again, and something may have been missed.
    std::function<void(bool can_send, bool can_hear, std::string_view why)> on_state;
    /// What is published to the channel from now on will be heard.
    std::function<void(std::string_view channel)> on_listening;
    std::function<void(std::string_view channel, std::string_view bytes)> on_message;
    /// What a node, perhaps this one, said to all.
    std::function<void(std::string_view bytes)> on_announced;
    /// What a node said to this one.
    std::function<void(std::string_view bytes)> on_told;
    // Where a part of the server may be away or change places: of one channel.

    /// It is not heard any more; on_missed() will follow.
    std::function<void(std::string_view channel)> on_deaf;
    /// It is heard anew, or late; something may have been missed.
    /// Where publications have places a gap shows by itself, and it is not called for one.
    std::function<void(std::string_view channel)> on_missed;
};

/// **Loop-bound.**
class Backend {
  public:
    virtual ~Backend() = default;

    virtual void start(BackendEvents events) = 0;
    /// Ends, once what was sent last is on its way. Nothing is called any more.
    virtual void close() = 0;

    /// Remembered while there is no connection.
    virtual void listen(const std::string& channel) = 0;
    virtual void unlisten(const std::string& channel) = 0;
    [[nodiscard]] virtual bool is_listening(const std::string& channel) const = 0;

    /// `done` is called once, later. What is sent to one channel arrives in that order.
    using Done = std::function<void(std::error_code)>;
    virtual void publish(const std::string& channel, std::string head,
                         const std::vector<std::string>& records, Done done) = 0;
    // Words between nodes. What one node says arrives at another in that order. Publications may go
    // another way: nothing depends on which comes first, a word or a publication.

    virtual void announce(const std::string& bytes) = 0;
    virtual void tell(const NodeId& node, const std::string& bytes) = 0;
    virtual void tell_about(const std::string& channel, const NodeId& node,
                            const std::string& bytes) {
        (void)channel;
        tell(node, bytes);
    }
    /// To the nodes that listen to the channel, as on_message(). `done` gets how many they are,
    /// this one included if it does; 0 when it could not be sent.
    virtual void say(const std::string& channel, const std::string& bytes,
                     std::function<void(std::size_t nodes)> done) = 0;

    // Of a server of several parts. What they answer changes within on_state() alone.

    /// Whether no part is away.
    [[nodiscard]] virtual bool is_whole() const noexcept { return true; }
    /// Whether what is sent to this channel would be taken, when anything is.
    [[nodiscard]] virtual bool can_send_to(const std::string& channel) const {
        (void)channel;
        return true;
    }
    /// Whether it can be listened to. When not: on_missed() instead of on_listening().
    [[nodiscard]] virtual bool can_hear_from(const std::string& channel) const {
        (void)channel;
        return true;
    }

    /// What is not with the system yet, of everything that was to be sent.
    [[nodiscard]] virtual std::size_t unsent_bytes() const noexcept { return 0; }
    /// Largest envelope; 0: any.
    [[nodiscard]] virtual std::size_t max_bytes() const noexcept { return 0; }

    [[nodiscard]] virtual bool keeps_history() const noexcept { return false; }
    /// Keeps the records and publishes them, in one step: the channel's order is one for both.
    virtual void append(const std::string& channel, const core::HistoryPolicy& policy,
                        std::string head, const std::vector<std::string>& records, Done done) {
        (void)policy;
        publish(channel, std::move(head), records, std::move(done));
    }
    /// `done` comes after on_message() for all that was appended before, and before that for
    /// anything later.
    virtual void read(const std::string& channel, const core::HistoryPolicy& policy,
                      const core::StreamPosition* since, std::size_t limit,
                      core::HistoryReader::Done done) {
        (void)channel;
        (void)policy;
        (void)since;
        (void)limit;
        done(tl::unexpected(make_error_code(core::Error::history_unavailable)));
    }
};

}  // namespace pulse::cluster
