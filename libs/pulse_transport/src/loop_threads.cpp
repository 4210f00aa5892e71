// SPDX-License-Identifier: MIT OR Apache-2.0
#include "loop_impl.hpp"

#include <asio/executor_work_guard.hpp>
#include <sched.h>

#include <pulse/transport/server.hpp>

namespace pulse::transport {

struct LoopThreads::Worker {
    Worker(core::Hub& hub, const LoopOptions& options)
        // One thread runs it: no locks around descriptors, but post() stays safe from others.
        : io(ASIO_CONCURRENCY_HINT_UNSAFE_IO), loop(io, hub, options) {}

    asio::io_context io;
    Loop loop;
    std::thread thread;
};

namespace {

std::size_t usable_processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        return static_cast<std::size_t>(CPU_COUNT(&set));
    }
    return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

LoopThreads::LoopThreads(core::Hub& hub, std::size_t count, const LoopOptions& options) {
    if (count == 0) count = usable_processors();
    count = std::min<std::size_t>(count, core::Hub::kMaxLanes);
    for (std::size_t i = 0; i < count; ++i) {
        workers_.push_back(std::make_unique<Worker>(hub, options));
    }
}

LoopThreads::~LoopThreads() { stop(); }

std::vector<Loop*> LoopThreads::loops() const {
    std::vector<Loop*> all;
    for (const auto& worker : workers_) all.push_back(&worker->loop);
    return all;
}

void LoopThreads::start() {
    for (auto& worker : workers_) {
        worker->io.restart();
        worker->loop.impl().is_threaded.store(true, std::memory_order_release);
        worker->thread = std::thread([&io = worker->io] {
            const auto guard = asio::make_work_guard(io);
            io.run();
        });
    }
}

void LoopThreads::stop() {
    for (auto& worker : workers_) worker->io.stop();
    for (auto& worker : workers_) {
        if (worker->thread.joinable()) worker->thread.join();
        worker->loop.impl().is_threaded.store(false, std::memory_order_release);
    }
}

}  // namespace pulse::transport
