// Uploads by HTML form: the multipart body, and the policy that says what it may hold.
#include "s3/auth/post_policy.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "tests/unit/s3/harness.h"
#include "tests/unit/s3/signer.h"

namespace larder::s3 {

namespace {

const Signer kSigner;
const base::WallTime kNow = *base::parse_basic("20261103T112704Z");
constexpr std::string_view kType = "multipart/form-data; boundary=xyz";

std::optional<std::string> secret(std::string_view key_id) {
    return key_id == kSigner.key_id ? std::optional(kSigner.secret) : std::nullopt;
}

std::string part(const std::string& name, const std::string& value) {
    return "--xyz\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
}
std::string file(const std::string& content, const std::string& name = "photo.jpg") {
    return "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name +
           "\"\r\nContent-Type: image/jpeg\r\n\r\n" + content + "\r\n--xyz--\r\n";
}

struct Upload {
    S3Result<PostForm> form;
    S3Result<std::string> content = std::string();
};

io::Task<Upload> read_upload(FormReader& reader, std::size_t piece) {
    Upload out{co_await reader.read_fields()};
    if (!out.form) co_return out;
    std::string buffer(piece, '\0');
    for (;;) {
        const auto got = co_await reader.read_file({reinterpret_cast<std::byte*>(buffer.data()), buffer.size()});
        if (!got) out.content = std::unexpected(got.error());
        if (!got || *got == 0) co_return out;
        out.content->append(buffer, 0, *got);
    }
}

Upload read_form(const std::string& body, std::size_t step = SIZE_MAX, std::size_t piece = 65536,
                 std::string type = std::string(kType)) {
    test::World world;
    FakeExchange exchange({}, body, step);
    FormReader reader(exchange, std::move(type));
    return world.run(read_upload(reader, piece));
}

}  // namespace

TEST_CASE("a form is its fields and its file") {
    const std::string content = "line\r\n--xy\r\n--\r\nend\r";
    const auto body =
        part("Key", "user/${filename}") + part("empty", "") + part("x-amz-meta-ü", "a\r\nb") + file(content);
    for (const std::size_t step : {1u, 2u, 3u, 7u, 100000u}) {
        for (const std::size_t piece : {1u, 5u, 65536u}) {
            const auto upload = read_form(body, step, piece);
            REQUIRE(code_of(upload.form) == "success");
            CHECK(upload.form->file_name == "photo.jpg");
            CHECK(upload.form->field("key") == "user/photo.jpg");
            CHECK(upload.form->field("empty") == "");
            CHECK(upload.form->field("x-amz-meta-ü") == "a\r\nb");
            CHECK_FALSE(upload.form->field("file"));
            CHECK(upload.content == content);
        }
    }
}

TEST_CASE("files of any size are read through") {
    for (const std::size_t size : {0u, 1u, 65535u, 65536u, 200000u}) {
        std::string content(size, '\r');
        for (std::size_t i = 0; i < size; i += 3) content[i] = '\n';
        const auto upload = read_form(part("key", "k") + file(content), 4096, 10000);
        REQUIRE(code_of(upload.content) == "success");
        CHECK((*upload.content == content));
    }
}

TEST_CASE("what stands before and behind the form is no matter") {
    CHECK(read_form("preamble\r\n" + part("key", "k") + file("x") + "epilogue").content == "x");
    CHECK(read_form(part("key", "k") + file("x") + part("key", "other")).form->field("key") == "k");
    CHECK(read_form("--xyz \t\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--xyz--").content == "x");
}

TEST_CASE("malformed forms are refused") {
    for (const auto* type : {"", "text/plain", "multipart/form-data", "multipart/form-data; boundary=",
                             "multipart/mixed; boundary=xyz", "multipart/form-data; boundary=\"xyz"}) {
        INFO(type);
        CHECK(code_of(read_form(file("x"), SIZE_MAX, 100, type).form) == "MalformedPOSTRequest");
    }
    CHECK(read_form(file("x"), SIZE_MAX, 100, "Multipart/Form-Data; charset=utf-8; Boundary=\"xyz\"").content == "x");
    for (const auto& body :
         {std::string(), std::string("--xyz"), std::string("--xyz\r\n\r\nvalue\r\n--xyz--\r\n"), part("key", "k"),
          std::string("--xyz\r\nContent-Disposition: form-data\r\n\r\nv\r\n--xyz--"),
          std::string("--xyz\r\nno colon\r\n\r\nv\r\n--xyz--"), std::string("--xyzzy\r\n") + file("x")}) {
        INFO(body);
        CHECK(code_of(read_form(body).form) == "MalformedPOSTRequest");
    }
    CHECK(code_of(read_form(part("key", "k") + "--xyz--\r\n").form) == "InvalidArgument");
    CHECK(code_of(read_form(part("key", "k") + "--xyz\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--xy")
                      .content) == "IncompleteBody");
}

TEST_CASE("a field given twice is refused: a policy speaks of one value") {
    CHECK(code_of(read_form(part("Content-Type", "image/png") + part("content-type", "text/html") + file("x")).form) ==
          "InvalidArgument");
}

TEST_CASE("forms are bounded") {
    CHECK(code_of(read_form(part("a", std::string(70000, 'x')) + file("x")).form) == "MaxPostPreDataLengthExceeded");
    CHECK(
        code_of(read_form(part("a", std::string(40000, 'x')) + part("b", std::string(40000, 'x')) + file("x")).form) ==
        "MaxPostPreDataLengthExceeded");
    CHECK(code_of(read_form("--xyz\r\nx: " + std::string(70000, 'x')).form) == "MaxPostPreDataLengthExceeded");
    // A short form that asks for a long file name many times would grow a thousandfold.
    std::string names;
    for (int i = 0; i < 1000; ++i) names += "${filename}";
    CHECK(code_of(read_form(part("a", names) + file("x", std::string(60, 'n'))).form) == "success");
    CHECK(code_of(read_form(part("a", names) + file("x", std::string(70, 'n'))).form) ==
          "MaxPostPreDataLengthExceeded");
    std::string many;
    for (int i = 0; i < 110; ++i) many += part("f" + std::to_string(i), "");
    CHECK(code_of(read_form(many + file("x")).form) == "MalformedPOSTRequest");
}

TEST_CASE("dispositions") {
    const auto plain = parse_disposition(" form-data; name=\"a b\"; filename=\"c;name=d.txt\"");
    REQUIRE(plain);
    CHECK(plain->name == "a b");
    CHECK(plain->file_name == "c;name=d.txt");
    CHECK(parse_disposition("FORM-DATA;NAME=key")->name == "key");
    CHECK(parse_disposition("form-data; filename=\"x; name=evil\"; name=\"file\"")->name == "file");
    CHECK(parse_disposition("form-data; name=\"a\\\"b\\c\"")->name == "a\"b\\c");
    CHECK(parse_disposition("form-data; name=\"\"")->name.empty());
    for (const auto* bad : {"", "form-data", "attachment; name=x", "form-data; filename=x", "form-data; name=\"x",
                            "form-data; name", "form-data; name=\"x\" y"}) {
        CHECK_FALSE(parse_disposition(bad));
    }
    CHECK(read_form(file("x", "C:\\folder\\a.txt")).form->file_name == "a.txt");
    CHECK(read_form(file("x", "/etc/passwd")).form->file_name == "passwd");
}

namespace {

// A form under a policy, as its makers write it.
struct Signed {
    std::string expiration = "2026-11-03T12:00:00Z";
    std::string conditions =
        R"({"bucket": "home"}, ["starts-with", "$key", "user/"], ["content-length-range", 1, 100])";
    HeaderList fields = {{"key", "user/a"}};
    Signer signer = kSigner;

