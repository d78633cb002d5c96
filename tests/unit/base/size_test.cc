#include "src/base/size.h"

#include <catch2/catch.hpp>

namespace larder::base {
namespace {

TEST_CASE("sizes are read as people write them", "[size]") {
    CHECK(parse_size("0") == 0);
    CHECK(parse_size("512") == 512);
    CHECK(parse_size("10MB") == 10'000'000);
    CHECK(parse_size("1.5 GiB") == 3ull << 29);
    CHECK(parse_size("2TiB") == 2ull << 40);
    for (const auto* const wrong :
         {"", "GB", "-1", "ten", "10 apples", "10mb", "nan", "inf", "1e30", "99999999999TB"}) {
        CHECK_FALSE(parse_size(wrong));
    }
}

}  // namespace
}  // namespace larder::base
