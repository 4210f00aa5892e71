// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json/reader.hpp"
#include "json/text.hpp"

#include <array>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/key_record.hpp>

namespace pulse::roblox {

namespace {

constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::size_t kMaxDocumentBytes = std::size_t{64} * 1024;

[[nodiscard]] bool is_usable(const KeySlots::Slot& slot) noexcept {
    return slot.state == KeyState::unknown || slot.state == KeyState::valid;
}

void append_number(std::string& out, std::string_view name, std::uint64_t number) {
    out += ",\"";
    out += name;
    out += "\":";
    out += std::to_string(number);
}

[[nodiscard]] bool read_state(json::Reader& reader, KeyState& state) {
    std::string text;
    if (!reader.read_string(text)) return false;
    const auto parsed = parse_key_state(text);
    if (parsed) state = *parsed;
    return parsed.has_value();
}

[[nodiscard]] bool read_slot(json::Reader& reader, KeySlots::Slot& slot) {
    if (!reader.enter_object()) return false;
    std::string key;
    const auto read_text = [&reader](std::string& out) {
        out.clear();
        return reader.read_string(out);
    };
    while (reader.next_member(key)) {
        const bool is_read = key == "record"        ? read_text(slot.record)
                             : key == "serial"      ? reader.read_uint(slot.serial)
                             : key == "fingerprint" ? read_text(slot.fingerprint)
                             : key == "state"       ? read_state(reader, slot.state)
                             : key == "checked"     ? reader.read_uint(slot.checked_at_ms)
                             : key == "used"        ? reader.read_uint(slot.used_at_ms)
                             : key == "expires"     ? reader.read_uint(slot.expires_at_ms)
                             : key == "owner"       ? reader.read_uint(slot.owner)
                                                    : reader.skip();
        if (!is_read) return false;
    }
    return reader.ok() && !slot.record.empty();
}

[[nodiscard]] bool read_slots(json::Reader& reader, KeySlots& slots) {
    if (!reader.enter_array()) return false;
    std::size_t count = 0;
    while (reader.next_item()) {
        if (count == slots.slots.size()) return false;
        auto& slot = slots.slots[count++];
        slot.reset();
        if (reader.peek() == json::Kind::null) {
            if (!reader.skip()) return false;
        } else if (!read_slot(reader, slot.emplace())) {
            return false;
        }
    }
    return reader.ok();
}

}  // namespace

const KeySlots::Slot* KeySlots::active_slot() const noexcept {
    const auto& slot = slots[active % slots.size()];
    return slot ? &*slot : nullptr;
}

void KeySlots::put(unsigned place, Slot slot) {
    if (active_slot() == nullptr) active = place % 2;
    slot.serial = ++version;
    slots[place % 2] = std::move(slot);
}

void KeySlots::rotate(Slot slot) {
    if (active_slot() != nullptr) active = 1 - active % 2;
    put(active, std::move(slot));
}

bool KeySlots::activate(unsigned place) {
    if (!slots[place % 2]) return false;
    if (active != place % 2) ++version;
    active = place % 2;
    return true;
}

bool KeySlots::fall_back() {
    const auto& spare = slots[1 - active % 2];
    if (!spare || !is_usable(*spare)) return false;
    active = 1 - active % 2;
    ++version;
    return true;
}

void KeySlots::retire_spare() {
    auto& spare = slots[1 - active % 2];
    if (!spare) return;
    spare.reset();
    ++version;
}

std::vector<KeySlots::Warning> KeySlots::warnings(std::uint64_t unix_ms) const {
    std::vector<Warning> warnings;
    const Slot* slot = active_slot();
    if (slot == nullptr) return warnings;
    if (slot->expires_at_ms != 0 && unix_ms + 14 * kDayMs >= slot->expires_at_ms) {
        warnings.push_back(Warning::expires_soon);
    }
    if (slot->used_at_ms != 0 && unix_ms >= slot->used_at_ms + 50 * kDayMs) {
        warnings.push_back(Warning::unused);
    }
    return warnings;
}

std::string encode_key_slots(const KeySlots& slots) {
    std::string out = "{\"v\":1";
    append_number(out, "version", slots.version);
    append_number(out, "active", slots.active);
    out += ",\"slots\":[";
    for (std::size_t i = 0; i < slots.slots.size(); ++i) {
        if (i != 0) out += ',';
        if (!slots.slots[i]) {
            out += "null";
            continue;
        }
        const KeySlots::Slot& slot = *slots.slots[i];
        out += "{\"record\":";
        json::append_string(out, slot.record);
        append_number(out, "serial", slot.serial);
        out += ",\"fingerprint\":";
        json::append_string(out, slot.fingerprint);
        out += ",\"state\":";
        json::append_string(out, to_string(slot.state));
        append_number(out, "checked", slot.checked_at_ms);
        append_number(out, "used", slot.used_at_ms);
        append_number(out, "expires", slot.expires_at_ms);
        append_number(out, "owner", slot.owner);
        out += '}';
    }
    out += "]}";
    return out;
}

core::Result<KeySlots> decode_key_slots(std::string_view text) {
    const tl::unexpected refused{make_error_code(Error::invalid_record)};
    json::Reader reader(text);
    if (text.size() > kMaxDocumentBytes || !reader.enter_object()) return refused;
    KeySlots slots;
    std::uint64_t format = 0;
    std::uint64_t active = 0;
    std::string key;
    while (reader.next_member(key)) {
        const bool is_read = key == "v"         ? reader.read_uint(format)
                             : key == "version" ? reader.read_uint(slots.version)
                             : key == "active"  ? reader.read_uint(active)
                             : key == "slots"   ? read_slots(reader, slots)
                                                : reader.skip();
        if (!is_read) return refused;
    }
    if (!reader.finish() || format != 1 || active > 1) return refused;
    slots.active = static_cast<unsigned>(active);
    return slots;
}

}  // namespace pulse::roblox
