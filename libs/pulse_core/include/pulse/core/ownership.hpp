// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which node of a cluster does what only one node may do at a time: run a room, speak for a
// universe. A node on its own has everything.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace pulse::core {

/// Who has a key. A value type.
struct Owner {
    /// As the engine names nodes; empty: nobody, or it is not known now.
    std::string node;
    bool is_this_node = false;
    /// Grows whenever the key gets another owner, and is never used twice for the key: what an
    /// owner writes elsewhere can be fenced by it. 0 when nobody has the key.
    std::uint64_t term = 0;

    friend bool operator==(const Owner&, const Owner&) = default;
};

/// **Thread-safe.** Every engine passes tests/contract/ownership.
///
/// At any moment at most one node believes that it has a key: a node that cannot reach the others
/// takes itself for no owner before another one can become it.
class Ownership {
  public:
    virtual ~Ownership() = default;

    /// For as long as the handle lives, this node is a candidate for `key`, and gets it when nobody
    /// has it. `changed` is told who has it, first as soon as that is known, then at every change;
    /// one call at a time for each claim, on any thread, perhaps within claim(). When the handle is
    /// destroyed a call under way is waited for (not by `changed` itself); when it was the last of
    /// this node for the key, the key is given back at once.
    using Claim = std::shared_ptr<void>;
    using Changed = std::function<void(const Owner& owner)>;
    [[nodiscard]] virtual Claim claim(std::string key, Changed changed) = 0;

    /// The name of this node among the owners.
    [[nodiscard]] virtual const std::string& node() const noexcept = 0;
};

/// The engine of a node on its own: whatever is claimed is this node's at once, within claim().
[[nodiscard]] std::shared_ptr<Ownership> make_local_ownership();

}  // namespace pulse::core
