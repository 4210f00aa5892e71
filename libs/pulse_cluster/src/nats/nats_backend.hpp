// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "backend.hpp"
#include "backend_broker.hpp"
#include "envelope.hpp"
#include "nats/nats_api.hpp"
#include "nats/nats_link.hpp"
#include "nats/place_index.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <asio/steady_timer.hpp>

#include <pulse/cluster/broker.hpp>

namespace pulse::cluster {

/// What a stream has: an envelope, or the opening of a channel that nobody has published to yet,
/// which gives it its epoch.
[[nodiscard]] std::string channel_opening(std::uint64_t epoch);
struct KeptPlace {
    core::StreamPosition first;
    std::size_t count = 0;
    [[nodiscard]] core::StreamPosition top() const noexcept {
        return {first.offset + count - 1, first.epoch};
    }
};
[[nodiscard]] std::optional<KeptPlace> read_kept_place(std::string_view bytes);

/// See pulse/cluster/nats_broker.hpp for what is on NATS. nats_backend.cpp: connecting, listening,
/// publishing; nats_streams.cpp: streams; nats_append.cpp: writing history; nats_read.cpp: reading
/// it; nats_turns.cpp: who writes next; nats_words.cpp: words.
class NatsBackend final : public Backend {
  public:
    NatsBackend(NatsAddress address, const BrokerOptions& options, const BrokerServices& services,
                const NodeId& node);
    ~NatsBackend() override;

    void start(BackendEvents events) override;
    void close() override;
    void listen(const std::string& channel) override;
    void unlisten(const std::string& channel) override;
    [[nodiscard]] bool is_listening(const std::string& channel) const override;
    void publish(const std::string& channel, std::string head,
                 const std::vector<std::string>& records, Done done) override;
    void announce(const std::string& bytes) override;
    void tell(const NodeId& node, const std::string& bytes) override;
    void say(const std::string& channel, const std::string& bytes,
             std::function<void(std::size_t nodes)> done) override;
    [[nodiscard]] std::size_t unsent_bytes() const noexcept override {
        return link_->unsent_bytes();
    }
    [[nodiscard]] std::size_t max_bytes() const noexcept override;
    [[nodiscard]] bool keeps_history() const noexcept override { return true; }
    void append(const std::string& channel, const core::HistoryPolicy& policy, std::string head,
                const std::vector<std::string>& records, Done done) override;
    void read(const std::string& channel, const core::HistoryPolicy& policy,
              const core::StreamPosition* since, std::size_t limit,
              core::HistoryReader::Done done) override;

  private:
    using Time = std::chrono::steady_clock::time_point;

