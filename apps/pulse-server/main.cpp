// SPDX-License-Identifier: MIT OR Apache-2.0
//
// pulse-server: parse, compose, run.
#include "cli.hpp"
#include "compose.hpp"
#include "config/reload.hpp"
#include "descriptor_limit.hpp"
#include "logging.hpp"
#include "service_manager.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

namespace {

using namespace pulse::server;
using pulse::core::LogLevel;

int exit_status(ExitCode code) { return static_cast<int>(code); }

/// The main thread's part: signals, the log's flush, the service manager. The engine's loops have
/// threads of their own.
class Supervisor {
  public:
    Supervisor(Startup& startup, Engine& engine, ServerLog& log)
        : startup_(startup),
          running_(startup.loaded.config),
          engine_(engine),
          log_(log),
          signals_(io_, SIGTERM, SIGINT, SIGHUP),
          flush_timer_(io_),
          presence_timer_(io_),
          watchdog_timer_(io_) {}

    /// Until the server has drained.
    void run() {
        await_signal();
        await_flush();
        await_presence();
        await_watchdog();
        manager_.ready("Serving on port " + std::to_string(engine_.port()));
        io_.run();
    }

  private:
    void await_signal() {
        signals_.async_wait([this](const asio::error_code& error, int number) {
            if (error) return;
            if (number == SIGHUP) {
                reload();
                await_signal();
            } else if (!is_stopping_) {
                stop(number);
                await_signal();
            } else {
                // Asked twice: who asks means it.
                log_.write(LogLevel::warn, "stopped_at_once");
                io_.stop();
            }
        });
    }

    void stop(int number) {
        is_stopping_ = true;
        manager_.stopping();
        log_.write(LogLevel::info, "draining",
                   {{"signal", std::string_view(number == SIGTERM ? "SIGTERM" : "SIGINT")}});
        engine_.drain([this] { asio::post(io_, [this] { io_.stop(); }); });
    }

    void reload() {
        manager_.reloading();
        const LoadResult loaded = load_config(startup_.sources);
        for (const Diagnostic& diagnostic : loaded.diagnostics) report(diagnostic);
        if (loaded.ok()) {
            const ReloadPlan plan = plan_reload(running_, loaded, startup_.sources);
            for (const Diagnostic& diagnostic : plan.diagnostics) report(diagnostic);
            if (plan.ok()) apply(plan);
        } else {
            log_.write(LogLevel::error, "reload_refused");
        }
        manager_.ready("Serving on port " + std::to_string(engine_.port()));
    }

    void apply(const ReloadPlan& plan) {
        for (const KeyChange& change : plan.live) {
            log_.write(
                LogLevel::info, "setting_changed",
                {{"key", std::string_view(change.key)}, {"value", std::string_view(change.after)}});
        }
        for (const KeyChange& change : plan.needs_restart) {
            log_.write(LogLevel::warn, "setting_needs_restart",
                       {{"key", std::string_view(change.key)}});
        }
        running_ = plan.next;
        log_.set_level(running_.logging.level);
        log_.set_rate(running_.logging.lines_per_event_per_second);
        engine_.apply(running_);
        check_descriptor_limit(raise_descriptor_limit().now, running_, log_);
        log_.write(LogLevel::info, "reloaded");
    }

    void report(const Diagnostic& diagnostic) {
        const std::string text = diagnostic.describe();
        log_.write(LogLevel::warn, "configuration", {{"problem", std::string_view(text)}});
    }

    void await_flush() {
        flush_timer_.expires_after(std::chrono::milliseconds{250});
        flush_timer_.async_wait([this](const asio::error_code& error) {
            if (error) return;
            log_.flush();
            await_flush();
        });
    }

    void await_presence() {
        presence_timer_.expires_after(std::chrono::seconds{1});
        presence_timer_.async_wait([this](const asio::error_code& error) {
            if (error) return;
            engine_.end_stale_presence();
            await_presence();
        });
    }

    void await_watchdog() {
        const auto interval = manager_.watchdog_interval();
        if (!interval) return;
        watchdog_timer_.expires_after(*interval / 3);
        watchdog_timer_.async_wait([this](const asio::error_code& error) {
            if (error) return;
            // Alive is when every event loop turned since the last time.
            engine_.when_all_loops_turned(
                [this] { asio::post(io_, [this] { manager_.alive(); }); });
            await_watchdog();
        });
    }

    Startup& startup_;
    Config running_;
    Engine& engine_;
    ServerLog& log_;
    ServiceManager manager_;
    asio::io_context io_;
    asio::signal_set signals_;
    asio::steady_timer flush_timer_;
    asio::steady_timer presence_timer_;
    asio::steady_timer watchdog_timer_;
    bool is_stopping_ = false;
};

int serve(Startup& startup, const Environment& environment, const std::string& version) {
    const Config& config = startup.loaded.config;
    const pulse::core::SystemClock clock;
    const std::unique_ptr<ServerLog> log = make_stdout_log(config, environment, clock);
    for (const Diagnostic& diagnostic : startup.loaded.diagnostics) {
        const std::string text = diagnostic.describe();
        log->write(LogLevel::warn, "configuration", {{"problem", std::string_view(text)}});
    }
    log->write(LogLevel::info, "starting", {{"version", std::string_view(version)}});
    const DescriptorLimit descriptors = raise_descriptor_limit();
    if (descriptors.now > descriptors.before) {
        log->write(LogLevel::info, "descriptor_limit_raised",
                   {{"from", descriptors.before}, {"to", descriptors.now}});
    }
    check_descriptor_limit(descriptors.now, config, *log);
    Engine engine(config, *log, version);
    // The handlers stand before the listeners do: whoever sees the port open may already signal.
    Supervisor supervisor(startup, engine, *log);
    if (const auto started = engine.start(); !started) {
        log->write(LogLevel::error, "start_failed",
                   {{"reason", std::string_view(started.error())}});
        log->flush();
        std::fprintf(stderr, "pulse-server: %s\n", started.error().c_str());
        return exit_status(ExitCode::failed);
    }
    supervisor.run();
    // A drain that was cut short, or a watchdog's question, would call a supervisor that is gone.
    engine.stop();
    log->write(LogLevel::info, "stopped");
    log->flush();
    return exit_status(ExitCode::done);
}

}  // namespace

int main(int argc, char** argv, char** variables) {
    std::signal(SIGPIPE, SIG_IGN);
    try {
        CommandLine command_line;
        command_line.arguments.assign(argv + 1, argv + argc);
        command_line.environment = make_environment(variables);
        command_line.read_file = read_file;
        command_line.build = make_build_info(features());
        command_line.dialects = dialect_names();
        const Environment environment = command_line.environment;
        const std::string version = command_line.build.version;
        Startup startup = prepare(std::move(command_line));
        std::fputs(startup.out.c_str(), stdout);
        std::fputs(startup.err.c_str(), stderr);
        if (!startup.should_run) return exit_status(startup.exit_code);
        return serve(startup, environment, version);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pulse-server: %s\n", error.what());
        return exit_status(ExitCode::failed);
    }
}
