// What is kept of a mount for the next login.
#include "fuse/at_login.h"

#include <catch2/catch.hpp>

#include <cstdlib>

namespace larder::fuse {
namespace {

TEST_CASE("settings of a mount at login are what systemd reads back", "[at_login]") {
    ::unsetenv("LARDER_SOCKET");
    MountCommand command;
    command.bucket = "photos";
    command.folder = R"(/home/ana/My "$HOME" \ photos)";
    CHECK(login_settings(command) ==
          "LARDER_FOLDER=\"/home/ana/My \\\"\\$HOME\\\" \\\\ photos\"\nLARDER_MOUNT_OPTIONS=\"\"\n");
    command.folder = "/home/ana/photos";
    command.given = {"--key", "LK1", "--read-only"};
    command.secret = "s3cret";
    ::setenv("LARDER_SOCKET", "/run/larder/admin.sock", 1);
    CHECK(login_settings(command) ==
          "LARDER_FOLDER=\"/home/ana/photos\"\nLARDER_MOUNT_OPTIONS=\"--key LK1 "
          "--read-only\"\nLARDER_SECRET=\"s3cret\"\n");
    ::setenv("LARDER_SOCKET", "/srv/larder/admin.sock", 1);
    CHECK(login_settings(command)->ends_with("LARDER_SOCKET=\"/srv/larder/admin.sock\"\n"));
    ::unsetenv("LARDER_SOCKET");
}

TEST_CASE("an option that the unit would split is refused", "[at_login]") {
    MountCommand command;
    command.folder = "/home/ana/photos";
    for (const std::string word : {"/a b/files.sock", "a\"b", "a'b", "a\\b", "a\nb"}) {
        command.given = {"--socket", word};
        CHECK(login_settings(command).error() == word);
    }
    command.given.clear();
    command.folder = "/home/ana/new\nline";
    CHECK_FALSE(login_settings(command));
}

}  // namespace
}  // namespace larder::fuse