    struct Stream {
        enum class State { unknown, asked, ready };
        nats_api::StreamSetup setup;
        State state = State::unknown;
        std::string created;
        bool is_replicated = false;
        std::uint64_t last_sequence = 0;  ///< at least
        std::vector<std::function<void(bool)>> waiting;
        std::vector<std::function<void()>> marks;  ///< for the next one
        bool is_marking = false;
        std::vector<std::function<void(std::uint64_t)>> askers;  ///< likewise
        bool is_asking = false;
    };
    /// The last message of a channel in its stream.
    struct Last {
        std::uint64_t sequence = 0;  ///< 0: there is none
        core::StreamPosition top;    ///< after it
    };
    struct Held {
        std::uint64_t sequence;
        std::string bytes;
    };
    /// A channel that is listened to.
    struct Ear {
        std::string channel;
        std::uint64_t id = 0;
        Stream* stream = nullptr;
        bool is_confirmed = false;
        std::uint64_t since = 0;    ///< with history: whatever comes after it is heard
        std::uint64_t heard = 0;    ///< sequence of the last message
        std::uint64_t settled = 0;  ///< all up to it were heard, or will never be
        Last last;                  ///< with history
        PlaceIndex index;
        std::deque<Held> held;  ///< until readings are done
        std::size_t held_bytes = 0;
    };
    struct Append {
        std::vector<std::string> records;
        std::size_t bytes = 0;
        Done done;
        Time since;
    };
    /// Writes one channel's history, one message at a time; what comes meanwhile goes together.
    struct Writer {
        Stream* stream = nullptr;
        std::string subject;
        std::deque<Append> waiting;
        std::vector<Append> sent;
        std::size_t sent_records = 0;
        std::size_t sent_bytes = 0;
        std::uint64_t flight = 0;  ///< number of the envelope that was sent; 0: none
        core::StreamPosition first;
        std::optional<Last> last;
        PlaceIndex index;
        std::uint64_t purged_bytes = 0;
        bool is_busy = false;
        // Turns
        Time sent_at{};
        unsigned lost = 0;   ///< to faster nodes, one after the other
        Time asked_until{};  ///< the others leave the channel to this node
        Time left_until{};   ///< it is left to `left_to`
        NodeId left_to{};
        std::unique_ptr<asio::steady_timer> pause{};
        bool is_pausing = false;
    };
    struct Reading {
        std::string channel;
        std::string token;
        Stream* stream = nullptr;
        core::HistoryPolicy policy;
        std::optional<core::StreamPosition> since;
        std::size_t limit = 0;
        core::HistoryReader::Done done;
        bool is_holding = false;  ///< what comes meanwhile
        std::uint64_t heard_before = 0;
        int attempts = 0;
        std::optional<Last> last;    ///< the page's end
        bool is_arrived = false;     ///< all up to it, though that was not heard
        Time arrives{};              ///< is waited for until then
        bool is_whole = false;       ///< the page
        bool has_successor = false;  ///< of `since`
        core::HistoryPage page;
        std::uint64_t from = 0;  ///< first offset wanted
        std::size_t bytes = 0;
        std::string consumer;
        std::int64_t now_ns = 0;
        std::uint64_t pull = 0;
        std::size_t pulled = 0;  ///< messages that came of it
        std::uint64_t pending = 0;
        std::uint64_t reached = 0;  ///< sequence of the last message that came
        int waits = 0;              ///< for what is not there yet
        bool is_paging = false;
    };
    struct Peer {
        Time heard;
        bool is_silent = false;  ///< owed an answer: nobody waits for it until it is heard again
    };
    struct PartialWord {
        std::string bytes;
        bool is_lost = false;  ///< for want of room: the rest of it is nothing
    };
    struct Question {
        std::set<NodeId> awaited;
        std::size_t nodes = 0;
        std::function<void(std::size_t)> done;
        Time due;
    };

    // nats_backend.cpp
    void on_up();
    void on_down(std::string_view why);
    void on_message(const NatsMessage& message);
    void one_is_ready();
    [[nodiscard]] core::HistoryPolicy policy_of(std::string_view channel) const;
    void confirm(Ear& ear, const std::string& token);
    void note_confirmed(const std::string& token, std::uint64_t id, std::uint64_t since);
    void hear(const std::string& token, Ear& ear, const NatsMessage& message);
    void hear_kept(const std::string& token, Ear& ear, std::uint64_t sequence,
                   std::string_view bytes);
    void note_written(const std::string& channel, std::uint64_t sequence, const KeptPlace& place,
                      std::string_view bytes);
    void deliver(const std::string& channel, std::string_view bytes) {
        events_.on_message(channel, bytes);
    }
    void count_malformed() { events_.on_announced({}); }
    /// Into what fits in a message each.
    [[nodiscard]] std::vector<std::vector<std::string>> split(
        const std::vector<std::string>& records) const;
    /// For something that goes in `parts`: done when all are, or when the first of them fails.
    [[nodiscard]] static Done all_of(std::size_t parts, Done done);
    void refused(std::string_view why);
    template <typename Function>
    void post(Function function);

    // nats_streams.cpp
    [[nodiscard]] Stream& stream_of(const core::HistoryPolicy& policy);
    void ensure(Stream& stream, std::function<void(bool)> then);
    void ask_stream(Stream& stream);
    void create_stream(Stream& stream);
    void take_stream(Stream& stream, const nats_api::StreamInfo& info);
    void tell_of_new_stream(const Stream& stream);
    void settle_stream(Stream& stream, bool is_ready);
    /// It is not what it was, or not there: what is known of it is of no use.
    void forget_stream(Stream& stream);
    void watch();
    void watch_streams();
    /// `then` is called when everything that is in the stream by now has been heard, or will be
    /// within moments: a server may pass on what it has taken after what came later, as 2.9 does.
    /// Not if the connection breaks.
    void mark(Stream& stream, std::function<void()> then);
    void send_mark(Stream& stream);
    /// `then` gets the sequence that is the stream's last some time from now on; 0 when there is no
    /// stream any more. Not if the connection breaks.
    void ask_sequence(Stream& stream, std::function<void(std::uint64_t)> then);
    void send_ask(Stream& stream);

