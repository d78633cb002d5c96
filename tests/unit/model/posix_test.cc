// Conventions of POSIX attributes in user metadata: each as its own program writes it.
#include "replication/model/posix.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>

namespace larder::model {
namespace {

using engine::FileAttributes;
using engine::NamedValues;

TEST_CASE("each convention is read", "[posix]") {
    const auto aws = attributes_in({{"file-permissions", "0100640"},
                                    {"file-owner", "1000"},
                                    {"file-group", "100"},
                                    {"file-mtime", "1700000000123456789ns"},
                                    {"file-atime", "1700000001000000000ns"}});
    CHECK(aws.mode == 0100640u);
    CHECK(aws.uid == 1000u);
    CHECK(aws.gid == 100u);
    CHECK(aws.mtime_ns == 1'700'000'000'123'456'789);
    CHECK(aws.atime_ns == 1'700'000'001'000'000'000);
    const auto s3fs = attributes_in({{"mode", "33188"}, {"uid", "0"}, {"gid", "5"}, {"mtime", "1700000000"}});
    CHECK(s3fs.mode == 0100644u);
    CHECK(s3fs.uid == 0u);
    CHECK(s3fs.mtime_ns == 1'700'000'000'000'000'000);
    const auto rclone = attributes_in({{"mtime", "1700000000.5"}, {"mode", "100755"}});
    CHECK(rclone.mtime_ns == 1'700'000'000'500'000'000);
    CHECK(rclone.mode == 0100755u);
    CHECK(attributes_in({{"mode", "644"}}).mode == 0644u);
    CHECK(attributes_in({{"mode", "16877"}}).mode == 040755u);
    CHECK(attributes_in({{"mode", "40755"}}).mode == 040755u);
    CHECK(attributes_in({{"mode", "33261"}}).mode == 0100755u);
    CHECK(attributes_in({{"mode", "41471"}}).mode == 0120777u);
    const auto google = attributes_in({{"goog-reserved-posix-mode", "600"}, {"goog-reserved-file-mtime", "5"}});
    CHECK(google.mode == 0600u);
    CHECK(google.mtime_ns == 5'000'000'000);
    const auto s3cmd =
        attributes_in({{"s3cmd-attrs", "atime:1/ctime:2/gid:3/gname:x/mode:33188/mtime:4/uid:5/uname:y"}});
    CHECK(s3cmd.mode == 33188u);
    CHECK(s3cmd.gid == 3u);
    CHECK(s3cmd.uid == 5u);
    CHECK(s3cmd.mtime_ns == 4'000'000'000);
}

TEST_CASE("one convention goes before another, and nonsense counts as absent", "[posix]") {
    const auto both = attributes_in({{"mtime", "7"}, {"file-mtime", "5ns"}, {"s3cmd-attrs", "mtime:9"}});
    CHECK(both.mtime_ns == 5);
    for (const std::string wrong : {"", "x", "1e9", "99999999999999999999", "5.x", "5.-1", "-99999999999"}) {
        CHECK_FALSE(attributes_in({{"mtime", wrong}}).mtime_ns);
        CHECK_FALSE(attributes_in({{"file-mtime", wrong}}).mtime_ns);
        CHECK_FALSE(attributes_in({{"uid", wrong}}).uid);
    }
    CHECK_FALSE(attributes_in({{"file-permissions", "0999"}}).mode);
    CHECK_FALSE(attributes_in({{"file-permissions", "7777777"}}).mode);
    CHECK(attributes_in({{"mtime", "-1.5"}}).mtime_ns == -1'500'000'000);
    CHECK(attributes_in({{"mtime", "9223372035.999999999"}}).mtime_ns == 9'223'372'035'999'999'999);
    CHECK_FALSE(attributes_in({{"mtime", "9223372036"}}).mtime_ns);
    CHECK_FALSE(attributes_in({{"mtime", "15000000000"}}).mtime_ns);
    CHECK_FALSE(attributes_in({{"s3cmd-attrs", "mode:4000000000/mtime:15000000000"}}).mode);
    CHECK_FALSE(attributes_in({{"mode", "4000000000"}}).mode);
}

TEST_CASE("what was set here is told, and read back as it was", "[posix]") {
    FileAttributes set;
    set.mode = S_IFREG | 0600;
    set.uid = 7;
    set.mtime_ns = 1'700'000'000'000'000'001;
    const auto told = metadata_with(set, {{"mtime", "1"}, {"colour", "blue"}});
    CHECK(told == NamedValues{{"mtime", "1700000000.000000001"},
                              {"colour", "blue"},
                              {"file-permissions", "0100600"},
                              {"file-owner", "7"},
                              {"file-mtime", "1700000000000000001ns"}});
    CHECK(attributes_in(told) == set);
    CHECK(metadata_with({}, {{"a", "b"}}) == NamedValues{{"a", "b"}});
    Object object;
    object.properties.metadata = {{"mode", "33188"}, {"uid", "9"}};
    object.attributes.mode = S_IFREG | 0400;
    CHECK(attributes_of(object).mode == (S_IFREG | 0400u));
    CHECK(attributes_of(object).uid == 9u);
}

TEST_CASE("a row keeps what files add, and one without is as before", "[model]") {
    Object object;
    object.version = {1, 2, 3};
    const auto plain = encode_object(object);
    CHECK(plain[0] == 1);
    object.attributes.mode = 0644;
    object.attributes.xattrs = {{"user.a", "1"}};
    object.inode = 42;
    object.names = {"a", "b/c"};
    const auto bytes = encode_object(object);
    CHECK(bytes[0] == 2);
    const auto back = decode_object(bytes);
    REQUIRE(back);
    CHECK(back->attributes == object.attributes);
    CHECK(back->inode == 42);
    CHECK(back->names == object.names);
    CHECK_FALSE(back->link);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut)
        CHECK_FALSE(decode_object(std::string_view(bytes).substr(0, cut)));
    Object name;
    name.link = LinkId{{5}};
    CHECK(decode_object(encode_object(name))->link == name.link);
    CHECK(decode_summary(encode_object(name))->is_link);
}

}  // namespace
}  // namespace larder::model