    PostForm form() const {
        const auto text = R"({"expiration": ")" + expiration + R"(", "conditions": [)" + conditions +
                          R"(, ["starts-with", "$x-amz-credential", ""], {"x-amz-algorithm": "AWS4-HMAC-SHA256"}, )" +
                          R"(["starts-with", "$x-amz-date", ""]]})";
        return with_policy(base::base64_encode(text));
    }
    PostForm with_policy(const std::string& policy) const {
        PostForm form;
        form.fields = fields;
        form.fields.emplace_back("policy", policy);
        form.fields.emplace_back("x-amz-algorithm", "AWS4-HMAC-SHA256");
        form.fields.emplace_back("x-amz-credential", signer.key_id + "/" + signer.scope());
        form.fields.emplace_back("x-amz-date", signer.date);
        form.fields.emplace_back("x-amz-signature", signer.hmac(policy));
        return form;
    }
};

S3Result<PostGrant> judge(const PostForm& form, std::string_view bucket = "home") {
    return check_policy(form, bucket, form.field("key").value_or(""), secret, {"home", kNow});
}
std::string with_conditions(std::string conditions, HeaderList fields = {{"key", "user/a"}}) {
    Signed made;
    made.conditions = std::move(conditions);
    made.fields = std::move(fields);
    return code_of(judge(made.form()));
}
PostForm without(PostForm form, std::string_view name) {
    std::erase_if(form.fields, [name](const auto& field) { return field.first == name; });
    return form;
}
PostForm changed(PostForm form, std::string_view name, std::string value) {
    for (auto& [given, present] : form.fields) {
        if (given == name) present = value;
    }
    return form;
}

}  // namespace

TEST_CASE("a form under a policy tells who signed it, and how much it may hold") {
    const auto grant = judge(Signed().form());
    REQUIRE(code_of(grant) == "success");
    CHECK(grant->who.key_id == kSigner.key_id);
    CHECK_FALSE(grant->who.anonymous);
    CHECK(grant->length.least == 1);
    CHECK(grant->length.most == 100);
    PostForm bare;
    bare.fields = {{"key", "k"}};
    CHECK(judge(bare)->who.anonymous);
}

TEST_CASE("the policy's signature") {
    const auto good = Signed().form();
    CHECK(code_of(judge(changed(good, "x-amz-signature", std::string(64, '0')))) == "SignatureDoesNotMatch");
    CHECK(code_of(judge(changed(good, "policy", base::base64_encode("{}")))) == "SignatureDoesNotMatch");
    Signed other;
    other.signer.key_id = "GKunknown";
    CHECK(code_of(judge(other.form())) == "InvalidAccessKeyId");
    for (const auto* name : {"x-amz-signature", "x-amz-credential", "x-amz-date", "x-amz-algorithm"}) {
        CHECK(code_of(judge(without(good, name))) == "InvalidArgument");
    }
    CHECK(code_of(judge(changed(good, "x-amz-algorithm", "AWS4-HMAC-SHA512"))) == "InvalidArgument");
    CHECK(code_of(judge(changed(good, "x-amz-credential", "x"))) == "InvalidArgument");
    auto tokened = good;
    tokened.fields.emplace_back("x-amz-security-token", "t");
    CHECK(code_of(judge(tokened)) == "InvalidToken");
}

TEST_CASE("the policy's scope is judged like a request's") {
    Signed other;
    other.signer.region = "eu-west-3";
    const auto refused = judge(other.form());
    CHECK(code_of(refused) == "AuthorizationHeaderMalformed");
    CHECK(extra(refused.error(), "Region") == "home");
    other.signer.region = "us-east-1";
    CHECK(code_of(judge(other.form())) == "success");
    other.signer.scope_date = "20261101";
    CHECK(code_of(judge(other.form())) == "AuthorizationHeaderMalformed");
    other = {};
    other.signer.service = "sts";
    CHECK(code_of(judge(other.form())) == "AuthorizationHeaderMalformed");
}

TEST_CASE("the older signature of a policy") {
    Signed made;
    const auto policy = std::string(*made.form().field("policy"));
    PostForm form;
    form.fields = {{"key", "user/a"},
                   {"policy", policy},
                   {"awsaccesskeyid", kSigner.key_id},
                   {"signature", base::base64_encode(base::hmac_sha1(kSigner.secret, policy))}};
    // Its conditions on x-amz-algorithm do not hold for this form.
    CHECK(code_of(judge(form)) == "AccessDenied");
    const auto plain =
        base::base64_encode(R"({"expiration": "2026-11-03T12:00:00Z", "conditions": [{"bucket": "home"},)"
                            R"({"key": "user/a"}]})");
    form = changed(changed(form, "policy", plain), "signature",
                   base::base64_encode(base::hmac_sha1(kSigner.secret, plain)));
    REQUIRE(code_of(judge(form)) == "success");
    CHECK(judge(form)->who.key_id == kSigner.key_id);
    CHECK(code_of(judge(changed(form, "signature", base::base64_encode(base::hmac_sha1("x", plain))))) ==
          "SignatureDoesNotMatch");
    CHECK(code_of(judge(changed(form, "signature", ""))) == "SignatureDoesNotMatch");
    CHECK(code_of(judge(without(form, "signature"))) == "InvalidArgument");
    CHECK(code_of(judge(changed(form, "awsaccesskeyid", "GKunknown"))) == "InvalidAccessKeyId");
}

TEST_CASE("a policy expires") {
    Signed made;
    made.expiration = "2026-11-03T11:27:05Z";
    CHECK(code_of(judge(made.form())) == "success");
    made.expiration = "2026-11-03T11:27:04.000Z";
    CHECK(code_of(judge(made.form())) == "AccessDenied");
    for (const auto* bad : {"", "tomorrow", "2026-11-03", "1793705225"}) {
        made.expiration = bad;
        CHECK(code_of(judge(made.form())) == "InvalidPolicyDocument");
    }
}

TEST_CASE("a policy is a document of its form") {
    for (const auto* document :
         {"", "x", "[]", "{}", R"({"expiration": "2026-11-03T12:00:00Z"})", R"({"conditions": [{"bucket": "home"}]})",
          R"({"expiration": 5, "conditions": []})", R"({"expiration": "2026-11-03T12:00:00Z", "conditions": {}})",
          R"({"expiration": "2026-11-03T12:00:00Z", "CONDITIONS": [{"bucket": "home"}]})"}) {
        INFO(document);
        CHECK(code_of(judge(Signed().with_policy(base::base64_encode(document)))) == "InvalidPolicyDocument");
    }
    CHECK(code_of(judge(Signed().with_policy("not base64"))) == "InvalidPolicyDocument");
    const std::string deep(100000, '[');
    CHECK(code_of(judge(Signed().with_policy(base::base64_encode("{\"a\":" + deep)))) == "InvalidPolicyDocument");
}

TEST_CASE("every condition must hold") {
    const std::string base = R"({"bucket": "home"}, {"key": "user/a"})";
    CHECK(with_conditions(base) == "success");
    CHECK(with_conditions(R"({"bucket": "other"}, {"key": "user/a"})") == "AccessDenied");
    CHECK(with_conditions(R"({"bucket": "home"}, {"key": "user/b"})") == "AccessDenied");
    CHECK(with_conditions(R"({"bucket": "home"}, ["eq", "$key", "user/a"])") == "success");
    CHECK(with_conditions(R"({"bucket": "home"}, ["eq", "$key", "user/"])") == "AccessDenied");
    CHECK(with_conditions(R"({"bucket": "home"}, ["starts-with", "$key", "user/b"])") == "AccessDenied");
    CHECK(with_conditions(R"({"bUcKeT": "home"}, ["StArTs-WiTh", "$KeY", "user/"])") == "success");
    // A condition on a field that is not there speaks of an empty value.
    CHECK(with_conditions(base + R"(, {"acl": "private"})") == "AccessDenied");
    CHECK(with_conditions(base + R"(, ["starts-with", "$x-amz-meta-a", ""])") == "success");
    CHECK(with_conditions(base + R"(, {"acl": "private"})", {{"key", "user/a"}, {"acl", "private"}}) == "success");
    CHECK(with_conditions(base + R"(, {"acl": "private"})", {{"key", "user/a"}, {"acl", "public-read"}}) ==
          "AccessDenied");
}

TEST_CASE("every field must be covered, and so must the bucket") {
    const std::string base = R"({"bucket": "home"}, {"key": "user/a"})";
    CHECK(with_conditions(base, {{"key", "user/a"}, {"x-amz-meta-a", "1"}}) == "AccessDenied");
    CHECK(with_conditions(base, {{"key", "user/a"}, {"x-amz-acl", "public-read"}}) == "AccessDenied");
    CHECK(with_conditions(base, {{"key", "user/a"}, {"x-ignore-me", "1"}}) == "success");
    CHECK(with_conditions(base, {{"key", "user/a"}, {"x-amz-checksum-crc32", "AAAAAA=="}}) == "success");
    CHECK(with_conditions(R"({"key": "user/a"})") == "AccessDenied");
    CHECK(with_conditions(R"({"bucket": "home"})") == "AccessDenied");
}

TEST_CASE("conditions that cannot be read are not passed over") {
    const std::string base = R"({"bucket": "home"}, {"key": "user/a"}, )";
    for (const auto* bad :
         {"{}", "[]", "5", R"({"acl": 5})", R"(["eq", "$key"])", R"(["eq", "key", "user/a"])",
          R"(["matches", "$key", "user/a"])", R"(["eq", "$key", 5])", R"(["eq", 5, "x"])", R"([5, "$key", "user/a"])",
          R"(["content-length-range", 0])", R"(["content-length-range", -1, 0])", R"(["content-length-range", 5, 1])",
          R"(["content-length-range", "a", 1])", R"(["content-length-range", 0, 1.5])"}) {
        INFO(bad);
        CHECK(with_conditions(base + bad) == "InvalidPolicyDocument");
    }
}

TEST_CASE("several length ranges narrow each other") {
    Signed made;
    made.conditions = R"({"bucket": "home"}, {"key": "user/a"}, ["content-length-range", 0, 50], )"
                      R"(["content-length-range", "10", "18446744073709551615"])";
    const auto grant = judge(made.form());
    REQUIRE(code_of(grant) == "success");
    CHECK(grant->length.least == 10);
    CHECK(grant->length.most == 50);
}

}  // namespace larder::s3
