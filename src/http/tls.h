// TLS for accepted connections (OpenSSL): 1.2 and later, forward secret ciphers, HTTP/1.1 by ALPN.
#pragma once

#include "src/base/error.h"
#include "src/http/stream.h"

#include <memory>
#include <string>

namespace larder::http {

// A certificate and its key, ready to use.
class TlsContext {
 public:
    // PEM files: the chain, the server's own certificate first, and its key. Blocking, some milliseconds. The message
    // of an error names the file and what is wrong with it.
    static base::Result<std::unique_ptr<TlsContext>> load(const std::string& certificate_file,
                                                          const std::string& key_file);
    ~TlsContext();

    // Whether the files are others than when they were loaded, or than at the last call.
    bool files_changed();

    // The descriptor stays with the caller and outlives the stream; the context may go before it.
    std::unique_ptr<Stream> make_stream(int descriptor);

 private:
    struct Impl;

    explicit TlsContext(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::http
