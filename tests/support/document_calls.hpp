// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A DocumentStore's calls, waited for.
#pragma once

#include "support/deadline.hpp"

#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <pulse/core/document_store.hpp>

namespace pulse::test {

/// The answer of an asynchronous call: hand over `answer.done()`, then `take()` it. Fails the test
/// when it does not come, or comes twice.
template <typename T>
class Answer {
  public:
    [[nodiscard]] std::function<void(T)> done() {
        return [promise = promise_](T value) { promise->set_value(std::move(value)); };
    }
    [[nodiscard]] bool has_come() const {
        return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    }
    [[nodiscard]] T take() {
        if (future_.wait_for(kPatience) != std::future_status::ready) {
            throw std::runtime_error("the store did not answer");
        }
        return future_.get();
    }

  private:
    std::shared_ptr<std::promise<T>> promise_ = std::make_shared<std::promise<T>>();
    std::future<T> future_ = promise_->get_future();
};

using CommitAnswer = Answer<core::Result<core::CommitResult>>;
using GetAnswer = Answer<core::Result<std::optional<core::Document>>>;
using ScanAnswer = Answer<core::Result<core::DocumentPage>>;

[[nodiscard]] inline CommitAnswer ask_commit(core::DocumentStore& store,
                                             core::DocumentBatch batch) {
    CommitAnswer answer;
    store.commit(std::move(batch), answer.done());
    return answer;
}
inline core::Result<core::CommitResult> commit(core::DocumentStore& store,
                                               core::DocumentBatch batch) {
    return ask_commit(store, std::move(batch)).take();
}
inline core::Result<std::optional<core::Document>> get(core::DocumentStore& store,
                                                       std::string key) {
    GetAnswer answer;
    store.get(std::move(key), answer.done());
    return answer.take();
}
inline core::Result<core::DocumentPage> scan(core::DocumentStore& store,
                                             core::DocumentRange range) {
    ScanAnswer answer;
    store.scan(std::move(range), answer.done());
    return answer.take();
}
inline void close(core::DocumentStore& store) {
    auto promise = std::make_shared<std::promise<void>>();
    auto closed = promise->get_future();
    store.close([promise] { promise->set_value(); });
    if (closed.wait_for(kPatience) != std::future_status::ready) {
        throw std::runtime_error("the store did not close");
    }
}

/// The value as text, or nothing when there is no such document. Throws when it cannot be read.
[[nodiscard]] inline std::optional<std::string> text_of(core::DocumentStore& store,
                                                        std::string key) {
    const auto document = get(store, std::move(key)).value();
    if (!document) return std::nullopt;
    return std::string(document->text());
}

/// Every document of the range, page by page.
[[nodiscard]] inline std::vector<core::Document> scan_all(core::DocumentStore& store,
                                                          core::DocumentRange range) {
    std::vector<core::Document> all;
    for (;;) {
        core::DocumentPage page = scan(store, range).value();
        std::move(page.documents.begin(), page.documents.end(), std::back_inserter(all));
        if (!page.next) return all;
        range.begin = *page.next;
    }
}

/// "key=value" of each, separated by spaces.
[[nodiscard]] inline std::string listed(const std::vector<core::Document>& documents) {
    std::string text;
    for (const core::Document& document : documents) {
        if (!text.empty()) text += ' ';
        text += document.key + "=" + std::string(document.text());
    }
    return text;
}

}  // namespace pulse::test
