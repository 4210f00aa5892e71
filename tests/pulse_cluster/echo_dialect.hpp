// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A dialect whose conversations do what they are told: for tests of what lies between.
#pragma once

#include "relay_fixture.hpp"

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/http_text.hpp>

namespace pulse::test {

/// Of one node. "?key=k" says which key; without one it is nobody's.
class EchoDialect final : public core::Dialect {
  public:
    struct Ended {
        std::string key;
        std::uint16_t code;
        bool is_clean;
    };

    explicit EchoDialect(std::string node) : node_(std::move(node)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "echo"; }
    [[nodiscard]] std::optional<core::Refusal> admit(const core::OpenRequest& request) override {
        if (request.query == "key=unwanted" && refuses) return core::Refusal{403, "not you"};
        return std::nullopt;
    }
    [[nodiscard]] std::unique_ptr<core::Conversation> open(
        core::Connection& connection, const core::OpenRequest& request) override {
        return std::make_unique<Talk>(*this, connection, request);
    }
    [[nodiscard]] static std::optional<std::string> key_of(std::string_view query) {
        return core::http::query_value(query, "key");
    }
    [[nodiscard]] cluster::RelayKeys keys() {
        cluster::RelayKeys keys;
        keys.space = "echo";
        keys.key_of = [](const core::OpenRequest& request) { return key_of(request.query); };
        keys.headers_for_owner = [] { return std::vector<std::string>{"x-asked"}; };
        keys.release = [this](const std::string& key, std::function<void()> done) {
            {
                const std::lock_guard lock(mutex_);
                released_.push_back(key);
                if (holds_back) {
                    unreleased_.push_back(std::move(done));
                    return;
                }
            }
            done();
        };
        return keys;
    }
    /// Keys that were put away, one after the other.
    [[nodiscard]] std::vector<std::string> released() {
        const std::lock_guard lock(mutex_);
        return released_;
    }
    /// What `holds_back` kept from being put away: says that it is.
    [[nodiscard]] std::vector<std::function<void()>> unreleased() {
        const std::lock_guard lock(mutex_);
        return unreleased_;
    }

    std::atomic<bool> refuses{false};
    std::vector<Ended> ended;  ///< on the lanes, which the test turns
    std::atomic<bool> holds_back{false};
    std::atomic<std::size_t> received_bytes{0};

  private:
    class Talk final : public core::Conversation {
      public:
        Talk(EchoDialect& dialect, core::Connection& connection, const core::OpenRequest& request)
            : dialect_(dialect),
              connection_(connection),
              key_(key_of(request.query).value_or("")),
              hello_(dialect.node_ + " " + std::string(request.path) + "?" +
                     std::string(request.query) + " " + request.peer.to_string() + " " +
                     std::string(request.header ? request.header("x-asked") : "")) {
            dialect_.talks_[key_].insert(this);
        }
        ~Talk() override { dialect_.talks_[key_].erase(this); }

        void on_open() override { say(hello_); }
        void on_message(core::ByteView message, core::MessageKind kind) override {
            const std::string text(protocol::as_text(message));
            dialect_.received_bytes += text.size();
            if (text.starts_with("all:")) return tell_all(text);
            if (text == "pause") return connection_.pause_reading(true);
            if (text == "tick") return connection_.request_tick(std::chrono::milliseconds{1});
            if (text == "throw when closing") {
                throws_when_closing_ = true;
                return;
            }
            if (text == "throw") throw std::runtime_error("as told");
            if (text.starts_with("close:")) {
                say("bye");
                return connection_.close(static_cast<std::uint16_t>(std::stoi(text.substr(6))),
                                         "as told");
            }
            if (text == "go on") {
                // Whoever pauses goes on by somebody else's hand.
                for (Talk* const each : dialect_.talks_[key_]) {
                    each->connection_.pause_reading(false);
                }
                return;
            }
            if (text.starts_with("quiet")) return;
            say((kind == core::MessageKind::text ? "text " : "binary ") + text);
        }
        void on_tick(core::MonotonicTime) override { say("tock"); }
        void on_closing(core::CloseReason) override {
            if (throws_when_closing_) throw std::runtime_error("as told");
            say("closing");
        }
        void on_close(const core::CloseEvent& event) override {
            dialect_.ended.push_back({key_, event.code, event.is_clean});
        }

      private:
        void say(std::string_view text) {
            connection_.send(protocol::as_bytes(text), core::MessageKind::text);
        }
        /// As rooms do: framed once, for all of the lane.
        void tell_all(std::string_view text) {
            core::Lane& lane = connection_.lane();
            core::FrameBuffer buffer;
            core::ChunkRef retired;
            std::byte* const out =
                buffer.begin(connection_.framing(), text.size(), core::MessageKind::text,
                             &lane.pool(), lane.budget(), &retired);
            std::memcpy(out, text.data(), text.size());
            const core::FrameBuffer::Range range = buffer.last();
            const core::SharedFrame frame{buffer.chunk(), range.begin, range.end, 1,
                                          range.message_bytes};
            std::vector<core::Outlet*> to;
            for (Talk* const each : dialect_.talks_[key_]) {
                if (&each->connection_.lane() == &lane) to.push_back(&each->connection_);
            }
            lane.deliver(frame, to, true);
        }

        EchoDialect& dialect_;
        core::Connection& connection_;
        const std::string key_;
        const std::string hello_;
        bool throws_when_closing_ = false;
    };

    const std::string node_;
    std::mutex mutex_;
    std::vector<std::string> released_;
    std::vector<std::function<void()>> unreleased_;
    std::map<std::string, std::set<Talk*>> talks_;  ///< the test turns all lanes
};

}  // namespace pulse::test
