// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/catch.hpp"

#include <string>

#include <pulse/protocol/channel_name.hpp>
#include <pulse/protocol/error.hpp>

using namespace pulse::protocol;

TEST_CASE("ordinary channel names are valid", "[protocol][channel]") {
    for (const char* const name : {"c", "chat:lobby", "a b", "private:room", "presence:room", "~",
                                   " ", "a$", "1234567", "12345678", "123456789"}) {
        CAPTURE(name);
        CHECK(check_channel_name(name) == ChannelNameError::none);
        CHECK(is_valid_channel_name(name));
    }
}

TEST_CASE("a name has 1 to 256 bytes", "[protocol][channel]") {
    CHECK(check_channel_name("") == ChannelNameError::empty);
    CHECK(check_channel_name(std::string_view()) == ChannelNameError::empty);
    CHECK(check_channel_name(std::string(256, 'a')) == ChannelNameError::none);
    CHECK(check_channel_name(std::string(257, 'a')) == ChannelNameError::too_long);
}

TEST_CASE("length counts bytes, not characters", "[protocol][channel]") {
    std::string name;
    for (int i = 0; i < 129; ++i) name += "\u00e9";
    CHECK(check_channel_name(name) == ChannelNameError::too_long);
}

TEST_CASE("the first broken rule is reported: empty, length, '$', characters",
          "[protocol][channel]") {
    CHECK(check_channel_name("$" + std::string(256, '\x01')) == ChannelNameError::too_long);
    CHECK(check_channel_name("$\x01") == ChannelNameError::reserved);
    CHECK(check_channel_name("$") == ChannelNameError::reserved);
    CHECK(check_channel_name("a\x01") == ChannelNameError::invalid_characters);
}

TEST_CASE("each byte is judged alike at every place of names of every length",
          "[protocol][channel]") {
    std::size_t wrong = 0;
    for (std::size_t size = 1; size <= 26; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (unsigned byte = 0; byte < 256; ++byte) {
                std::string name(size, '~');
                name[at] = static_cast<char>(byte);
                const bool is_good = byte >= 0x20 && byte <= 0x7e && !(at == 0 && byte == '$');
                if (is_valid_channel_name(name) != is_good) ++wrong;
            }
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("two bad bytes do not hide each other", "[protocol][channel]") {
    std::size_t wrong = 0;
    for (unsigned first = 0; first < 256; ++first) {
        for (unsigned second = 0; second < 256; ++second) {
            const std::string name{
                'a', 'b', 'c', static_cast<char>(first), static_cast<char>(second), 'd', 'e', 'f'};
            const auto is_good = [](unsigned byte) { return byte >= 0x20 && byte <= 0x7e; };
            if (is_valid_channel_name(name) != (is_good(first) && is_good(second))) ++wrong;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("the texts of refused names are those clients know", "[protocol][channel]") {
    CHECK(text::invalid_channel(ChannelNameError::empty) ==
          "Invalid channel name: Channel name cannot be empty");
    CHECK(text::invalid_channel(ChannelNameError::too_long) ==
          "Invalid channel name: Channel name too long");
    CHECK(text::invalid_channel(ChannelNameError::reserved) ==
          "Invalid channel name: Channel names starting with '$' are reserved");
    CHECK(text::invalid_channel(ChannelNameError::invalid_characters) ==
          "Invalid channel name: Channel name contains invalid characters");
    for (const auto error : {ChannelNameError::empty, ChannelNameError::too_long,
                             ChannelNameError::reserved, ChannelNameError::invalid_characters}) {
        CHECK(text::invalid_channel(error) ==
              "Invalid channel name: " + std::string(to_string(error)));
    }
}
