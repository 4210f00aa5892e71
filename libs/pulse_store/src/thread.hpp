// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <csignal>
#include <thread>
#include <utility>

#include <pthread.h>

namespace pulse::store {

/// Signals are for the host's threads: one that is started while this lives gets none.
class SignalsBlocked {
  public:
    SignalsBlocked() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  private:
    sigset_t before_;
};

/// No more than 15 characters, or the system refuses the name.
template <typename Function>
std::thread start_thread(const char* name, Function function) {
    const SignalsBlocked blocked;
    std::thread thread(std::move(function));
    pthread_setname_np(thread.native_handle(), name);
    return thread;
}

}  // namespace pulse::store
