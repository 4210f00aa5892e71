// SPDX-License-Identifier: MIT OR Apache-2.0
#include "checker.hpp"

#include <optional>

namespace pulse::test {

namespace {

constexpr std::size_t kMaxProblems = 20;

std::string show(const Position& position) {
    return position.epoch + "/" + std::to_string(position.offset);
}

class Checker {
  public:
    explicit Checker(const Published& published) : published_(published) {}

    void add(const Story& story) {
        client_ = story.client;
        at_.reset();
        seen_.clear();
        positions_.clear();
        next_.clear();
        bool has_gap = false;
        for (const ClientEvent& event : story.events) {
            switch (event.kind) {
                case ClientEvent::Kind::publication:
                    take(event);
                    break;
                case ClientEvent::Kind::started:
                    at_ = event.position;
                    break;
                case ClientEvent::Kind::recovered:
                    ++verdict_.recoveries;
                    break;
                case ClientEvent::Kind::gap:
                    ++verdict_.gaps;
                    has_gap = true;
                    // Without a position the next publication says where it goes on.
                    at_.reset();
                    if (!event.position.epoch.empty()) at_ = event.position;
                    break;
            }
        }
        if (has_gap) return;
        for (const std::string& text : published_.acknowledged) {
            if (!seen_.contains(text)) report("has not got " + text + ", and was told of no gap");
        }
    }
    [[nodiscard]] Verdict take_verdict() { return std::move(verdict_); }

  private:
    void report(const std::string& what) {
        if (verdict_.problems.size() < kMaxProblems) {
            verdict_.problems.push_back(client_ + ": " + what);
        }
    }

    void take(const ClientEvent& event) {
        ++verdict_.publications;
        const Position& position = event.position;
        if (at_) {
            const bool is_next = position.epoch == at_->epoch && position.offset == at_->offset + 1;
            if (!is_next) report("behind " + show(*at_) + " came " + show(position));
        }
        at_ = position;
        if (!positions_.insert(position).second) report(show(position) + " came twice");
        if (!seen_.insert(event.text).second) report(event.text + " came twice");
        if (!published_.tried.contains(event.text)) report(event.text + " was never published");
        const auto [known, is_new] = by_position_.emplace(position, event.text);
        if (!is_new && known->second != event.text) {
            report("at " + show(position) + " stands " + event.text + ", for others " +
                   known->second);
        }
        take_order(event.text);
    }

    void take_order(const std::string& text) {
        const std::size_t colon = text.find(':');
        if (colon == std::string::npos) return report(text + " is no text of ours");
        const std::uint64_t number = std::stoull(text.substr(colon + 1));
        std::uint64_t& next = next_[text.substr(0, colon)];
        if (number < next) report(text + " came behind a later one of its publisher");
        next = number + 1;
    }

    const Published& published_;
    Verdict verdict_;
    std::map<Position, std::string> by_position_;  ///< of all clients
    // Of the client at hand.
    std::string client_;
    std::optional<Position> at_;
    std::set<std::string> seen_;
    std::set<Position> positions_;
    std::map<std::string, std::uint64_t> next_;
};

}  // namespace

Verdict check(const std::vector<Story>& stories, const Published& published) {
    Checker checker(published);
    for (const Story& story : stories) checker.add(story);
    return checker.take_verdict();
}

}  // namespace pulse::test
