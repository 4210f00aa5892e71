// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sentinels.hpp"
#include "slot_master.hpp"

#include <utility>

#include <pulse/redis/master_finder.hpp>
#include <pulse/redis/slots.hpp>

namespace pulse::redis {

namespace {

template <typename Finder>
std::unique_ptr<MasterFinder> lead(LinkOptions& link, std::unique_ptr<Finder> finder) {
    link.locate = finder->finder();
    link.must_be_master = true;
    return finder;
}

}  // namespace

std::unique_ptr<MasterFinder> set_destination(LinkOptions& link, asio::io_context& io,
                                              const Location& location, std::string_view key,
                                              core::Rng& rng, MasterFinder::OnMoved on_moved) {
    switch (location.kind) {
        case Location::Kind::sentinel:
            return lead(link, std::make_unique<Sentinels>(io, location, link.answer_timeout, rng,
                                                          std::move(on_moved)));
        case Location::Kind::cluster:
            return lead(
                link, std::make_unique<SlotMaster>(io, location, slot_of(key), link.answer_timeout,
                                                   rng, std::move(on_moved)));
        case Location::Kind::single:
            break;
    }
    link.address = location.hosts.front();
    return nullptr;
}

}  // namespace pulse::redis
