// SPDX-License-Identifier: MIT OR Apache-2.0
#include <utility>

#include <pulse/roblox/cloud_transport.hpp>

namespace pulse::roblox {

namespace {

CloudError error_of(const HttpResult& result, std::uint64_t unix_ms) {
    CloudError error = read_answer(result.response, unix_ms);
    if (result.response.status == 0) {
        error.message = result.failure;
        error.is_unsent = result.is_unsent;
    }
    return error;
}

class CloudTransport final : public PublishTransport {
  public:
    CloudTransport(HttpClient& client, core::Clock& clock, CloudTransportOptions options)
        : client_(client), clock_(clock), options_(std::move(options)) {}

    void publish(const CloudPublish& publish, PublishDone done) override {
        client_.send(build_publish(options_.api, options_.base_url, publish.universe,
                                   publish.real_topic, publish.text, publish.api_key),
                     [&clock = clock_, done = std::move(done)](const HttpResult& result) {
                         done(error_of(result, clock.unix_ms()));
                     });
    }

    void introspect(std::string_view api_key, IntrospectDone done) override {
        client_.send(build_introspect(options_.base_url, api_key),
                     [&clock = clock_, done = std::move(done)](const HttpResult& result) {
                         IntrospectAnswer answer{error_of(result, clock.unix_ms()), {}};
                         if (answer.error.http == 200) {
                             if (auto key = read_introspection(result.response.body)) {
                                 answer.key = std::move(*key);
                             } else {
                                 // Not what Open Cloud says: as good as no answer.
                                 answer.error.http = 0;
                                 answer.error.message = "the answer cannot be read";
                             }
                         }
                         done(std::move(answer));
                     });
    }

  private:
    HttpClient& client_;
    core::Clock& clock_;
    CloudTransportOptions options_;
};

}  // namespace

std::unique_ptr<PublishTransport> make_cloud_transport(HttpClient& client, core::Clock& clock,
                                                       CloudTransportOptions options) {
    return std::make_unique<CloudTransport>(client, clock, std::move(options));
}

}  // namespace pulse::roblox
