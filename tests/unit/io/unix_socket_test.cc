// Who may use a socket, by the user database.
#include "src/io/unix_socket.h"

#include <catch2/catch.hpp>

#include <pwd.h>
#include <unistd.h>

namespace larder::io {
namespace {

TEST_CASE("a user is a member of its own group and of no group that nobody has", "[unix_socket]") {
    const auto* self = ::getpwuid(::getuid());
    REQUIRE(self != nullptr);
    CHECK(is_member(self->pw_uid, self->pw_gid));
    CHECK_FALSE(is_member(self->pw_uid, 4'000'000'007u));
}

TEST_CASE("a user the database does not know is a member of nothing", "[unix_socket]") {
    CHECK_FALSE(is_member(4'000'000'007u, 4'000'000'007u));
    CHECK_FALSE(is_member(4'000'000'007u, ::getgid()));
}

}  // namespace
}  // namespace larder::io
