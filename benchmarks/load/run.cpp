// SPDX-License-Identifier: MIT OR Apache-2.0
#include "run.hpp"

#include "clock.hpp"

#include <algorithm>

#include <arpa/inet.h>

namespace pulse::load {
namespace {

constexpr std::uint64_t kPollNs = 20'000'000;
/// Of the about 28,000 ephemeral ports of an address, with room for those in TIME_WAIT.
constexpr std::uint64_t kPortsPerSource = 20'000;
constexpr std::uint64_t kSpareDescriptors = 64;

}  // namespace

Run::Run(const Options& options, const Protocol& protocol, Report& report)
    : options_(options), protocol_(protocol), report_(report), stats_(options.pids) {}

void Run::add_connections(std::uint32_t count, std::uint64_t ports_needed) {
    const std::uint64_t needed = count + kSpareDescriptors;
    if (const std::uint64_t limit = raise_descriptor_limit(needed); limit < needed) {
        throw SetupError("needs " + std::to_string(needed) + " descriptors, the limit is " +
                         std::to_string(limit));
    }
    // With several processes nobody knows how connections spread over them.
    const std::uint64_t server_limit = options_.pids.size() == 1 ? stats_.descriptor_limit() : 0;
    if (server_limit > 0 && server_limit < needed) {
        throw SetupError("the server may open " + std::to_string(server_limit) +
                         " descriptors, it would need " + std::to_string(needed));
    }
    Clients::Target target;
    target.address.sin_family = AF_INET;
    target.address.sin_port = htons(options_.port);
    ::inet_pton(AF_INET, options_.host.c_str(), &target.address.sin_addr);
    target.sources = options_.sources;
    if (target.sources == 0 && ports_needed > kPortsPerSource) {
        target.sources = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(250, ports_needed / kPortsPerSource + 1));
    }
    clients_ = std::make_unique<Clients>(protocol_, target, *this);
    clients_->add(count);
}

void Run::open_range(std::uint32_t first, std::uint32_t count, int receive_buffer) {
    const std::uint64_t deadline = now_ns() + to_ns(options_.setup);
    const std::uint64_t lost_before = lost_;
    pending_ = count;
    inflight_ = 0;
    for (std::uint32_t next = first; pending_ > 0;) {
        for (; next < first + count && inflight_ < options_.concurrency; ++next) {
            std::string error;
            if (!clients_->open(clients_->at(next), error, receive_buffer)) throw SetupError(error);
            ++inflight_;
        }
        clients_->poll(kPollNs);
        if (lost_ > lost_before) throw SetupError("while connecting: " + first_loss_);
        if (pending_ > 0 && now_ns() > deadline) {
            throw SetupError(std::to_string(count - pending_) + " of " + std::to_string(count) +
                             " connections were usable in time");
        }
    }
}

void Run::settle(Connection&) {
    if (pending_ > 0) --pending_;
    if (inflight_ > 0) --inflight_;
}

void Run::on_ready(Connection& connection) {
    if (connection.subscribes) {
        clients_->send(connection, protocol_.subscribe(connection.channel));
    } else {
        settle(connection);
    }
}

void Run::on_subscribed(Connection& connection) {
    if (connection.subscribes) settle(connection);
}

void Run::on_lost(Connection& connection, const std::string& why) {
    if (is_expendable(connection)) return;
    if (lost_++ == 0) first_loss_ = why;
}

void Run::linger(double seconds) {
    const std::uint64_t end = now_ns() + to_ns(seconds);
    for (std::uint64_t now = now_ns(); now < end; now = now_ns()) {
        clients_->poll(std::min(kPollNs, end - now));
    }
}

void Run::report_common() {
    report_.add("lost_connections", lost_);
    if (lost_ > 0) {
        report_.fail("lost " + std::to_string(lost_) + " connections, the first: " + first_loss_);
    }
    if (stats_.watches() && !stats_.alive()) report_.fail("the server has ended");
}

}  // namespace pulse::load
