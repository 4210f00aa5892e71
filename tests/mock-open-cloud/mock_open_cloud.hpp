// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The mock as a server: Open Cloud's routes and the control interface on one address.
//
//     auto mock = MockOpenCloud::start({.clock = &clock});     // or no clock: its own
//     (*mock)->cloud()->put_key("secret", {});
//     (*mock)->url();                                          // "http://127.0.0.1:40123"
#pragma once

#include "cloud.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <pulse/core/clock.hpp>
#include <pulse/core/result.hpp>

namespace pulse::mock {

struct MockOptions {
    std::string host = "127.0.0.1";  ///< an address, of the loopback interface
    std::uint16_t port = 0;          ///< 0: the system chooses
    /// The test's own time; whoever moves it calls tick(). Null: the mock's, real until told
    /// otherwise.
    const core::Clock* clock = nullptr;
};

/// One thread serves all. **Thread-safe.**
class MockOpenCloud {
  public:
    [[nodiscard]] static core::Result<std::unique_ptr<MockOpenCloud>> start(
        const MockOptions& options = {});
    ~MockOpenCloud();
    MockOpenCloud(const MockOpenCloud&) = delete;
    MockOpenCloud& operator=(const MockOpenCloud&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] std::string url() const;

    /// The model, locked for as long as this lives: for one expression, say. What it changed is
    /// acted upon when it ends.
    class Access {
      public:
        Access(MockOpenCloud& mock, std::unique_lock<std::mutex> lock) noexcept
            : mock_(mock), lock_(std::move(lock)) {}
        ~Access();
        Access(const Access&) = delete;
        Access& operator=(const Access&) = delete;
        [[nodiscard]] Cloud* operator->() const noexcept;
        [[nodiscard]] Cloud& operator*() const noexcept;

      private:
        MockOpenCloud& mock_;
        std::unique_lock<std::mutex> lock_;
    };
    [[nodiscard]] Access cloud();

    /// Makes the mock's own clock virtual and moves it. What became due has arrived on return.
    void advance(std::chrono::milliseconds by);
    /// After the test moved its clock: what became due has arrived on return.
    void tick();

  private:
    struct Impl;
    explicit MockOpenCloud(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace pulse::mock
