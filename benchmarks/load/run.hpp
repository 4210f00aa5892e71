// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "clients.hpp"
#include "options.hpp"
#include "payload.hpp"
#include "process_stats.hpp"
#include "protocol.hpp"
#include "report.hpp"

#include <memory>
#include <stdexcept>
#include <string>

namespace pulse::load {

/// The run could not be made: server not there, too few descriptors, time is up.
class SetupError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What all scenarios share: opening connections a few at a time, and losing them. Loop-bound.
class Run : public ClientEvents {
  public:
    Run(const Options& options, const Protocol& protocol, Report& report);
    /// Throws SetupError.
    virtual void execute() = 0;

    void on_ready(Connection& connection) override;
    void on_subscribed(Connection& connection) override;
    void on_delivery(Connection&, std::optional<std::uint32_t>, std::string_view) override {}
    void on_lost(Connection& connection, const std::string& why) override;

  protected:
    /// Reserves descriptors for `count` connections and adds them, closed; throws when the system
    /// will not give that many to us or to the server.
    void add_connections(std::uint32_t count, std::uint64_t ports_needed);
    /// Opens connections [first, first + count); each is done when it is ready, or subscribed if it
    /// subscribes. Throws SetupError after Options::setup seconds or when one is lost.
    void open_range(std::uint32_t first, std::uint32_t count, int receive_buffer = 0);
    [[nodiscard]] PayloadForm form() const {
        return options_.text || protocol_.carries_text() ? PayloadForm::text : PayloadForm::binary;
    }
    [[nodiscard]] bool opening() const { return pending_ > 0; }
    [[nodiscard]] virtual bool is_expendable(const Connection&) const { return false; }
    /// Reads what arrives for `seconds`, so that pings are answered and losses seen.
    void linger(double seconds);
    void report_common();

    const Options& options_;
    const Protocol& protocol_;
    Report& report_;
    ProcessStats stats_;
    std::unique_ptr<Clients> clients_;
    std::uint64_t lost_ = 0;
    std::string first_loss_;

  private:
    void settle(Connection& connection);

    std::uint32_t pending_ = 0;   // of the range being opened
    std::uint32_t inflight_ = 0;  // begun and not done
};

[[nodiscard]] std::unique_ptr<Run> make_traffic(const Options& options, const Protocol& protocol,
                                                Report& report);
[[nodiscard]] std::unique_ptr<Run> make_idle(const Options& options, const Protocol& protocol,
                                             Report& report);
[[nodiscard]] std::unique_ptr<Run> make_connect(const Options& options, const Protocol& protocol,
                                                Report& report);
[[nodiscard]] std::unique_ptr<Run> make_churn(const Options& options, const Protocol& protocol,
                                              Report& report);

}  // namespace pulse::load
