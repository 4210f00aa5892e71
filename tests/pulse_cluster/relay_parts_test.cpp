// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the relay is made of: records, batches of frames, and the mail between nodes.
#include "relay/frame_batch.hpp"
#include "relay/node_mail.hpp"
#include "relay/records.hpp"
#include "relay_fixture.hpp"

#include <deque>
#include <future>
#include <thread>

using namespace pulse;
using namespace pulse::cluster;
using namespace pulse::test;
using namespace std::chrono_literals;

// -------------------------------------------------------------------- records

namespace {

/// Without its length.
std::string body_of(const std::string& record, RecordKind kind) {
    std::string_view in = record;
    std::uint32_t size = 0;
    REQUIRE(take_number(in, size));
    REQUIRE(size == in.size());
    REQUIRE(take_kind(in) == kind);
    return std::string(in);
}

OpenRecord an_open() {
    OpenRecord open;
    open.space = "rooms";
    open.key = "rooms:a b";
    open.path = "/websocket";
    open.query = "room=a%20b";
    open.subprotocol = "v1";
    open.peer = {{10, 0, 0, 1}, 4000, false};
    open.is_encrypted = true;
    open.headers = {{"origin", "https://example.org"}, {"host", "h"}};
    return open;
}

}  // namespace

TEST_CASE("what a client asked for comes as it was", "[cluster][relay]") {
    std::string record;
    write_open(77, an_open(), record);
    const std::string body = body_of(record, RecordKind::open);
    SessionNumber session = 0;
    OpenRecord open;
    REQUIRE(read_open(body, session, open));
    CHECK(session == 77);
    const core::OpenRequest request = open.view();
    CHECK(open.space == "rooms");
    CHECK(open.key == "rooms:a b");
    CHECK(request.path == "/websocket");
    CHECK(request.query == "room=a%20b");
    CHECK(request.subprotocol == "v1");
    CHECK(request.peer == core::PeerAddress{{10, 0, 0, 1}, 4000, false});
    CHECK(request.is_encrypted);
    CHECK(request.header("Origin") == "https://example.org");
    CHECK(request.header("cookie").empty());
    for (std::size_t n = 0; n < body.size(); ++n) {
        CHECK_FALSE(read_open(std::string_view(body).substr(0, n), session, open));
    }
    CHECK_FALSE(read_open(body + "x", session, open));
}

TEST_CASE("requests and answers come as they were", "[cluster][relay]") {
    RequestRecord sent;
    sent.number = 9;
    sent.route = "rooms GET /details";
    sent.key = "k";
    sent.patience_ms = 500;
    sent.request.method = "GET";
    sent.request.path = "/details";
    sent.request.query = "room=k";
    sent.request.headers = {{"a", "b"}};
    sent.request.parameters = {{"room", "k"}};
    sent.request.body = "body";
    std::string record;
    write_request(sent, record);
    const std::string body = body_of(record, RecordKind::request);
    RequestRecord got;
    REQUIRE(read_request(body, got));
    CHECK(got.number == 9);
    CHECK(got.route == sent.route);
    CHECK(got.request.header("A") == "b");
    CHECK(got.request.parameter("room") == "k");
    CHECK(got.request.body == "body");
    for (std::size_t n = 0; n < body.size(); ++n) {
        CHECK_FALSE(read_request(std::string_view(body).substr(0, n), got));
    }
    std::string answer;
    write_answer(9, {404, "text/plain", "no", {{"x", "y"}}}, answer);
    const std::string answer_body = body_of(answer, RecordKind::answer);
    AnswerRecord back;
    REQUIRE(read_answer(answer_body, back));
    CHECK(back.response.status == 404);
    CHECK(back.response.body == "no");
    for (std::size_t n = 0; n < answer_body.size(); ++n) {
        CHECK_FALSE(read_answer(std::string_view(answer_body).substr(0, n), back));
    }
}

TEST_CASE("a kind that there is not is none", "[cluster][relay]") {
    for (int kind = 0; kind < 256; ++kind) {
        const std::string text(1, static_cast<char>(kind));
        std::string_view in = text;
        const bool is_one = (kind >= 1 && kind <= 4) || (kind >= 16 && kind <= 21);
        CHECK(take_kind(in).has_value() == is_one);
    }
    std::string_view nothing;
    CHECK_FALSE(take_kind(nothing));
}

// --------------------------------------------------------------------- frames

