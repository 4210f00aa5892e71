// SPDX-License-Identifier: MIT OR Apache-2.0
// pulse-rooms-load: load for rooms, and the same chat in the native dialect's JSON to compare with.
//
//   chat     --rooms 500 --members 10: in each room the first member talks, --window messages ahead
//            of what it hears of itself; counts what every member gets
//   counter  --connections 64: each adds 1 to a counter of one room, --window ahead of what is
//            published, which is after the commit; checks that no value is skipped or told twice
//
// With --talk-port who talks is on that server of a cluster, and comes first. What it says is in
// flight until the other members have it, latencies are theirs, and as in pulse-load the window is
// filled up when half of it is delivered. The last line is then JSON:
//   said, said_from_start   messages, while measured and in all
//   heard, deliveries       what the others got; and with it what whoever talks got of itself
//   seconds, cpu_us         cpu_us is a list, as --pid has them
//   p50_us, first_p50_us    over all that the others got, and over who of them got each first
//
// Payloads are text, as rooms have nothing else; hence a program of its own beside pulse-load. With
// --pid (one, or several with commas) it says what the servers spent per delivery.
#include "histogram.hpp"
#include "process_stats.hpp"
#include "websocket.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace pulse::load;
using Clock = std::chrono::steady_clock;

struct Options {
    std::string scenario = "chat";
    std::string dialect = "rooms";  // or native
    std::uint16_t port = 8080;
    std::uint16_t talk_port = 0;  // as port
    std::size_t rooms = 500;
    std::size_t members = 10;
    std::size_t connections = 64;
    std::size_t bytes = 100;
    std::size_t window = 1;
    double seconds = 10;
    double warm_up = 2;
    std::vector<pid_t> pids;
};

std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
            .count());
}

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

/// One client. Sends `request` whenever it is let; hears every publication of its room, in order.
struct Client {
    int fd = -1;
    std::size_t room = 0;
    bool is_talking = false;
    bool is_upgraded = false;
    std::string input;
    std::string request;              ///< framed
    std::vector<std::uint64_t> sent;  ///< when, from the start
    std::size_t listeners = 0;        ///< who must have heard it before it goes on
    std::size_t told = 0;             ///< to all of them
    std::size_t first_heard = 0;      ///< messages that one of them has
    Client* talker = nullptr;         ///< to whom it is a listener, if to anybody
    std::size_t heard = 0;            ///< of that one
    std::int64_t last_value = 0;
};

class Load {
  public:
    explicit Load(const Options& options)
        : options_(options), epoll_(::epoll_create1(0)), stats_(options.pids) {}
    ~Load() {
        for (const auto& client : clients_) ::close(client->fd);
        ::close(epoll_);
    }

    int run() {
        build();
        std::puts("connected");  // whoever counts what talking costs begins here
        std::fflush(stdout);
        const std::uint64_t begin = now_ns() + static_cast<std::uint64_t>(options_.warm_up * 1e9);
        const std::uint64_t end = begin + static_cast<std::uint64_t>(options_.seconds * 1e9);
        for (const auto& client : clients_) {
            if (client->is_talking) refill(*client);
        }
        turn_until(begin);
        deliveries_ = 0;
        latencies_ = std::make_unique<Histogram>();
        firsts_ = std::make_unique<Histogram>();
        const std::uint64_t said_before = said_;
        const std::vector<std::uint64_t> cpu_before = stats_.cpu_ns_each();
        const std::uint64_t measured_from = now_ns();
        turn_until(end);
        const double seconds = static_cast<double>(now_ns() - measured_from) / 1e9;
        std::vector<std::uint64_t> cpu_ns = stats_.cpu_ns_each();
        for (std::size_t i = 0; i < cpu_ns.size(); ++i) cpu_ns[i] -= cpu_before[i];
        report(seconds, cpu_ns);
        if (is_apart()) report_apart(seconds, cpu_ns, said_ - said_before);
        return 0;
    }

  private:
    [[nodiscard]] bool is_counter() const { return options_.scenario == "counter"; }
    [[nodiscard]] bool is_native() const { return options_.dialect == "native"; }
    [[nodiscard]] bool is_apart() const { return options_.talk_port != 0; }

