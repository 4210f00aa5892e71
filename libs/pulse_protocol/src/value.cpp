// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Copying, comparing and destroying trees of values without recursion: what is still to be done
// stands in a vector.

#include <pulse/protocol/value.hpp>

namespace pulse::protocol {

Value::Value(const Value& other) : Value() {
    // Delegating: should memory run out half-way, the destructor takes down what is there.
    copy_from(other);
}

Value::Value(Value&& other) noexcept : data_(std::move(other.data_)) {}

Value& Value::operator=(const Value& other) {
    Value copy(other);
    data_.swap(copy.data_);
    return *this;
}

Value& Value::operator=(Value&& other) noexcept {
    Value moved(std::move(other));
    data_.swap(moved.data_);
    return *this;
}

Value::~Value() {
    if (has_children()) destroy_children();
}

bool Value::has_children() const noexcept {
    if (const Array* const items = as_array()) return !items->empty();
    if (const Object* const members = as_object()) return !members->empty();
    return false;
}

void Value::destroy_children() noexcept {
    std::vector<Value> pending;
    const auto take_children = [&pending](Value& parent) {
        const auto take = [&pending](Value& child) {
            if (child.has_children()) pending.push_back(std::move(child));
        };
        if (Array* const items = parent.as_array()) {
            for (Value& item : *items) take(item);
        } else if (Object* const members = parent.as_object()) {
            for (auto& [key, member] : *members) take(member);
        }
        parent.data_.emplace<std::monostate>();  // its children are childless by now
    };
    take_children(*this);
    while (!pending.empty()) {
        Value next = std::move(pending.back());
        pending.pop_back();
        take_children(next);
    }
}

void Value::copy_from(const Value& source) {
    struct Job {
        const Value* from;
        Value* to;
    };
    std::vector<Job> jobs;
    const auto copy = [&jobs](const Value& from, Value& to) {
        switch (from.kind()) {
            case Kind::nil:
                break;
            case Kind::boolean:
                to.data_ = *from.as_bool();
                break;
            case Kind::uint:
                to.data_ = *from.as_uint();
                break;
            case Kind::negative:
                to.data_ = *from.as_negative();
                break;
            case Kind::number:
                to.data_ = *from.as_double();
                break;
            case Kind::string:
                to.data_ = *from.as_string();
                break;
            case Kind::array:
            case Kind::object:
                jobs.push_back({&from, &to});
                break;
        }
    };
    copy(source, *this);
    while (!jobs.empty()) {
        const Job job = jobs.back();
        jobs.pop_back();
        if (const Array* const items = job.from->as_array()) {
            Array& copies = job.to->data_.emplace<Array>(items->size());
            for (std::size_t i = 0; i < copies.size(); ++i) copy((*items)[i], copies[i]);
        } else if (const Object* const members = job.from->as_object()) {
            Object& copies = job.to->data_.emplace<Object>();
            for (const auto& [key, member] : *members) {
                copy(member, copies.emplace_hint(copies.end(), key, Value())->second);
            }
        }
    }
}

const Value* Value::find(std::string_view key) const noexcept {
    const Object* const members = as_object();
    if (members == nullptr) return nullptr;
    const auto found = members->find(key);
    return found != members->end() ? &found->second : nullptr;
}

bool operator==(const Value& a, const Value& b) {
    struct Job {
        const Value* a;
        const Value* b;
    };
    std::vector<Job> jobs;
    const auto differ = [&jobs](const Value& x, const Value& y) {
        if (x.kind() != y.kind()) return true;
        if (!x.has_children() && !y.has_children()) return x.data_ != y.data_;
        jobs.push_back({&x, &y});
        return false;
    };
    if (differ(a, b)) return false;
    while (!jobs.empty()) {
        const Job job = jobs.back();
        jobs.pop_back();
        if (const Value::Array* const items = job.a->as_array()) {
            const Value::Array& others = *job.b->as_array();
            if (items->size() != others.size()) return false;
            for (std::size_t i = 0; i < items->size(); ++i) {
                if (differ((*items)[i], others[i])) return false;
            }
        } else if (const Value::Object* const members = job.a->as_object()) {
            const Value::Object& others = *job.b->as_object();
            if (members->size() != others.size()) return false;
            auto other = others.begin();
            for (const auto& [key, member] : *members) {
                if (key != other->first || differ(member, other->second)) return false;
                ++other;
            }
        }
    }
    return true;
}

}  // namespace pulse::protocol
