// SPDX-License-Identifier: MIT OR Apache-2.0
#include "envelope.hpp"

#include "support/catch.hpp"

#include <vector>

#include <pulse/mesa/error.hpp>

namespace {

using namespace pulse::mesa;

TEST_CASE("an envelope is what the original writes, and more only where it says more",
          "[mesa][envelope]") {
    const Message message(0, R"({"x":1})", "T");
    CHECK(write_envelope(message, Form::internal, Recipients::all(), {}, "") ==
          R"({"message":{"op":0,"d":{"x":1},"t":"T"},"recipients":["*"]})");
    CHECK(write_envelope(message, Form::internal, Recipients{"A", 5}, {}, "") ==
          R"({"message":{"op":0,"d":{"x":1},"t":"T"},"recipients":["A",5]})");
    const std::vector<Id> excluding{"B"};
    CHECK(write_envelope(Message(5), Form::internal, Recipients::all(), excluding, "r1") ==
          R"({"message":{"op":5,"d":{}},"recipients":["*"],"excluding":["B"],"origin":"r1"})");
}

TEST_CASE("an envelope is read back", "[mesa][envelope]") {
    const auto all = read_envelope(
        R"({"recipients":["*"],"message":{"op":0,"d":{},"s":7},"excluding":["B"],"extra":1})");
    REQUIRE(all);
    CHECK(all->recipients.is_all());
    CHECK(all->excluding == std::vector<Id>{"B"});
    CHECK(all->message == Message(0));
    const auto some = read_envelope(R"({"recipients":["A",null,5],"message":{}})");
    REQUIRE(some);
    CHECK(some->recipients.ids() == std::vector<Id>{"A", 5});
}

TEST_CASE("what is no envelope is an error", "[mesa][envelope]") {
    CHECK(read_envelope("not json").error() == make_error_code(Error::invalid_json));
    for (const char* text :
         {"[]", "5", "{}", R"({"message":{}})", R"({"message":5,"recipients":[]})",
          R"({"message":{},"recipients":"*"})"}) {
        CAPTURE(text);
        const auto envelope = read_envelope(text);
        REQUIRE_FALSE(envelope);
        CHECK(envelope.error() == make_error_code(Error::invalid_envelope));
    }
}

TEST_CASE("portal events are written and read", "[mesa][envelope]") {
    CHECK(write_portal_event({PortalEvent::Type::connection, {}, {}, "p"}) ==
          R"({"type":"connection","portalId":"p"})");
    const PortalEvent event{PortalEvent::Type::message, Message(0, "1", "T"), Id("A"), "p"};
    const std::string text = write_portal_event(event);
    CHECK(text ==
          R"({"type":"message","message":{"op":0,"d":1,"t":"T"},"clientId":"A","portalId":"p"})");
    const auto read = read_portal_event(text);
    REQUIRE(read);
    CHECK(read->message == event.message);
    CHECK(read->client_id == event.client_id);
    for (const char* bad : {"", "{}", R"({"type":"what"})", R"({"type":"message"})",
                            R"({"type":"authentication"})"}) {
        CAPTURE(bad);
        CHECK_FALSE(read_portal_event(bad));
    }
}

TEST_CASE("announcements are written and read", "[mesa][envelope]") {
    const std::string text = write_announcement({"p1", true});
    CHECK(text == R"({"id":"p1","ready":true})");
    const auto read = read_announcement(text);
    REQUIRE(read);
    CHECK(read->id == "p1");
    CHECK(read->is_ready);
    CHECK_FALSE(read_announcement(R"({"ready":true})"));
}

TEST_CASE("kept messages are taken apart without being changed", "[mesa][envelope]") {
    CHECK(*read_kept(R"([{"op":0,"d":{"n":1.0}} , {"op":1}])") ==
          std::vector<std::string>{R"({"op":0,"d":{"n":1.0}})", R"({"op":1})"});
    CHECK(read_kept("[]")->empty());
    CHECK_FALSE(read_kept("{}"));
    CHECK_FALSE(read_kept("[1"));
}

}  // namespace
