// SPDX-License-Identifier: MIT OR Apache-2.0
//
// /control: what happened.
#include "parsing.hpp"
#include "service.hpp"

#include <algorithm>

namespace pulse::mock {

namespace {

/// Entries in one answer, and violations told in full.
constexpr std::size_t kMostEntries = 1'000;
constexpr std::size_t kMostViolations = 100;

/// Those after `after`, at most kMostEntries.
template <typename Entry, typename Function>
Json tail(const std::deque<Entry>& ring, std::uint64_t& after, Function&& describe) {
    Json list = Json::array();
    auto it = std::partition_point(ring.begin(), ring.end(),
                                   [after](const Entry& entry) { return entry.n <= after; });
    for (; it != ring.end() && list.size() < kMostEntries; ++it) {
        list.push_back(describe(*it));
        after = it->n;
    }
    return list;
}

Json describe(const LogEntry& entry) {
    return {{"n", entry.n},
            {"at", unix_seconds(entry.at)},
            {"api", entry.api},
            {"universe", std::to_string(entry.universe)},
            {"topic", entry.topic},
            {"message", entry.message},
            {"bytes", entry.message_bytes},
            {"status", entry.status},
            {"scripted", entry.is_scripted},
            {"delivered", entry.is_delivered},
            {"receivers", entry.receivers}};
}

Json describe(const Delivery& delivery) {
    return {{"n", delivery.n},
            {"at", unix_seconds(delivery.at)},
            {"universe", std::to_string(delivery.universe)},
            {"job", delivery.job},
            {"topic", delivery.topic},
            {"data", delivery.data},
            {"sent", unix_seconds(delivery.sent)},
            {"message", delivery.message},
            {"duplicate", delivery.is_duplicate}};
}

Json describe(const Violation& violation) {
    return {{"at", unix_seconds(violation.at)},    {"source", to_string(violation.source)},
            {"limit", to_string(violation.limit)}, {"universe", std::to_string(violation.universe)},
            {"subject", violation.subject},        {"used", violation.used},
            {"allowed", violation.allowed}};
}

Json violations_of(const Records& records, Source source) {
    Json counts = Json::object();
    for (std::size_t i = 0; i < kLimitCount; ++i) {
        const auto limit = static_cast<Limit>(i);
        if (const auto count = records.violations_of(source, limit)) {
            counts[std::string(to_string(limit))] = count;
        }
    }
    return counts;
}

Json peaks_of(const Records& records, Source source) {
    Json peaks = Json::object();
    for (std::size_t i = 0; i < kLimitCount; ++i) {
        const auto limit = static_cast<Limit>(i);
        const Peak& peak = records.peak(source, limit);
        if (peak.used == 0) continue;
        peaks[std::string(to_string(limit))] = {{"used", peak.used}, {"allowed", peak.allowed}};
    }
    return peaks;
}

std::optional<std::uint64_t> after_of(const HttpRequest& request) {
    return number_of(request.query_value("after").value_or("0"));
}

}  // namespace

HttpResponse Service::get_universe(const HttpRequest& request) {
    const auto id = parse_universe(request.parameter("universe"));
    Universe* universe = id ? model_.find_universe(*id) : nullptr;
    if (universe == nullptr) return problem(404, "no such universe");
    std::uint64_t received = 0;
    std::uint64_t duplicates = 0;
    Json attached = Json::array();
    universe->for_each([&](const GameServer& server) {
        received += server.received;
        duplicates += server.duplicates;
        if (!server.is_attached) return;
        attached.push_back({{"job", server.job},
                            {"players", server.players},
                            {"topics", server.topics},
                            {"received", server.received},
                            {"queued", server.queue.size()},
                            {"overflowed", server.overflowed}});
    });
    return answer({{"universe", std::to_string(*id)},
                   {"servers", universe->servers()},
                   {"simulated", universe->simulated().servers},
                   {"attached", attached},
                   {"received", received},
                   {"duplicates", duplicates},
                   {"publishing", universe->is_publishing_allowed}});
}

HttpResponse Service::get_log(const HttpRequest& request) {
    auto after = after_of(request);
    if (!after) return problem(400, "after is a number");
    Json list = tail(model_.records().log, *after, [](const LogEntry& e) { return describe(e); });
    return answer({{"log", std::move(list)}, {"after", *after}});
}

HttpResponse Service::get_deliveries(const HttpRequest& request) {
    auto after = after_of(request);
    if (!after) return problem(400, "after is a number");
    Json list =
        tail(model_.records().deliveries, *after, [](const Delivery& d) { return describe(d); });
    return answer({{"deliveries", std::move(list)}, {"after", *after}});
}

HttpResponse Service::get_stats(const HttpRequest&) {
    const Records& records = model_.records();
    const NetworkStats& network = model_.network().stats();
    Json publishes = Json::object();
    for (const auto& [status, count] : records.publishes_by_status) {
        publishes[status == 0 ? "reset" : std::to_string(status)] = count;
    }
    Json recent = Json::array();
    const std::size_t known = records.violations.size();
    for (std::size_t i = known - std::min(known, kMostViolations); i < known; ++i) {
        recent.push_back(describe(records.violations[i]));
    }
    return answer(
        {{"now", unix_seconds(model_.now())},
         {"publishes", publishes},
         {"enginePublishes", records.engine_publishes},
         {"introspects", records.introspects},
         {"deliveries",
          {{"sent", network.sent},
           {"delivered", network.delivered},
           {"lost", network.lost},
           {"duplicated", network.duplicated},
           {"reordered", network.reordered},
           {"gone", network.gone},
           {"overflow", network.overflow},
           {"underWay", model_.network().under_way()}}},
         {"violations",
          {{"total", records.violations_of(Source::cloud) + records.violations_of(Source::engine)},
           {"cloud", violations_of(records, Source::cloud)},
           {"engine", violations_of(records, Source::engine)},
           {"recent", recent}}},
         {"peaks",
          {{"cloud", peaks_of(records, Source::cloud)},
           {"engine", peaks_of(records, Source::engine)}}}});
}

}  // namespace pulse::mock
