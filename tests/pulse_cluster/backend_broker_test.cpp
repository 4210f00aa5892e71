// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The broker over a server that is made up, of which a part may be away.
#include "backend_broker.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include <pulse/core/error.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>

using namespace pulse;
using cluster::Backend;
using cluster::BackendEvents;

namespace {

/// Channels that begin with "away" are of a part that is not there until it is said to be.
class TwoParts final : public Backend {
  public:
    void start(BackendEvents events) override { events_ = std::move(events); }
    void close() override {}
    void listen(const std::string& channel) override { channels_.insert(channel); }
    void unlisten(const std::string& channel) override { channels_.erase(channel); }
    [[nodiscard]] bool is_listening(const std::string& channel) const override {
        return can_hear_from(channel);
    }
    void publish(const std::string&, std::string, const std::vector<std::string>&, Done) override {}
    void announce(const std::string&) override {}
    void tell(const cluster::NodeId&, const std::string&) override {}
    void say(const std::string&, const std::string&,
             std::function<void(std::size_t nodes)>) override {}
    [[nodiscard]] bool can_hear_from(const std::string& channel) const override {
        return is_whole_ || !channel.starts_with("away");
    }
    [[nodiscard]] bool is_whole() const noexcept override { return is_whole_; }
    [[nodiscard]] bool keeps_history() const noexcept override { return true; }
    void read(const std::string& channel, const core::HistoryPolicy&, const core::StreamPosition*,
              std::size_t, core::HistoryReader::Done done) override {
        if (!can_hear_from(channel)) return done(tl::unexpected(unavailable()));
        read_.insert(channel);
        if (answers_) return done(core::HistoryPage{{}, {0, 7}, true});
        waiting_.push_back(std::move(done));
    }

    static std::error_code unavailable() {
        return make_error_code(core::Error::broker_unavailable);
    }
    void come_up() { events_.on_state(true, true, {}); }
    void break_down() {
        for (const auto& done : std::exchange(waiting_, {})) done(tl::unexpected(unavailable()));
        events_.on_state(false, false, "gone");
    }
    void come_back() {
        is_whole_ = true;
        const auto channels = channels_;
        for (const std::string& channel : channels) {
            if (channel.starts_with("away")) events_.on_missed(channel);
        }
        come_up();
    }

    BackendEvents events_;
    std::set<std::string> channels_;
    std::set<std::string> read_;
    std::deque<core::HistoryReader::Done> waiting_;
    bool answers_ = true;
    bool is_whole_ = false;
};

struct Scene : core::BrokerListener {
    asio::io_context io;
    core::SystemRng rng;
    core::NullLog log;
    std::set<std::string> gaps;
    TwoParts* parts = nullptr;
    std::shared_ptr<cluster::ClusterBroker> broker;
    core::Broker::Attachment attachment;

    Scene() {
        auto backend = std::make_unique<TwoParts>();
        parts = backend.get();
        cluster::BrokerOptions options;
        options.history = [](std::string_view) { return core::HistoryPolicy{.size = 10}; };
        broker = cluster::make_backend_broker(std::move(backend), std::move(options),
                                              {io, rng, log}, {1, 2});
        attachment = broker->attach(*this);
        run();
    }
    ~Scene() override {
        attachment.reset();
        broker.reset();
        run();
    }
    void listen(const std::string& channel) {
        broker->interest_changed(channel);
        run();
    }
    /// What can be done without waiting.
    void run() {
        io.restart();
        io.poll();
    }

    [[nodiscard]] bool has_interest(std::string_view) const noexcept override { return true; }
    void on_publication(const core::PublicationView&) noexcept override {}
    void on_gap(std::string_view channel, const core::StreamPosition&) noexcept override {
        gaps.emplace(channel);
    }
    void on_presence(const core::PresenceEvent&) noexcept override {}
};

}  // namespace

TEST_CASE("channels of a part that is away keep no others from catching up", "[cluster][broker]") {
    Scene scene;
    std::set<std::string> here;
    std::set<std::string> away;
    for (int i = 0; i < 50; ++i) {
        here.insert("here" + std::to_string(i));
        away.insert("away" + std::to_string(i));
    }
    for (const auto& channels : {here, away}) {
        for (const std::string& channel : channels) scene.listen(channel);
    }
    scene.parts->come_up();
    scene.run();
    CHECK(scene.parts->read_ == here);
    CHECK(scene.gaps == here);
    scene.parts->come_back();
    scene.run();
    CHECK(scene.gaps.size() == 100);
}

TEST_CASE("whoever reads a channel that is catching up is answered when the server goes away",
          "[cluster][broker]") {
    Scene scene;
    scene.listen("here");
    scene.parts->answers_ = false;
    scene.parts->come_up();
    scene.run();
    std::vector<std::error_code> answers;
    scene.broker->history()->read("here", nullptr, 10, [&](core::Result<core::HistoryPage> page) {
        answers.push_back(page ? std::error_code() : page.error());
    });
    scene.run();
    CHECK(answers.empty());
    scene.parts->break_down();
    scene.run();
    CHECK(answers == std::vector<std::error_code>{TwoParts::unavailable()});
}
