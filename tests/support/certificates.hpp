// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An authority of the test's own, and certificates that it signs, by the openssl tool.
#pragma once

#include "support/temp_dir.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace pulse::test {

class Authority {
  public:
    Authority() { run("-keyout ca.key -out ca.pem -subj /CN=ca"); }

    /// `names`: as subjectAltName has them, such as "DNS:localhost,IP:127.0.0.1".
    void sign(const std::string& file, const std::string& names) const {
        run("-CA ca.pem -CAkey ca.key -keyout " + file + ".key -out " + file + ".pem -subj /CN=" +
            file + " -addext subjectAltName=" + names + " -addext basicConstraints=CA:FALSE");
    }
    [[nodiscard]] std::string certificate(const std::string& file = "ca") const {
        return (directory_ / (file + ".pem")).string();
    }
    [[nodiscard]] std::string key(const std::string& file) const {
        return (directory_ / (file + ".key")).string();
    }

  private:
    void run(const std::string& arguments) const {
        const std::string command =
            "cd " + directory_.path().string() +
            " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 " +
            arguments + " 2>openssl.log";
        // A path without anything that a shell would take for its own.
        if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl: " + command);
    }

    TempDir directory_;
};

}  // namespace pulse::test
