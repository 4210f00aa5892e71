// SPDX-License-Identifier: MIT OR Apache-2.0
#include "load.hpp"

#include "support/pulse_client.hpp"

#include <chrono>
#include <utility>

#include <pulse/protocol/value.hpp>

namespace pulse::test {

namespace {

using namespace std::chrono_literals;
using protocol::Value;

/// How long until somebody looks whether it is to stop.
constexpr std::chrono::milliseconds kLook{20};
/// Between two publications of a publisher.
constexpr std::chrono::milliseconds kPace{1};
/// What takes longer is gone: its server was killed, or is stuck.
constexpr std::chrono::seconds kGone{30};

Position read_position(const Value& value) {
    Position position;
    const Value* const epoch = value.find("epoch");
    const Value* const offset = value.find("offset");
    if (epoch != nullptr && epoch->as_string() != nullptr) position.epoch = *epoch->as_string();
    if (offset != nullptr && offset->as_uint() != nullptr) position.offset = *offset->as_uint();
    return position;
}

Value value_of(const Frame& frame) {
    return frame.data ? protocol::decode_value(*frame.data).value : Value();
}

}  // namespace

Subscriber::Subscriber(std::string name, std::string channel, Port port)
    : channel_(std::move(channel)), port_(std::move(port)) {
    story_.client = std::move(name);
    thread_ = std::thread([this] { run(); });
}

Subscriber::~Subscriber() {
    if (thread_.joinable()) (void)stop();
}

Story Subscriber::stop() {
    is_stopping_ = true;
    thread_.join();
    return std::move(story_);
}

bool Subscriber::has(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    return texts_.contains(text);
}

void Subscriber::add(ClientEvent event) {
    if (event.kind == ClientEvent::Kind::gap) ++gaps_;
    const std::lock_guard lock(mutex_);
    if (event.kind == ClientEvent::Kind::publication) texts_.insert(event.text);
    story_.events.push_back(std::move(event));
}

void Subscriber::run() {
    while (!is_stopping_) {
        try {
            if (const std::uint16_t port = port_(); port != 0) listen(port);
        } catch (const ClientError&) {
            // It comes back.
        }
        is_subscribed_ = false;
        std::this_thread::sleep_for(kLook);
    }
}

void Subscriber::listen(std::uint16_t port) {
    PulseClient client(port);
    Frame subscribe = Frame::subscribe(1, channel_);
    Value::Object since;
    if (!at_.epoch.empty()) since = {{"epoch", at_.epoch}, {"offset", at_.offset}};
    std::vector<std::byte> raw;
    (void)protocol::encode_value(Value(since), raw);
    subscribe.data = raw;
    client.send(subscribe);
    while (!is_stopping_) {
        if (!client.tcp().has_input(kLook)) continue;
        if (const std::int64_t pause = pause_ms_; pause != 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(pause));
        }
        const Frame frame = client.receive(kGone);
        const Value value = value_of(frame);
        if (frame.type == FrameType::publish) {
            at_ = read_position(value);
            add({ClientEvent::Kind::publication, at_, text_of(frame.payload)});
        } else if (frame.type == FrameType::ack) {
            const Value* const recovered = value.find("recovered");
            const bool is_recovered =
                recovered != nullptr && recovered->as_bool() != nullptr && *recovered->as_bool();
            const Position position = read_position(value);
            if (is_recovered) {
                add({ClientEvent::Kind::recovered, position, {}});
            } else {
                at_ = position;
                add({has_started_ ? ClientEvent::Kind::gap : ClientEvent::Kind::started,
                     position,
                     {}});
            }
            has_started_ = true;
            is_subscribed_ = true;
        } else if (frame.type == FrameType::subscribe) {
            at_ = read_position(value);
            add({ClientEvent::Kind::gap, at_, {}});
        } else if (frame.type == FrameType::error) {
            throw ClientError("refused: " + frame.message);
        }
    }
}

Publisher::Publisher(std::string name, std::string channel, Port port)
    : name_(std::move(name)), channel_(std::move(channel)), port_(std::move(port)) {
    thread_ = std::thread([this] { run(); });
}

Publisher::~Publisher() {
    is_stopping_ = true;
    if (thread_.joinable()) thread_.join();
}

void Publisher::stop_into(Published& published) {
    is_stopping_ = true;
    thread_.join();
    published.tried.merge(published_.tried);
    published.acknowledged.merge(published_.acknowledged);
}

void Publisher::run() {
    while (!is_stopping_) {
        try {
            if (const std::uint16_t port = port_(); port != 0) publish(port);
        } catch (const ClientError&) {
            // It comes back, and does not try the same text again: it may have been published.
        }
        std::this_thread::sleep_for(kLook);
    }
}

void Publisher::publish(std::uint16_t port) {
    PulseClient client(port);
    while (!is_stopping_) {
        const std::uint64_t number = next_++;
        const std::string text = name_ + ":" + std::to_string(number);
        published_.tried.insert(text);
        client.send(FrameView::publish_with_ack(number, channel_, protocol::as_bytes(text)));
        while (!client.tcp().has_input(kLook)) {
            if (is_stopping_) return;
        }
        if (client.receive(kGone) == Frame::ack(number)) {
            published_.acknowledged.insert(text);
            ++acknowledged_count_;
        }
        std::this_thread::sleep_for(kPace);
    }
}

}  // namespace pulse::test
