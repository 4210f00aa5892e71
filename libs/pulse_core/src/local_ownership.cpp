// SPDX-License-Identifier: MIT OR Apache-2.0
#include <atomic>

#include <pulse/core/ownership.hpp>

namespace pulse::core {
namespace {

class LocalOwnership final : public Ownership {
  public:
    Claim claim(std::string key, Changed changed) override {
        (void)key;
        changed(Owner{node_, true, ++last_term_});
        return std::make_shared<char>();
    }
    const std::string& node() const noexcept override { return node_; }

  private:
    const std::string node_ = "local";
    std::atomic<std::uint64_t> last_term_{0};
};

}  // namespace

std::shared_ptr<Ownership> make_local_ownership() { return std::make_shared<LocalOwnership>(); }

}  // namespace pulse::core
