// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libcurl tells which sockets to watch and when to wake it; Asio does both.
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <curl/curl.h>
#include <openssl/crypto.h>

#include <pulse/roblox/http_client.hpp>

namespace pulse::roblox {

namespace {

struct EasyDeleter {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
struct ListDeleter {
    /// Headers hold API keys.
    void operator()(curl_slist* list) const noexcept {
        for (curl_slist* each = list; each != nullptr; each = each->next) {
            OPENSSL_cleanse(each->data, std::strlen(each->data));
        }
        curl_slist_free_all(list);
    }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using Multi = std::unique_ptr<CURLM, MultiDeleter>;
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

/// One request under way. libcurl keeps pointers into it.
struct Transfer {
    ~Transfer() {
        for (auto& [name, value] : request.headers) OPENSSL_cleanse(value.data(), value.size());
        OPENSSL_cleanse(request.body.data(), request.body.size());
    }
    HeaderList headers;  // outlive `easy`
    CloudRequest request;
    HttpResult result;
    HttpClient::Done done;
    Easy easy;
    std::size_t bytes_left = 0;
    bool is_too_long = false;

    [[nodiscard]] bool take(std::size_t bytes) noexcept {
        is_too_long = bytes > bytes_left;
        if (!is_too_long) bytes_left -= bytes;
        return !is_too_long;
    }
};

/// A socket of libcurl's while it is watched. Outlives its removal while a wait is being cancelled.
struct Watch {
    explicit Watch(asio::io_context& io) : descriptor(io) {}
    ~Watch() {
        if (descriptor.is_open()) descriptor.release();  // libcurl closes it
    }
    asio::posix::stream_descriptor descriptor;
    int wanted = 0;  // CURL_POLL_…
    bool awaits_input = false;
    bool awaits_room = false;
};

std::size_t write_body(char* data, std::size_t, std::size_t bytes, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    if (!transfer.take(bytes)) return 0;
    transfer.result.response.body.append(data, bytes);
    return bytes;
}

std::size_t write_header(char* data, std::size_t, std::size_t bytes, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    if (!transfer.take(bytes)) return 0;
    std::string_view line(data, bytes);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {
        // The head of another answer: the one before was a 1xx.
        transfer.result.response.headers.clear();
        return bytes;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bytes;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    transfer.result.response.headers.emplace_back(line.substr(0, colon), value);
    return bytes;
}

bool initialise_curl() {
    static const bool is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    return is_ready;
}

class CurlClient final : public HttpClient {
  public:
    CurlClient(asio::io_context& io, CurlClientOptions options)
        : core_(std::make_shared<Core>(io, std::move(options))) {}
    ~CurlClient() override { core_->close(); }
    CurlClient(const CurlClient&) = delete;
    CurlClient& operator=(const CurlClient&) = delete;

    void send(CloudRequest request, Done done) override {
        core_->send(std::move(request), std::move(done));
    }

  private:
    /// Shared with the waits that Asio has been asked for.
    class Core : public std::enable_shared_from_this<Core> {
      public:
        Core(asio::io_context& io, CurlClientOptions options);
        void send(CloudRequest request, Done done);
        void close();

      private:
        [[nodiscard]] bool configure(Transfer& transfer);
        [[nodiscard]] bool watch(curl_socket_t fd, int wanted);
        void await(curl_socket_t fd, std::shared_ptr<Watch> watched);
        void set_timer(long milliseconds);
        void drive(curl_socket_t fd, int events);
        void finish(CURL* easy, CURLcode code);

        asio::io_context& io_;
        CurlClientOptions options_;
        asio::steady_timer timer_;
        bool is_closed_ = false;
        Multi multi_;
        std::unordered_map<CURL*, std::unique_ptr<Transfer>> transfers_;
        std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches_;
    };
    std::shared_ptr<Core> core_;
};

CurlClient::Core::Core(asio::io_context& io, CurlClientOptions options)
    : io_(io), options_(std::move(options)), timer_(io) {
    if (initialise_curl()) multi_.reset(curl_multi_init());
    if (multi_ == nullptr) return;  // every request will fail
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(
        multi_.get(), CURLMOPT_SOCKETFUNCTION,
        +[](CURL*, curl_socket_t fd, int wanted, void* self, void*) {
            return static_cast<Core*>(self)->watch(fd, wanted) ? 0 : -1;
        });
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(
        multi_.get(), CURLMOPT_TIMERFUNCTION, +[](CURLM*, long milliseconds, void* self) {
            static_cast<Core*>(self)->set_timer(milliseconds);
            return 0;
        });
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, options_.max_connections);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, options_.max_connections);
    curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
}

void CurlClient::Core::send(CloudRequest request, Done done) {
    auto transfer = std::make_unique<Transfer>();
    transfer->request = std::move(request);
    transfer->bytes_left = options_.max_response_bytes;
    if (multi_ != nullptr && !is_closed_ && transfers_.size() < options_.max_requests) {
        transfer->easy.reset(curl_easy_init());
    }
    CURL* const easy = transfer->easy.get();
    if (easy == nullptr || !configure(*transfer)) {
        done({{}, "no room for another request", true});
        return;
    }
    transfer->done = std::move(done);
    transfers_.emplace(easy, std::move(transfer));
    if (curl_multi_add_handle(multi_.get(), easy) != CURLM_OK) finish(easy, CURLE_OUT_OF_MEMORY);
}

bool CurlClient::Core::configure(Transfer& transfer) {
    CURL* const easy = transfer.easy.get();
    const CloudRequest& request = transfer.request;
    bool is_ok = true;
    const auto set = [&](CURLoption option, auto value) {
        is_ok = curl_easy_setopt(easy, option, value) == CURLE_OK && is_ok;
    };
    for (const auto& [name, value] : request.headers) {
        std::string line = name;
        line.append(": ").append(value);
        curl_slist* const longer = curl_slist_append(transfer.headers.get(), line.c_str());
        if (longer == nullptr) return false;
        (void)transfer.headers.release();
        transfer.headers.reset(longer);
    }
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    set(CURLOPT_PIPEWAIT, 1L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_HTTPHEADER, transfer.headers.get());
    set(CURLOPT_USERAGENT, options_.user_agent.c_str());
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    if (request.method == "POST") {
        set(CURLOPT_POST, 1L);
        set(CURLOPT_POSTFIELDS, request.body.c_str());
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    } else if (request.method != "GET") {
        set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    set(CURLOPT_WRITEFUNCTION, &write_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
    set(CURLOPT_HEADERFUNCTION, &write_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
    return is_ok;
}

bool CurlClient::Core::watch(curl_socket_t fd, int wanted) {
    auto found = watches_.find(fd);
    if (wanted == CURL_POLL_REMOVE) {
        if (found == watches_.end()) return true;
        found->second->wanted = 0;
        found->second->descriptor.release();  // ends its waits
        watches_.erase(found);
        return true;
    }
    if (found == watches_.end()) {
        auto watched = std::make_shared<Watch>(io_);
        asio::error_code error;
        watched->descriptor.assign(fd, error);
        if (error) return false;
        found = watches_.emplace(fd, std::move(watched)).first;
    }
    found->second->wanted = wanted;
    await(fd, found->second);
    return true;
}

/// Asks for what is wanted and not asked for yet. A wait no longer wanted ends by itself: its event
/// then is nobody's.
void CurlClient::Core::await(curl_socket_t fd, std::shared_ptr<Watch> watched) {
    using Wait = asio::posix::stream_descriptor;
    const auto begin = [&](Wait::wait_type kind, int poll, int event, bool Watch::*is_awaited) {
        if ((watched->wanted & poll) == 0 || std::exchange((*watched).*is_awaited, true)) return;
        watched->descriptor.async_wait(kind, [self = shared_from_this(), fd, watched, poll, event,
                                              is_awaited](const asio::error_code& error) {
            (*watched).*is_awaited = false;
            if (error == asio::error::operation_aborted) return;
            if ((watched->wanted & poll) != 0) {
                self->drive(fd, error ? CURL_CSELECT_ERR : event);
            }
            if (!error && watched->wanted != 0) self->await(fd, watched);
        });
    };
    begin(Wait::wait_read, CURL_POLL_IN, CURL_CSELECT_IN, &Watch::awaits_input);
    begin(Wait::wait_write, CURL_POLL_OUT, CURL_CSELECT_OUT, &Watch::awaits_room);
}

void CurlClient::Core::set_timer(long milliseconds) {
    if (milliseconds < 0) {
        timer_.cancel();
        return;
    }
    timer_.expires_after(std::chrono::milliseconds(milliseconds));
    timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (!error) self->drive(CURL_SOCKET_TIMEOUT, 0);
    });
}

void CurlClient::Core::drive(curl_socket_t fd, int events) {
    if (multi_ == nullptr) return;
    int running = 0;
    curl_multi_socket_action(multi_.get(), fd, events, &running);
    std::vector<std::pair<CURL*, CURLcode>> over;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg == CURLMSG_DONE) {
            over.emplace_back(message->easy_handle, message->data.result);
        }
    }
    for (const auto& [easy, code] : over) finish(easy, code);
}

void CurlClient::Core::finish(CURL* easy, CURLcode code) {
    const auto found = transfers_.find(easy);
    if (found == transfers_.end()) return;
    const std::unique_ptr<Transfer> transfer = std::move(found->second);
    transfers_.erase(found);
    curl_multi_remove_handle(multi_.get(), easy);
    HttpResult result = std::move(transfer->result);
    if (code == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        result.response.status = static_cast<int>(status);
    } else {
        // Set when a connection is there and the request about to be written.
        curl_off_t pretransfer_us = 0;
        curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
        result = {{},
                  transfer->is_too_long ? "the answer is too long" : curl_easy_strerror(code),
                  pretransfer_us == 0};
    }
    transfer->done(std::move(result));
}

void CurlClient::Core::close() {
    is_closed_ = true;
    timer_.cancel();
    while (!transfers_.empty()) finish(transfers_.begin()->first, CURLE_ABORTED_BY_CALLBACK);
    multi_.reset();  // takes its watches down
    watches_.clear();
}

}  // namespace

std::unique_ptr<HttpClient> make_curl_client(asio::io_context& io, CurlClientOptions options) {
    return std::make_unique<CurlClient>(io, std::move(options));
}

}  // namespace pulse::roblox