    // nats_append.cpp
    void step(const std::string& channel);
    void look_up(const std::string& channel, Writer& writer);
    void send(const std::string& channel, Writer& writer);
    void on_ack(const std::string& channel, std::uint64_t flight, const NatsMessage* message);
    void complete(const std::string& channel, std::uint64_t sequence);
    void take_back(Writer& writer);
    void fail_late(Writer& writer);
    void fail_writer(const std::string& channel);
    void trim(Writer& writer);
    [[nodiscard]] std::uint64_t new_epoch();

    // nats_turns.cpp
    void note_lost(const std::string& channel, Writer& writer);
    void hear_turn(const NodeId& asker, std::string_view bytes);
    /// Then step() is called when it is not any more.
    [[nodiscard]] bool is_left(const std::string& channel, Writer& writer);
    void end_turn(const std::string& channel, Writer& writer, const NodeId& node);

    // nats_read.cpp
    [[nodiscard]] Reading* find_reading(std::uint64_t id);
    void find_top(std::uint64_t id);
    /// Behind the message with this sequence; 0: there is none.
    void open_channel(std::uint64_t id, std::uint64_t last);
    void take_top(std::uint64_t id, const Last& last);
    [[nodiscard]] bool has_arrived(const Reading& reading) const;
    /// Whoever waits for what was lost on the way waits no longer.
    void check_arrivals(Time now);
    void plan_page(Reading& reading, std::uint64_t id);
    void begin_page(std::uint64_t id);
    void pull_more(std::uint64_t id);
    void on_pull_ended(std::uint64_t id, const NatsMessage* message);
    void on_no_more(std::uint64_t id);
    void on_delivery(const NatsMessage& message);
    /// False: no more is wanted.
    [[nodiscard]] bool take_records(Reading& reading, const Envelope& envelope,
                                    std::int64_t time_ns);
    void end_page(std::uint64_t id);
    void fail_reading(std::uint64_t id);
    void fail_readings();
    [[nodiscard]] std::optional<Reading> remove_reading(std::uint64_t id);
    void release_held(const std::string& token);
    void begin_waiting_pages();
    [[nodiscard]] bool may_pass(std::string_view token, std::uint64_t sequence);
    [[nodiscard]] std::uint64_t find_finished(std::string_view token, std::uint64_t next_held);

    // nats_words.cpp
    void send_word(const std::string& subject, std::string_view bytes);
    void hear_from(const NodeId& node);
    void forget_gone(Time now);
    void hear_frame(const std::string& token, std::string_view bytes, const std::string* channel);
    void hear_question(const NodeId& asker, std::string_view bytes);
    void hear_answer(const NodeId& node, bool is_listening, std::string_view bytes);
    [[nodiscard]] std::optional<std::string> assemble(const std::string& token, const NodeId& node,
                                                      std::string_view bytes, bool is_last);
    void forget_words_of(const NodeId& node);
    void check_questions();
    void finish_question(std::uint64_t id);

    const BrokerOptions options_;
    asio::io_context& io_;
    core::Rng& rng_;
    core::Log& log_;
    const NodeId node_;
    const std::string root_;
    const std::string heard_root_;  ///< of subjects that nodes listen to
    const std::string own_token_;
    BackendEvents events_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< for handlers that come late
    std::map<std::string, Stream, std::less<>> streams_;          ///< by policy_name()
    ByName<Ear> ears_;                                            ///< by token
    std::map<std::string, Writer, std::less<>> writers_;          ///< by channel
    std::unordered_map<std::uint64_t, Reading> readings_;
    ByName<std::vector<std::uint64_t>> readings_of_;               ///< by token; none is empty
    std::map<std::string, std::uint64_t, std::less<>> consumers_;  ///< readings by consumer
    std::deque<std::uint64_t> pages_waiting_;
    std::size_t pages_ = 0;  ///< under way
    std::map<NodeId, Peer> peers_;
    Time next_look_at_peers_{};
    std::map<std::uint64_t, Question> questions_;
    std::map<std::pair<std::string, NodeId>, PartialWord> partial_words_;
    std::size_t partial_bytes_ = 0;
    std::uint64_t last_id_ = 0;
    std::size_t unready_ = 0;  ///< channels and streams to be confirmed before it is up
    Time census_end_{};        ///< until then unknown nodes may answer
    bool is_ready_ = false;
    bool is_closed_ = false;
    bool is_asking_ = false;
    asio::steady_timer watch_timer_;
    asio::steady_timer question_timer_;
    std::unique_ptr<NatsLink> link_;
};

}  // namespace pulse::cluster
