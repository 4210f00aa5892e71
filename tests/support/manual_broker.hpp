// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A broker that does each thing when the test says so: confirms, listens, reads, delivers.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pulse/core/broker.hpp>
#include <pulse/core/error.hpp>

namespace pulse::test {

/// One thread at a time.
class ManualBroker final : public core::Broker, private core::HistoryReader {
  public:
    struct Published {
        core::Publication publication;
        core::Broker::Published done;
    };
    struct Read {
        std::string channel;
        std::optional<core::StreamPosition> since;
        std::size_t limit;
        core::HistoryReader::Done done;
    };

    [[nodiscard]] Attachment attach(core::BrokerListener& attached) override {
        listener = &attached;
        return Attachment(&attached, [this](void*) { listener = nullptr; });
    }
    [[nodiscard]] std::error_code publish(const core::PublicationView& publication) override {
        published.push_back({core::Publication(publication), {}});
        return {};
    }
    void publish_confirmed(const core::PublicationView& publication,
                           core::Broker::Published done) override {
        if (refuses) return done(refuses);
        published.push_back({core::Publication(publication), std::move(done)});
    }
    void interest_changed(std::string_view) override {}
    void when_listening(std::string_view, std::function<void()> done) override {
        if (listens_at_once) return done();
        listening.push_back(std::move(done));
    }
    [[nodiscard]] core::HistoryReader* history() noexcept override { return this; }
    [[nodiscard]] bool is_healthy() const noexcept override { return true; }

    void confirm(std::error_code error = {}) {
        const Published first = std::move(published.front());
        published.pop_front();
        first.done(error);
    }
    void confirm_listening() {
        const auto all = std::exchange(listening, {});
        for (const auto& done : all) done();
    }
    void answer(core::HistoryPage page) {
        Read first = std::move(reads.front());
        reads.pop_front();
        first.done(std::move(page));
    }
    void deliver(std::string_view channel, std::string_view text, core::StreamPosition position) {
        core::PublicationView publication{channel};
        publication.payload = protocol::as_bytes(text);
        publication.position = position;
        listener->on_publication(publication);
    }

    core::BrokerListener* listener = nullptr;
    bool listens_at_once = true;
    std::error_code refuses;
    std::deque<Published> published;
    std::vector<std::function<void()>> listening;
    std::deque<Read> reads;

  private:
    void read(std::string_view channel, const core::StreamPosition* since, std::size_t limit,
              Done done) override {
        std::optional<core::StreamPosition> from;
        if (since != nullptr) from = *since;
        reads.push_back({std::string(channel), from, limit, std::move(done)});
    }
};

}  // namespace pulse::test
