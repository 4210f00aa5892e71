// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a hub keeps, or its broker for it, and publications that are told when they are kept.
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/hub.hpp>

namespace pulse::core {

PublicationView Hub::stamped(const PublicationView& publication) const {
    PublicationView result = publication;
    result.position = {};  // only the broker's own count
    if (result.timestamp_ms == 0 && history_policy(result.channel).is_kept()) {
        result.timestamp_ms = services_.clock.unix_ms();
    }
    return result;
}

void Hub::publish_confirmed(const PublicationView& publication, Lane* from,
                            Broker::Published done) {
    if (services_.broker != nullptr) {
        return services_.broker->publish_confirmed(stamped(publication), std::move(done));
    }
    const auto delivered = deliver(publication, nullptr, from);
    done(delivered ? std::error_code() : delivered.error());
}

Result<HistoryPage> Hub::history(std::string_view channel, const StreamPosition* since,
                                 std::size_t limit) {
    if (services_.history == nullptr || !history_policy(channel).is_kept()) {
        return tl::unexpected(make_error_code(Error::history_unavailable));
    }
    return services_.history->read(channel, since, limit);
}

HistoryPolicy Hub::history_policy(std::string_view channel) const {
    return options_.history_policy ? options_.history_policy(channel) : HistoryPolicy{};
}

void Hub::read_history(std::string_view channel, const StreamPosition* since, std::size_t limit,
                       HistoryReader::Done done) {
    HistoryReader* const shared =
        services_.broker != nullptr ? services_.broker->history() : nullptr;
    if (shared == nullptr || !history_policy(channel).is_kept()) {
        return done(history(channel, since, limit));
    }
    shared->read(channel, since, limit, std::move(done));
}

}  // namespace pulse::core
