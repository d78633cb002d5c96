// Who a node is: an Ed25519 key pair. The public half is its id; the private half stays in its data folder.
// (OpenSSL underneath; its headers stay in node_key.cc, tls.cc and tls_transport.cc.)
#pragma once

#include "src/base/error.h"
#include "src/base/id.h"
#include "src/io/disk.h"
#include "src/io/random.h"

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace larder::rpc {

// An immutable value; copies share the key. Any thread.
class NodeKey {
 public:
    // The key whose private half is these 32 bytes (RFC 8032).
    static NodeKey from_seed(std::string_view seed);
    // Reads the key from the file `node.key` in the folder, or makes it there (PEM, PKCS #8, readable by its owner
    // alone). Blocking. Errors: those of the disk; corrupted when the file is no Ed25519 key.
    static base::Result<NodeKey> open(io::Disk& disk, io::Random& random, const std::string& folder);

    const base::NodeId& id() const { return id_; }
    // 64 bytes (RFC 8032).
    std::string sign(std::string_view message) const;

    // For TLS.
    evp_pkey_st* handle() const { return key_.get(); }

 private:
    explicit NodeKey(std::shared_ptr<evp_pkey_st> key);

    std::shared_ptr<evp_pkey_st> key_;
    base::NodeId id_;
};

// Whether the holder of the private half of `id` signed the message.
bool is_signed_by(const base::NodeId& id, std::string_view message, std::string_view signature);

}  // namespace larder::rpc