    void build() {
        const std::size_t rooms = is_counter() ? 1 : options_.rooms;
        const std::size_t members = is_counter() ? options_.connections : options_.members;
        raise_descriptor_limit(rooms * members + 64);
        for (std::size_t room = 0; room < rooms; ++room) {
            Client* talker = nullptr;
            for (std::size_t i = 0; i < members; ++i) {
                clients_.push_back(std::make_unique<Client>());
                Client& client = *clients_.back();
                client.room = room;
                client.is_talking = is_counter() || i == 0;
                if (client.is_talking) talker = &client;
                if (client.is_talking != is_apart()) {
                    client.talker = talker;
                    ++talker->listeners;
                }
                client.request =
                    websocket::frame(websocket::Opcode::text, message_of(client, clients_.size()));
                open(client, clients_.size());
            }
        }
    }
    /// What it says again and again.
    [[nodiscard]] std::string message_of(const Client& client, std::size_t number) const {
        if (is_counter()) {
            return R"({"type":"counter","data":{"id":"c)" + std::to_string(number) +
                   R"(","value":1}})";
        }
        const std::string payload(options_.bytes, 'x');
        if (is_native()) {
            return R"({"type":"publish","channel":"room:)" + std::to_string(client.room) +
                   R"(","payload":")" + payload + "\"}";
        }
        return R"({"type":"chat","data":")" + payload + "\"}";
    }
    [[nodiscard]] std::string subscription_of(const Client& client, std::size_t number) const {
        if (is_counter())
            return R"({"type":"subscribe","data":"counter:c)" + std::to_string(number) + "\"}";
        if (is_native()) {
            return R"({"type":"subscribe","id":1,"channel":"room:)" + std::to_string(client.room) +
                   "\"}";
        }
        return R"({"type":"subscribe","data":"chat"})";
    }

    void open(Client& client, std::size_t number) {
        const std::uint16_t port =
            client.is_talking && is_apart() ? options_.talk_port : options_.port;
        client.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(client.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0) {
            fail("cannot connect");
        }
        const int one = 1;
        ::setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        ProtocolOptions target;
        target.host = "127.0.0.1";
        target.port = port;
        target.path = is_native() ? "/ws?format=json"
                                  : "/websocket?room=load-" + std::to_string(::getpid()) + "-" +
                                        std::to_string(client.room);
        send_all(client, websocket::upgrade_request(target));
        send_all(client,
                 websocket::frame(websocket::Opcode::text, subscription_of(client, number)));
        // A profile answers behind the subscription; the native dialect acknowledges it.
        if (!is_native()) {
            send_all(client, websocket::frame(websocket::Opcode::text, R"({"type":"profile"})"));
        }
        int wanted = is_native() ? 2 : 3;
        while (wanted > 0) wanted -= static_cast<int>(receive(client, false));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &client;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
    }

    static void send_all(const Client& client, std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t n = ::send(client.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) fail("the server closed a connection");
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    /// What it may say by now goes out together, as a browser writes what a script sends in one
    /// turn.
    void refill(Client& client) {
        const std::size_t done = client.told / client.listeners;
        const std::size_t in_flight = client.sent.size() - done;
        // Many listeners would otherwise let out one message at a time, whatever the window.
        if (in_flight > (is_apart() ? options_.window / 2 : options_.window - 1)) return;
        const std::size_t times = options_.window - in_flight;
        output_.clear();
        said_ += times;
        client.sent.insert(client.sent.end(), times, now_ns());
        for (std::size_t i = 0; i < times; ++i) output_ += client.request;
        send_all(client, output_);
    }
    void turn_until(std::uint64_t end) {
        epoll_event events[256];
        while (now_ns() < end) {
            const int n = ::epoll_wait(epoll_, events, 256, 10);
            for (int i = 0; i < n; ++i) {
                (void)receive(*static_cast<Client*>(events[i].data.ptr), true);
            }
        }
    }

    /// Reads once. Returns the number of messages.
    std::size_t receive(Client& client, bool is_running) {
        char buffer[65536];
        const ssize_t got = ::recv(client.fd, buffer, sizeof buffer, 0);
        if (got <= 0) fail("the server closed a connection");
        const std::uint64_t now = now_ns();
        client.input.append(buffer, static_cast<std::size_t>(got));
        std::string_view rest = client.input;
        if (!client.is_upgraded) {
            const std::size_t end = rest.find("\r\n\r\n");
            if (end == std::string_view::npos) return 0;
            if (rest.find(" 101 ") > 16) fail("no upgrade: " + client.input.substr(0, 80));
            client.is_upgraded = true;
            rest.remove_prefix(end + 4);
        }
        std::size_t messages = 0;
        while (const auto payload = next_frame(rest)) {
            ++messages;
            if (is_running) on_message(client, *payload, now);
        }
        client.input.erase(0, client.input.size() - rest.size());
        if (is_running && client.talker != nullptr) refill(*client.talker);
        return messages;
    }
    /// The payload of a whole data frame; control frames are passed over.
    static const std::string_view* next_frame(std::string_view& rest) {
        static thread_local std::string_view payload;
        for (;;) {
            if (rest.size() < 2) return nullptr;
            const auto* const at = reinterpret_cast<const unsigned char*>(rest.data());
            std::size_t size = at[1] & 0x7FU;
            std::size_t header = 2;
            if (size == 126) header = 4;
            if (size == 127) header = 10;
            if (rest.size() < header) return nullptr;
            if (header > 2) {
                size = 0;
                for (std::size_t i = 2; i < header; ++i) size = size << 8U | at[i];
            }
            if (rest.size() - header < size) return nullptr;
            payload = rest.substr(header, size);
            const bool is_data = (at[0] & 0x0FU) < 8;
            if ((at[0] & 0x0FU) == 8) fail("the server closed a WebSocket");
            rest.remove_prefix(header + size);
            if (is_data) return &payload;
        }
    }
    void on_message(Client& client, std::string_view message, std::uint64_t now) {
        if (message.find(R"("type":"ping")") != std::string_view::npos) return;
        if (message.find(R"("type":"error")") != std::string_view::npos) {
            fail("refused: " + std::string(message));
        }
        ++deliveries_;
        if (client.talker == nullptr) return;
        if (is_counter()) check_value(client, message);
        const std::uint64_t latency = now - client.talker->sent.at(client.heard++);
        latencies_->record(latency);
        ++client.talker->told;
        if (client.heard > client.talker->first_heard) {
            client.talker->first_heard = client.heard;
            firsts_->record(latency);
        }
    }
    static void check_value(Client& client, std::string_view message) {
        const std::size_t at = message.find(R"("value":")");
        if (at == std::string_view::npos) fail("no counter: " + std::string(message));
        const std::int64_t value = std::atoll(message.data() + at + 9);
        if (value != client.last_value + 1) fail("a value was skipped or told twice");
        client.last_value = value;
    }

    void report(double seconds, const std::vector<std::uint64_t>& cpu_ns) const {
        const auto count = static_cast<double>(deliveries_);
        std::printf("%s %s: %.0f %s/s, p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms\n",
                    options_.dialect.c_str(), options_.scenario.c_str(), count / seconds,
                    is_counter() ? "durable increments" : "deliveries",
                    static_cast<double>(latencies_->percentile(0.5)) / 1e6,
                    static_cast<double>(latencies_->percentile(0.99)) / 1e6,
                    static_cast<double>(latencies_->percentile(0.999)) / 1e6);
        if (!stats_.watches()) return;
        const auto cpu = std::accumulate(cpu_ns.begin(), cpu_ns.end(), std::uint64_t{0});
        std::printf("server: %.0f ns of CPU for each, %.1f MiB resident\n",
                    static_cast<double>(cpu) / count,
                    static_cast<double>(stats_.rss_bytes()) / (1024.0 * 1024.0));
    }
    void report_apart(double seconds, const std::vector<std::uint64_t>& cpu_ns,
                      std::uint64_t said) const {
        std::string cpu_us;
        for (const std::uint64_t ns : cpu_ns) {
            cpu_us += (cpu_us.empty() ? "" : ", ") + std::to_string(static_cast<double>(ns) / 1e3);
        }
        std::printf(R"({"said": %llu, "said_from_start": %llu, "heard": %llu, "deliveries": %llu, )"
                    R"("seconds": %.6f, "p50_us": %.3f, "first_p50_us": %.3f, "cpu_us": [%s]})"
                    "\n",
                    static_cast<unsigned long long>(said), static_cast<unsigned long long>(said_),
                    static_cast<unsigned long long>(latencies_->count()),
                    static_cast<unsigned long long>(deliveries_), seconds,
                    static_cast<double>(latencies_->percentile(0.5)) / 1e3,
                    static_cast<double>(firsts_->percentile(0.5)) / 1e3, cpu_us.c_str());
    }

    Options options_;
    int epoll_;
    ProcessStats stats_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::unique_ptr<Histogram> latencies_ = std::make_unique<Histogram>();
    std::unique_ptr<Histogram> firsts_ = std::make_unique<Histogram>();  ///< of each message
    std::uint64_t deliveries_ = 0;
    std::uint64_t said_ = 0;  ///< from the start
    std::string output_;
};