namespace {

iovec piece(const char* begin, std::size_t size) { return {const_cast<char*>(begin), size}; }

/// What each session gets of a batch, in order.
std::map<SessionNumber, std::string> handed_out(FrameBatch& batch, std::size_t* bytes = nullptr) {
    std::string record;
    batch.write(record);
    if (bytes != nullptr) *bytes = record.size();
    const auto frames = Frames::read(body_of(record, RecordKind::frames));
    REQUIRE(frames != nullptr);
    const core::ChunkRef chunk = frames->chunk(nullptr);
    std::map<SessionNumber, std::string> got;
    for (const Frames::Group& group : frames->groups()) {
        for (const SessionNumber session : group.sessions) {
            for (const Frames::Slice& each : group.slices) {
                got[session].append(reinterpret_cast<const char*>(chunk->data()) + each.begin,
                                    each.size);
            }
        }
    }
    return got;
}

}  // namespace

TEST_CASE("bytes that several have in common are in a batch once", "[cluster][relay]") {
    const std::string chunk(10'000, 'a');
    const std::string other(100, 'b');
    FrameBatch batch;
    const iovec whole[] = {piece(chunk.data(), chunk.size())};
    std::map<SessionNumber, FrameBatch::Mark> marks;
    for (SessionNumber session = 1; session <= 100; ++session) {
        batch.add(session, marks[session], whole);
    }
    const iovec both[] = {piece(chunk.data(), chunk.size()), piece(other.data(), other.size())};
    batch.add(101, marks[101], both);
    std::size_t bytes = 0;
    const auto got = handed_out(batch, &bytes);
    CHECK(got.size() == 101);
    CHECK(got.at(1) == chunk);
    CHECK(got.at(100) == chunk);
    CHECK(got.at(101) == chunk + other);
    CHECK(bytes < chunk.size() + other.size() + 101 * 8 + 100);
    CHECK(batch.is_empty());
}

TEST_CASE("stretches that overlap in any way come out as they were", "[cluster][relay]") {
    std::string chunk(1'000, ' ');
    core::SeededRng rng(5);
    // As a lane has it: one batch for all turns, whose bytes stand where the last turn's were.
    FrameBatch batch;
    std::map<SessionNumber, FrameBatch::Mark> marks;
    for (int round = 0; round < 200; ++round) {
        for (char& each : chunk) each = static_cast<char>(rng.next_u64());
        std::map<SessionNumber, std::string> expected;
        std::vector<iovec> pieces;
        for (int i = 0; i < 20; ++i) {
            const SessionNumber session = rng.next_u64() % 6;
            if (rng.next_u64() % 3 != 0) {
                pieces.clear();
                for (std::uint64_t n = rng.next_u64() % 4; n != 0; --n) {
                    const std::size_t begin = rng.next_u64() % chunk.size();
                    const std::size_t size = rng.next_u64() % (chunk.size() - begin);
                    pieces.push_back(piece(chunk.data() + begin, size));
                }
            }
            for (const iovec& each : pieces) {
                expected[session].append(static_cast<const char*>(each.iov_base), each.iov_len);
            }
            batch.add(session, marks[session], pieces);
        }
        std::erase_if(expected, [](const auto& each) { return each.second.empty(); });
        if (batch.is_empty()) continue;
        std::size_t bytes = 0;
        REQUIRE(handed_out(batch, &bytes) == expected);
        CHECK(bytes < chunk.size() + 20 * 4 * 60 * 12);
    }
}

TEST_CASE("frames that make no sense are none", "[cluster][relay]") {
    const std::string chunk(100, 'a');
    FrameBatch batch;
    const iovec whole[] = {piece(chunk.data(), 60), piece(chunk.data() + 70, 20)};
    FrameBatch::Mark one;
    FrameBatch::Mark two;
    batch.add(1, one, whole);
    batch.add(2, two, std::span<const iovec>(whole).subspan(1));
    std::string record;
    batch.write(record);
    const std::string body = body_of(record, RecordKind::frames);
    REQUIRE(Frames::read(body) != nullptr);
    for (std::size_t n = 0; n < body.size(); ++n) {
        CHECK(Frames::read(std::string_view(body).substr(0, n)) == nullptr);
    }
    core::SeededRng rng(6);
    for (int i = 0; i < 5'000; ++i) {
        std::string changed = body;
        changed[rng.next_u64() % changed.size()] = static_cast<char>(rng.next_u64());
        const auto frames = Frames::read(changed);
        if (frames == nullptr) continue;
        for (const Frames::Group& group : frames->groups()) {
            for (const Frames::Slice& each : group.slices) {
                REQUIRE(each.begin <= frames->size());
                REQUIRE(each.size <= frames->size() - each.begin);
            }
        }
    }
}

// ----------------------------------------------------------------------- mail

namespace {

struct Correspondent {
    Correspondent(TestNet& net, const std::string& name, const MailOptions& options)
        : carrier(net, name, loop.io()),
          mail(std::make_shared<NodeMail>(loop.io(), carrier, options)) {
        run([this] {
            mail->start({[this](const PeerPtr& from, std::string_view record, const Receipt& r) {
                             const std::lock_guard lock(mutex);
                             got.push_back(from->name + ":" + std::string(record));
                             if (keeps_receipts) receipts.push_back(r);
                             return record != "nonsense";
                         },
                         [this](const PeerPtr& peer, std::string_view) {
                             const std::lock_guard lock(mutex);
                             broken.push_back(peer->name);
                         },
                         [this](const PeerPtr&) { ++rooms; },
                         [this](const std::string&) { return is_needed.load(); }});
        });
        run([] {});  // the carrier hears of it behind that
    }
    ~Correspondent() {
        run([this] { mail->close(); });
        receipts.clear();
        run([this] { mail.reset(); });
        loop.stop();
    }
    void run(std::function<void()> function) {
        std::promise<void> done;
        asio::post(loop.io(), [&] {
            function();
            done.set_value();
        });
        done.get_future().wait();
    }
    void send(const std::string& to, const std::string& text) {
        run([&] {
            std::string record;
            append_bytes(text, record);
            mail->send(mail->peer(to), std::move(record), false);
        });
    }
    std::vector<std::string> taken() {
        const std::lock_guard lock(mutex);
        return got;
    }
    std::size_t losses() {
        const std::lock_guard lock(mutex);
        return broken.size();
    }
    std::size_t waiting(const std::string& to) {
        std::size_t bytes = 0;
        run([&] { bytes = mail->peer(to)->waiting; });
        return bytes;
    }

    IoThread loop;
    TestCarrier carrier;
    std::shared_ptr<NodeMail> mail;
    std::mutex mutex;
    std::vector<std::string> got;
    std::vector<std::string> broken;
    std::vector<Receipt> receipts;
    std::atomic<bool> keeps_receipts{false};
    std::atomic<bool> is_needed{false};
    std::atomic<int> rooms{0};
};

MailOptions quick_mail() {
    MailOptions options;
    options.beat = 20ms;
    options.dead = 300ms;
    options.window_bytes = 10'000;
    options.max_piece_bytes = 1'000;
    return options;
}

std::vector<std::string> numbered(const std::string& from, int n) {
    std::vector<std::string> all;
    for (int i = 0; i < n; ++i) all.push_back(from + ":" + std::to_string(i));
    return all;
}

}  // namespace

TEST_CASE("records arrive in order, once, however long", "[cluster][relay]") {
    TestNet net;
    Correspondent a(net, "a", quick_mail());
    Correspondent b(net, "b", quick_mail());
    for (int i = 0; i < 500; ++i) a.send("b", std::to_string(i));
    CHECK(eventually([&] { return b.taken() == numbered("a", 500); }));
    const std::string longest(200'000, 'x');
    a.send("b", longest);
    CHECK(eventually([&] { return b.taken().size() == 501; }));
    CHECK(b.taken().back() == "a:" + longest);
    CHECK(a.losses() == 0);
    CHECK(b.losses() == 0);
    CHECK(eventually([&] {
        b.send("a", "x");
        return a.waiting("b") == 0;
    }));
}

TEST_CASE("what is not dealt with stops the sender at the window", "[cluster][relay]") {
    TestNet net;
    Correspondent a(net, "a", quick_mail());
    Correspondent b(net, "b", quick_mail());
    b.keeps_receipts = true;
    const std::string kilobyte(1'000, 'x');
    for (int i = 0; i < 50; ++i) a.send("b", kilobyte);
    a.run([&] { a.mail->peer("b")->is_awaited = true; });
    CHECK(eventually([&] { return b.taken().size() >= 9; }));
    CHECK_FALSE(eventually([&] { return b.taken().size() > 12; }, 100ms));
    CHECK(a.rooms == 0);
    CHECK(a.waiting("b") > 40'000);
    b.keeps_receipts = false;
    {
        const std::lock_guard lock(b.mutex);
        b.receipts.clear();
    }
    CHECK(eventually([&] { return b.taken().size() == 50; }));
    CHECK(eventually([&] { return a.rooms == 1; }));
}

TEST_CASE("a piece that is lost breaks the pair for both, which then begin anew",
          "[cluster][relay]") {
    TestNet net;
    Correspondent a(net, "a", quick_mail());
    Correspondent b(net, "b", quick_mail());
    a.send("b", "0");
    REQUIRE(eventually([&] { return b.taken().size() == 1; }));
    const bool is_last = GENERATE(false, true);
    net.lose("b", 1);
    a.send("b", "lost");
    // In a piece of its own.
    REQUIRE(eventually([&] { return a.mail->stats().pieces_sent == 2; }));
    // A beat tells of what is not followed by anything.
    if (is_last) {
        a.is_needed = true;
    } else {
        a.send("b", "behind");
    }
    CHECK(eventually([&] { return a.losses() == 1 && b.losses() == 1; }));
    a.send("b", "1");
    b.send("a", "0");
    CHECK(eventually([&] { return b.taken() == numbered("a", 2); }));
    CHECK(eventually([&] { return a.taken() == numbered("b", 1); }));
    CHECK(a.losses() == 1);
    CHECK(b.losses() == 1);
}

TEST_CASE("losses at random: what comes is always a part without gaps between breaks",
          "[cluster][relay]") {
    TestNet net;
    Correspondent a(net, "a", quick_mail());
    Correspondent b(net, "b", quick_mail());
    a.is_needed = b.is_needed = true;
    core::SeededRng rng(3);
    for (int i = 0; i < 300; ++i) {
        if (rng.next_u64() % 10 == 0) net.lose(rng.next_u64() % 2 == 0 ? "a" : "b", 1);
        a.send("b", std::to_string(i));
        b.send("a", std::to_string(i));
    }
    // In the end they agree again.
    CHECK(eventually([&] {
        a.send("b", "end");
        b.send("a", "end");
        return !a.taken().empty() && a.taken().back() == "b:end" && !b.taken().empty() &&
               b.taken().back() == "a:end";
    }));
    for (Correspondent* const each : {&a, &b}) {
        int last = -1;
        for (const std::string& text : each->taken()) {
            if (text.ends_with("end")) continue;
            const int number = std::stoi(text.substr(2));
            CHECK(number > last);
            last = number;
        }
    }
}

TEST_CASE("a node that is silent for too long is dead, if anybody needs it", "[cluster][relay]") {
    TestNet net;
    Correspondent a(net, "a", quick_mail());
    Correspondent b(net, "b", quick_mail());
    a.send("b", "0");
    REQUIRE(eventually([&] { return b.taken().size() == 1; }));
    net.cut("b");
    CHECK_FALSE(eventually([&] { return a.losses() != 0; }, 500ms));
    a.is_needed = true;
    CHECK(eventually([&] { return a.losses() == 1; }));
}

TEST_CASE("nodes that need each other hear from each other, and nobody else does",
          "[cluster][relay]") {
    TestNet net;
    Correspondent a(net, "a", quick_mail());
    Correspondent b(net, "b", quick_mail());
    a.send("b", "0");
    a.is_needed = true;
    // b needs nobody, but answers.
    CHECK_FALSE(eventually([&] { return a.losses() != 0; }, 600ms));
    CHECK(b.mail->stats().pieces_sent > 2);
    a.is_needed = false;
    CHECK(eventually([&] {
        const auto before = a.mail->stats().pieces_sent.load();
        std::this_thread::sleep_for(60ms);
        return a.mail->stats().pieces_sent == before;
    }));
}

TEST_CASE("what is no mail is counted and ignored, and nonsense breaks the pair",
          "[cluster][relay]") {
    TestNet net;
    Correspondent a(net, "a", quick_mail());
    Correspondent b(net, "b", quick_mail());
    a.send("b", "0");
    REQUIRE(eventually([&] { return b.taken().size() == 1; }));
    core::SeededRng rng(4);
    for (int i = 0; i < 200; ++i) {
        std::string bytes = i % 2 == 0 ? "R1" : "";
        for (std::uint64_t n = rng.next_u64() % 60; n != 0; --n) {
            bytes += static_cast<char>(rng.next_u64());
        }
        b.carrier.arrive(bytes);
    }
    CHECK(eventually([&] { return b.mail->stats().malformed >= 100; }));
    a.send("b", "1");
    CHECK(eventually([&] { return b.taken() == numbered("a", 2); }));
    a.send("b", "nonsense");
    CHECK(eventually([&] { return b.losses() == 1 && a.losses() == 1; }));
    a.send("b", "2");
    CHECK(eventually([&] { return b.taken().back() == "a:2"; }));
}

TEST_CASE("a number of an epoch that no pair comes to is no mail", "[cluster][relay]") {
    TestNet net;
    Correspondent a(net, "a", quick_mail());
    Correspondent b(net, "b", quick_mail());
    a.send("b", "0");
    REQUIRE(eventually([&] { return b.taken().size() == 1; }));
    std::string last = "R1";
    append_number(std::uint8_t{1}, last);  // a beat
    append_number(~std::uint64_t{0}, last);
    append_number(std::uint64_t{7}, last);
    append_number(std::uint64_t{0}, last);
    append_bytes("a", last);
    b.carrier.arrive(last);
    CHECK(eventually([&] { return b.mail->stats().malformed == 1; }));
    a.send("b", "1");
    CHECK(eventually([&] { return b.taken() == numbered("a", 2); }));
    CHECK(b.losses() == 0);
}
