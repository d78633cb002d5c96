#include "src/base/time.h"

#include <catch2/catch.hpp>

#include <random>

namespace larder::base {
namespace {

using std::chrono::milliseconds;

// 2026-11-03T11:27:04.567Z; `date -u -d @1793705224` says so too.
constexpr WallTime kMoment{1'793'705'224'567};
constexpr WallTime kSecond{1'793'705'224'000};

TEST_CASE("the texts of one moment", "[time]") {
    CHECK(format_http_date(kMoment) == "Tue, 03 Nov 2026 11:27:04 GMT");
    CHECK(format_iso8601(kMoment) == "2026-11-03T11:27:04.567Z");
    CHECK(format_basic(kMoment) == "20261103T112704Z");
    CHECK(format_http_date({0}) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(format_iso8601({0}) == "1970-01-01T00:00:00.000Z");
    CHECK(format_iso8601({951'782'400'000}) == "2000-02-29T00:00:00.000Z");
    CHECK(format_iso8601({253'402'300'799'999}) == "9999-12-31T23:59:59.999Z");
    CHECK(format_iso8601({-1}) == "1969-12-31T23:59:59.999Z");
    CHECK(format_http_date({-1}) == "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST_CASE("each of HTTP's three forms is read", "[time]") {
    CHECK(parse_http_date("Tue, 03 Nov 2026 11:27:04 GMT") == kSecond);
    CHECK(parse_http_date("Tuesday, 03-Nov-26 11:27:04 GMT") == kSecond);
    CHECK(parse_http_date("Tue Nov  3 11:27:04 2026") == kSecond);
    CHECK(parse_http_date("Sun Nov 06 08:49:37 1994") == WallTime{784'111'777'000});
    CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == WallTime{784'111'777'000});
    CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == WallTime{784'111'777'000});
}

TEST_CASE("what is no date of HTTP is refused", "[time]") {
    for (const char* text : {"",
                             "Tue",
                             "Tue, 03 Nov 2026 11:27:04",
                             "Tue, 03 Nov 2026 11:27:04 UTC",
                             "Tue, 03 Nov 2026 11:27:04 GMT ",
                             "Tue, 3 Nov 2026 11:27:04 GMT",
                             "Tue, 03 nov 2026 11:27:04 GMT",
                             "Tue, 31 Nov 2026 11:27:04 GMT",
                             "Tue, 29 Feb 2026 11:27:04 GMT",
                             "Tue, 00 Nov 2026 11:27:04 GMT",
                             "Tue, 03 Nov 2026 24:00:00 GMT",
                             "Tue, 03 Nov 2026 11:60:04 GMT",
                             "Tue, 03 Nov 2026 11:27:61 GMT",
                             "Tue, 03 Nov 2026 11:27 GMT",
                             "Tue,03 Nov 2026 11:27:04 GMT",
                             "03 Nov 2026 11:27:04 GMT",
                             "2026-11-03T11:27:04Z",
                             "1793705224",
                             "Tuesday, 03-Nov-2026 11:27:04 GMT",
                             "Tue Nov 3 11:27:04 2026",
                             "Tue Nov  3 11:27:04 26"}) {
        INFO(text);
        CHECK_FALSE(parse_http_date(text));
    }
}

TEST_CASE("ISO 8601 with fractions and offsets", "[time]") {
    CHECK(parse_iso8601("2026-11-03T11:27:04.567Z") == kMoment);
    CHECK(parse_iso8601("2026-11-03T11:27:04Z") == kSecond);
    CHECK(parse_iso8601("2026-11-03T11:27:04.5Z") == WallTime{kSecond.ms + 500});
    CHECK(parse_iso8601("2026-11-03T11:27:04.56Z") == WallTime{kSecond.ms + 560});
    CHECK(parse_iso8601("2026-11-03T11:27:04.567999999Z") == kMoment);
    CHECK(parse_iso8601("2026-11-03T13:27:04+02:00") == kSecond);
    CHECK(parse_iso8601("2026-11-03T13:27:04+0200") == kSecond);
    CHECK(parse_iso8601("2026-11-02T22:57:04.567-12:30") == kMoment);
    CHECK(parse_iso8601("2026-11-03T11:27:04-00:00") == kSecond);
    CHECK(parse_iso8601("2024-02-29T00:00:00Z") == WallTime{1'709'164'800'000});
}

TEST_CASE("what is not ISO 8601 is refused", "[time]") {
    for (const char* text : {"",
                             "2026",
                             "2026-11-03",
                             "2026-11-03T11:27:04",
                             "2026-11-03 11:27:04Z",
                             "2026-11-03T11:27:04z",
                             "2026-11-03T11:27Z",
                             "2026-13-03T11:27:04Z",
                             "2026-00-03T11:27:04Z",
                             "2026-11-00T11:27:04Z",
                             "2026-02-30T11:27:04Z",
                             "2026-11-03T24:00:00Z",
                             "2026-11-03T11:60:00Z",
                             "2026-11-03T11:27:61Z",
                             "2026-11-03T11:27:04ZZ",
                             "2026-11-03T11:27:04Z ",
                             " 2026-11-03T11:27:04Z",
                             "2026-1-03T11:27:04Z",
                             "2026-11-03T11:27:04+2:00",
                             "2026-11-03T11:27:04+02",
                             "2026-11-03T11:27:04+-2:00",
                             "20261103T112704Z",
                             "2026-11-03T11:27:04.Z",
                             "2026-11-03T11:27:04+24:00",
                             "2026-11-03T11:27:04-02:60"}) {
        INFO(text);
        CHECK_FALSE(parse_iso8601(text));
    }
}

TEST_CASE("the basic form of signatures", "[time]") {
    CHECK(parse_basic("20261103T112704Z") == kSecond);
    for (const char* text : {"", "20261103", "20261103T112704", "20261103T112704z", "20261103T112704Z0",
                             "20261303T112704Z", "20260229T000000Z", "20261103T240000Z", "2026-11-03T11:27:04Z",
                             "2026110 T112704Z", "+0261103T112704Z", "20261103T11270Z"}) {
        INFO(text);
        CHECK_FALSE(parse_basic(text));
    }
}

TEST_CASE("texts of random moments give the moments back", "[time]") {
    std::mt19937_64 random(3);
    for (int i = 0; i < 20'000; ++i) {
        const WallTime moment{static_cast<std::int64_t>(random() % 253'402'300'800'000ull)};
        const WallTime second{moment.ms - moment.ms % 1000};
        INFO(moment.ms);
        REQUIRE(parse_iso8601(format_iso8601(moment)) == moment);
        REQUIRE(parse_http_date(format_http_date(moment)) == second);
        REQUIRE(parse_basic(format_basic(moment)) == second);
    }
}

TEST_CASE("hybrid time keeps milliseconds above the counter", "[time]") {
    CHECK(make_hybrid(1, 0) == 0x10000);
    CHECK(make_hybrid(0x123456789abc, 0xdef0) == 0x123456789abcdef0ull);
    CHECK(hybrid_ms(0x123456789abcdef0ull) == 0x123456789abc);
    CHECK(make_hybrid(7, UINT16_MAX) < make_hybrid(8, 0));
}

TEST_CASE("instants and durations", "[time]") {
    const Instant start{5};
    CHECK((start + milliseconds(2)).ns == 2'000'005);
    CHECK((start + milliseconds(2)) - start == milliseconds(2));
    CHECK(start - (start + milliseconds(2)) == -milliseconds(2));
    CHECK(start < start + Duration(1));
    CHECK(kMoment.seconds() == 1'793'705'224);
}

}  // namespace
}  // namespace larder::base