std::vector<pid_t> pids_of(const char* text) {
    std::vector<pid_t> pids;
    for (char* end = nullptr; *text != '\0'; text = *end == ',' ? end + 1 : end) {
        pids.push_back(static_cast<pid_t>(std::strtol(text, &end, 10)));
        if (end == text) fail("--pid wants numbers with commas between them");
    }
    return pids;
}

Options parse(int count, char** arguments) {
    Options options;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string_view name = arguments[i];
        const char* const value = arguments[i + 1];
        const auto number = static_cast<std::size_t>(std::strtoull(value, nullptr, 10));
        if (name == "--scenario")
            options.scenario = value;
        else if (name == "--dialect")
            options.dialect = value;
        else if (name == "--port")
            options.port = static_cast<std::uint16_t>(number);
        else if (name == "--talk-port")
            options.talk_port = static_cast<std::uint16_t>(number);
        else if (name == "--rooms")
            options.rooms = number;
        else if (name == "--members")
            options.members = number;
        else if (name == "--connections")
            options.connections = number;
        else if (name == "--bytes")
            options.bytes = number;
        else if (name == "--window")
            options.window = number;
        else if (name == "--seconds")
            options.seconds = std::strtod(value, nullptr);
        else if (name == "--warm-up")
            options.warm_up = std::strtod(value, nullptr);
        else if (name == "--pid")
            options.pids = pids_of(value);
        else
            fail("unknown option: " + std::string(name));
    }
    if (options.window == 0) fail("--window must be at least 1");
    if (options.talk_port != 0 && (options.scenario != "chat" || options.members < 2)) {
        fail("--talk-port is for a chat of two members or more");
    }
    return options;
}

}  // namespace

int main(int count, char** arguments) {
    try {
        return Load(parse(count, arguments)).run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pulse-rooms-load: %s\n", error.what());
        return 1;
    }
}
