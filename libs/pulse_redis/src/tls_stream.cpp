// SPDX-License-Identifier: MIT OR Apache-2.0
//
// TLS 1.2 or later by OpenSSL. The server's certificate has to be good, and for the name that was
// connected to.
#include "stream.hpp"

#include <utility>

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/error.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/write.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace pulse::redis {

namespace {

namespace ssl = asio::ssl;

class TlsStream final : public Stream {
  public:
    TlsStream(asio::io_context& io, ssl::context& context) : Stream(io), tls_(socket_, context) {}

    /// Whom the other end has to be, by name or by address.
    [[nodiscard]] bool expect(const std::string& name) {
        SSL* const handle = tls_.native_handle();
        asio::error_code not_an_address;
        asio::ip::make_address(name, not_an_address);
        if (!not_an_address) {
            return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), name.c_str()) == 1;
        }
        SSL_set_hostflags(handle, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        return SSL_set_tlsext_host_name(handle, name.c_str()) == 1 &&
               SSL_set1_host(handle, name.c_str()) == 1;
    }

    void greet(Done done) override {
        tls_.async_handshake(ssl::stream_base::client,
                             [self = shared_from_this(), done = std::move(done)](
                                 const asio::error_code& error) { done(error); });
    }
    void read(asio::mutable_buffer into, Moved done) override {
        tls_.async_read_some(
            into, [self = shared_from_this(), done = std::move(done)](
                      const asio::error_code& error, std::size_t bytes) { done(error, bytes); });
    }
    void write(asio::const_buffer bytes, Moved done) override {
        asio::async_write(tls_, bytes,
                          [self = shared_from_this(), done = std::move(done)](
                              const asio::error_code& error, std::size_t n) { done(error, n); });
    }
    void write_now(asio::const_buffer bytes) override {
        asio::error_code ignored;
        socket_.non_blocking(true, ignored);
        asio::write(tls_, bytes, ignored);
    }
    [[nodiscard]] std::string explain(const asio::error_code& error) const override {
        const bool is_of_tls = error.category() == asio::error::get_ssl_category() ||
                               error.category() == ssl::error::get_stream_category();
        if (!is_of_tls) return error.message();
        std::string text = "TLS: " + error.message();
        // The handle is asked, and not changed.
        const long verified = SSL_get_verify_result(const_cast<Tls&>(tls_).native_handle());
        if (verified != X509_V_OK)
            text.append(": ").append(X509_verify_cert_error_string(verified));
        return text;
    }

  private:
    using Tls = ssl::stream<asio::generic::stream_protocol::socket&>;
    Tls tls_;
};

}  // namespace

std::shared_ptr<Stream> make_tls_stream(asio::io_context& io, const Address& address,
                                        std::string& problem) {
    const TlsOptions& options = *address.tls;
    ssl::context context(ssl::context::tls_client);
    const auto check = [&problem](const char* what, const std::string& file,
                                  const asio::error_code& error) {
        if (error) problem = "TLS: " + std::string(what) + " " + file + ": " + error.message();
        return !error;
    };
    asio::error_code error;
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    context.set_verify_mode(ssl::verify_peer, error);
    if (!check("verification", "", error)) return nullptr;
    if (options.ca_file.empty()) {
        context.set_default_verify_paths(error);
        if (!check("certificates of the system", "", error)) return nullptr;
    } else {
        context.load_verify_file(options.ca_file, error);
        if (!check("cafile", options.ca_file, error)) return nullptr;
    }
    if (!options.certificate_file.empty()) {
        // Without one OpenSSL asks for a password on the terminal.
        context.set_password_callback(
            [](std::size_t, ssl::context::password_purpose) { return std::string(); }, error);
        context.use_certificate_chain_file(options.certificate_file, error);
        if (!check("certfile", options.certificate_file, error)) return nullptr;
        const std::string& key =
            options.key_file.empty() ? options.certificate_file : options.key_file;
        context.use_private_key_file(key, ssl::context::pem, error);
        if (!check("keyfile", key, error)) return nullptr;
    }
    auto stream = std::make_shared<TlsStream>(io, context);
    const std::string& name = options.name.empty() ? address.host : options.name;
    if (!stream->expect(name)) {
        problem = "TLS: not a name that can be verified: " + name;
        return nullptr;
    }
    return stream;
}

}  // namespace pulse::redis
