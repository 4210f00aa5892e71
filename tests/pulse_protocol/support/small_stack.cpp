// SPDX-License-Identifier: MIT OR Apache-2.0

#include "small_stack.hpp"

#include <exception>
#include <stdexcept>

#include <pthread.h>

namespace pulse::protocol::test {
namespace {

struct Job {
    const std::function<void()>& work;
    std::exception_ptr failure;
};

void* run(void* argument) {
    Job& job = *static_cast<Job*>(argument);
    try {
        job.work();
    } catch (...) {
        job.failure = std::current_exception();
    }
    return nullptr;
}

}  // namespace

void on_small_stack(const std::function<void()>& work) {
    Job job{work, nullptr};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    pthread_t thread{};
    const int error = pthread_create(&thread, &attributes, &run, &job);
    pthread_attr_destroy(&attributes);
    if (error != 0) throw std::runtime_error("cannot start a thread");
    pthread_join(thread, nullptr);
    if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace pulse::protocol::test
