// The documents of S3 that clients send.
#include "s3/tags.h"
#include "s3/xml/messages.h"
#include "tests/unit/s3/harness.h"

namespace larder::s3 {

TEST_CASE("a Delete document names keys, exactly") {
    const auto message = parse_delete(
        "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet><Object><Key> a&amp;b "
        "</Key></Object>"
        "<Object><Key>&#1;x</Key><VersionId>null</VersionId><ETag>\"e\"</ETag><Size>5</Size>"
        "<LastModifiedTime>2026-11-03T11:27:04Z</LastModifiedTime></Object></Delete>");
    REQUIRE(code_of(message) == "success");
    CHECK(message->quiet);
    REQUIRE(message->objects.size() == 2);
    CHECK(message->objects[0].key == " a&b ");
    CHECK_FALSE(message->objects[0].version_id);
    CHECK(message->objects[1].key == "\x01x");
    CHECK(message->objects[1].version_id == "null");
    CHECK(message->objects[1].etag == "\"e\"");
    CHECK(message->objects[1].size == 5);
    CHECK(message->objects[1].last_modified == "2026-11-03T11:27:04Z");
}

TEST_CASE("a Delete document that could mean another key is refused") {
    const auto with = [](const std::string& object) { return "<Delete><Object>" + object + "</Object></Delete>"; };
    CHECK(code_of(parse_delete(with("<Key>a<!-- x -->b</Key>"))) == "success");
    CHECK(parse_delete(with("<Key>a<!-- x -->b<![CDATA[c]]></Key>"))->objects[0].key == "abc");
    for (const auto* object : {"", "<Key>a</Key><Key>b</Key>", "<Key>a<x/>b</Key>", "<Key>a&#0;b</Key>",
                               "<Key>a&x;b</Key>", "<Name>a</Name>", "<Key>a</Key><Other>1</Other>",
                               "<Key>a</Key><Size>x</Size>", "<Key>a</Key><Size>-1</Size>", "<Key>a</Key>text"}) {
        INFO(object);
        CHECK(code_of(parse_delete(with(object))) == "MalformedXML");
    }
    for (const auto* document :
         {"", "{}", "<Delete/>", "<Delete><Quiet>true</Quiet></Delete>", "<Remove/>",
          "<Delete><Object><Key>a</Key></Object>", "<Delete><Quiet/><Quiet/><Object><Key>a</Key></Object></Delete>",
          "<Delete><Object><Key>a</Key></Object></Delete><x/>"}) {
        INFO(document);
        CHECK(code_of(parse_delete(document)) == "MalformedXML");
    }
}

TEST_CASE("a Delete document names at most a thousand keys") {
    const auto of = [](int count) {
        std::string document = "<Delete>";
        for (int i = 0; i < count; ++i) document += "<Object><Key>" + std::to_string(i) + "</Key></Object>";
        return document + "</Delete>";
    };
    CHECK(parse_delete(of(1000))->objects.size() == 1000);
    CHECK(code_of(parse_delete(of(1001))) == "MalformedXML");
}

TEST_CASE("a completion lists parts with ETags and checksums") {
    const auto parts = parse_complete(
        "<CompleteMultipartUpload><Part><ETag>&quot;aa&quot;</ETag><PartNumber> 1 </PartNumber></Part>"
        "<Part><PartNumber>3</PartNumber><ETag>bb</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>"
        "</CompleteMultipartUpload>");
    REQUIRE(code_of(parts) == "success");
    REQUIRE(parts->size() == 2);
    CHECK((*parts)[0].number == 1);
    CHECK((*parts)[0].etag == "\"aa\"");
    CHECK((*parts)[1].number == 3);
    REQUIRE((*parts)[1].checksums.size() == 1);
    CHECK((*parts)[1].checksums[0].algorithm == engine::ChecksumAlgorithm::crc32);
    CHECK((*parts)[1].checksums[0].value == std::string(4, '\0'));
    for (const auto* part :
         {"", "<PartNumber>1</PartNumber>", "<ETag>a</ETag>", "<PartNumber>x</PartNumber><ETag>a</ETag>",
          "<PartNumber>1</PartNumber><PartNumber>2</PartNumber><ETag>a</ETag>",
          "<PartNumber>1</PartNumber><ETag>a</ETag><ETag>b</ETag>",
          "<PartNumber>1</PartNumber><ETag>a</ETag><ChecksumCRC32>?</ChecksumCRC32>",
          "<PartNumber>1</PartNumber><ETag>a</ETag><ChecksumXXHASH64>AAAAAAAAAAA=</ChecksumXXHASH64>",
          "<PartNumber>1</PartNumber><ETag>a</ETag><Size>1</Size>"}) {
        INFO(part);
        const auto document =
            "<CompleteMultipartUpload><Part>" + std::string(part) + "</Part></CompleteMultipartUpload>";
        CHECK(code_of(parse_complete(document)) == "MalformedXML");
    }
    CHECK(code_of(parse_complete("<CompleteMultipartUpload/>")) == "MalformedXML");
    CHECK(code_of(parse_complete("")) == "MalformedXML");
}

TEST_CASE("a completion lists at most ten thousand parts") {
    const auto of = [](int count) {
        std::string document = "<CompleteMultipartUpload>";
        for (int i = 1; i <= count; ++i) {
            document += "<Part><PartNumber>" + std::to_string(i) +
                        "</PartNumber><ETag>00000000000000000000000000000000" + "</ETag></Part>";
        }
        return document + "</CompleteMultipartUpload>";
    };
    CHECK(parse_complete(of(10000))->size() == 10000);
    CHECK(code_of(parse_complete(of(10001))) == "MalformedXML");
}

TEST_CASE("a new bucket may say where it is") {
    CHECK(parse_create_bucket("<CreateBucketConfiguration><LocationConstraint> home\n</LocationConstraint>"
                              "</CreateBucketConfiguration>") == "home");
    CHECK(parse_create_bucket("<CreateBucketConfiguration/>") == "");
    CHECK(code_of(parse_create_bucket("<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>")) ==
          "NotImplemented");
    CHECK(code_of(parse_create_bucket("<CreateBucketConfiguration><What/></CreateBucketConfiguration>")) ==
          "MalformedXML");
    CHECK(code_of(parse_create_bucket("<LocationConstraint>home</LocationConstraint>")) == "MalformedXML");
}

TEST_CASE("CORS rules") {
    const auto rules = parse_cors(
        "<CORSConfiguration><CORSRule><ID>a</ID><AllowedOrigin>https://*.example.org</AllowedOrigin>"
        "<AllowedOrigin>http://x</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedHeader>*</AllowedHeader>"
        "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>");
    REQUIRE(code_of(rules) == "success");
    REQUIRE(rules->size() == 1);
    const auto& rule = rules->front();
    CHECK(rule.id == "a");
    CHECK(rule.origins == std::vector<std::string>{"https://*.example.org", "http://x"});
    CHECK(rule.methods == std::vector<std::string>{"GET"});
    CHECK(rule.headers == std::vector<std::string>{"*"});
    CHECK(rule.expose == std::vector<std::string>{"ETag"});
    CHECK(rule.max_age == 60);

    const auto with = [](const std::string& inner) {
        return "<CORSConfiguration><CORSRule>" + inner + "</CORSRule></CORSConfiguration>";
    };
    const std::string origin = "<AllowedOrigin>*</AllowedOrigin>";
    const std::string method = "<AllowedMethod>PUT</AllowedMethod>";
    CHECK(code_of(parse_cors(with(origin + method))) == "success");
    for (const auto& inner : {std::string(), origin, method, origin + method + "<MaxAgeSeconds>x</MaxAgeSeconds>",
                              origin + method + "<MaxAgeSeconds>-1</MaxAgeSeconds>", origin + method + "<Other/>",
                              origin + method + "<ID><x/></ID>"}) {
        CHECK(code_of(parse_cors(with(inner))) == "MalformedXML");
    }
    CHECK(code_of(parse_cors(with(origin + "<AllowedMethod>PATCH</AllowedMethod>"))) == "InvalidRequest");
    CHECK(code_of(parse_cors(with("<AllowedOrigin>*.*</AllowedOrigin>" + method))) == "InvalidRequest");
    CHECK(code_of(parse_cors(with(origin + method + "<AllowedHeader>x-*-*</AllowedHeader>"))) == "InvalidRequest");
    CHECK(code_of(parse_cors("<CORSConfiguration/>")) == "MalformedXML");
    std::string many = "<CORSConfiguration>";
    for (int i = 0; i < 101; ++i) many += "<CORSRule>" + origin + method + "</CORSRule>";
    CHECK(code_of(parse_cors(many + "</CORSConfiguration>")) == "MalformedXML");
}

TEST_CASE("tags") {
    const auto with = [](const std::string& key, const std::string& value) {
        return "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>";
    };
    const auto parse = [](const std::string& tags, std::size_t most = 10) {
        return parse_tagging("<Tagging><TagSet>" + tags + "</TagSet></Tagging>", most);
    };
    const auto tags = parse(with("a", "1") + with("b", ""));
    REQUIRE(code_of(tags) == "success");
    CHECK(*tags == engine::NamedValues{{"a", "1"}, {"b", ""}});
    CHECK(parse("")->empty());
    CHECK(code_of(parse(with("a", "1") + with("a", "2"))) == "InvalidTag");
    CHECK(code_of(parse(with("", "1"))) == "InvalidTag");
    CHECK(code_of(parse(with(std::string(128, 'k'), std::string(256, 'v')))) == "success");
    CHECK(code_of(parse(with(std::string(129, 'k'), ""))) == "InvalidTag");
    CHECK(code_of(parse(with("k", std::string(257, 'v')))) == "InvalidTag");
    // Lengths are those of UTF-16: a letter with an accent is one, an emoji two.
    std::string accents, emoji;
    for (int i = 0; i < 128; ++i) accents += "é";
    for (int i = 0; i < 65; ++i) emoji += "🎉";
    CHECK(code_of(parse(with(accents, ""))) == "success");
    CHECK(code_of(parse(with(emoji, ""))) == "InvalidTag");
    CHECK(code_of(parse(with("a", "") + with("b", "") + with("c", ""), 3)) == "success");
    CHECK(code_of(parse(with("a", "") + with("b", "") + with("c", ""), 2)) == "InvalidTag");
    for (const auto* document :
         {"", "<Tagging/>", "<Tagging><TagSet/><TagSet/></Tagging>", "<Tagging><Tag/></Tagging>",
          "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
          "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value><Value>2</Value></Tag></TagSet></Tagging>"}) {
        INFO(document);
        CHECK(code_of(parse_tagging(document, 10)) == "MalformedXML");
    }
}

TEST_CASE("versioning documents") {
    const auto parse = [](const std::string& inner) {
        return parse_versioning("<VersioningConfiguration>" + inner + "</VersioningConfiguration>");
    };
    CHECK(parse("<Status>Enabled</Status>") == "Enabled");
    CHECK(parse("<Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>") == "Suspended");
    CHECK(code_of(parse("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>")) == "NotImplemented");
    for (const auto* inner :
         {"", "<Status/>", "<Status>On</Status>", "<Status>Enabled</Status><Status>Enabled</Status>"}) {
        CHECK(code_of(parse(inner)) == "MalformedXML");
    }
}

TEST_CASE("tags obey one rule, whether they come as a header or as a document") {
    const auto wide = [](std::size_t units) {
        std::string out;
        while (units-- > 0) out += "\xc3\xbc";
        return out;
    };
    CHECK(check_tags({{wide(128), wide(256)}}, 10));
    for (const auto& tags : std::vector<engine::NamedValues>{{{"", "v"}},
                                                             {{wide(129), "v"}},
                                                             {{"n", wide(257)}},
                                                             {{"n", std::string("\0", 1)}},
                                                             {{"\xff", "v"}},
                                                             {{"n", "1"}, {"m", "2"}, {"n", "3"}}}) {
        CHECK(check_tags(tags, 10).error().code == "InvalidTag");
    }
    CHECK(check_tags({{"a", ""}, {"b", ""}}, 2));
    CHECK(check_tags({{"a", ""}, {"b", ""}}, 1).error().code == "InvalidTag");
}

}  // namespace larder::s3
