// Uploads by form: however the bytes arrive, the fields, the file and the faults are the same, within the bounds; and a
// policy grants nothing for a form that it does not cover. The input is a line with the Content-Type, then the body. A
// policy may stand there as plain JSON; it is then encoded and signed here, since nobody finds signatures by chance.
#include "s3/auth/post_policy.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/unit/s3/signer.h"

using namespace larder;
using namespace larder::s3;

namespace {

const Signer kSigner;
const base::WallTime kNow = *base::parse_basic(kSigner.date);
const base::WallTime kTooLate = {1'000'000'000'000'000};
constexpr std::size_t kFieldBytesMax = 64 * 1024;

std::optional<std::string> secret(std::string_view key_id) {
    return key_id == kSigner.key_id ? std::optional(kSigner.secret) : std::nullopt;
}

struct Outcome {
    std::string code = "none";
    std::string message;
    PostForm form;
    std::string file;
    bool operator==(const Outcome& other) const {
        return code == other.code && message == other.message && form.fields == other.form.fields &&
               form.file_name == other.form.file_name && file == other.file;
    }
};

io::Task<Outcome> read_all(FormReader& reader, std::size_t piece) {
    Outcome out;
    auto form = co_await reader.read_fields();
    if (!form) {
        out.code = form.error().code;
        out.message = form.error().message;
        co_return out;
    }
    out.form = std::move(*form);
    std::string buffer(piece, '\0');
    for (;;) {
        const auto got = co_await reader.read_file({reinterpret_cast<std::byte*>(buffer.data()), buffer.size()});
        if (!got) {
            // How much had come before the fault depends on the sizes of the reads.
            out.code = got.error().code;
            out.file.clear();
        }
        if (!got || *got == 0) co_return out;
        out.file.append(buffer, 0, *got);
    }
}

Outcome read_form(std::string_view type, std::string_view body, std::size_t step, std::size_t piece) {
    fuzz::FuzzWorld world;
    fuzz::TextExchange exchange({}, body, step);
    FormReader reader(exchange, std::string(type));
    return world.run(read_all(reader, piece));
}

void check_form(const Outcome& read, std::string_view type, std::string_view body) {
    std::size_t bytes = 0;
    std::vector<std::string> names;
    for (const auto& [name, value] : read.form.fields) {
        bytes += value.size();
        ENSURE(name == base::to_lower(name));
        names.push_back(name);
    }
    ENSURE(bytes <= kFieldBytesMax);
    std::ranges::sort(names);
    ENSURE(std::ranges::adjacent_find(names) == names.end());
    ENSURE(read.form.file_name.find_first_of("/\\") == std::string::npos);
    ENSURE(body.find(read.file) != std::string_view::npos);
    ENSURE(read.file.find("\r\n--" + form_boundary(type)) == std::string::npos);
}

void set(PostForm& form, std::string_view name, std::string value) {
    for (auto& [given, old] : form.fields) {
        if (given == name) old = std::move(value);
    }
}

// Signs a policy that stands there in plain text.
void sign(PostForm& form) {
    const auto policy = form.field("policy");
    if (!policy || !policy->starts_with('{')) return;
    const auto encoded = base::base64_encode(*policy);
    static const std::string key = kSigner.key();
    set(form, "x-amz-signature", base::hex_encode(base::hmac_sha256(key, encoded)));
    set(form, "signature", base::base64_encode(base::hmac_sha1(kSigner.secret, encoded)));
    set(form, "policy", encoded);
}

void check_grant(PostForm form) {
    sign(form);
    const std::string key(form.field("key").value_or(""));
    const auto judge = [&](const PostForm& what, base::WallTime now) {
        return check_policy(what, "home", key, secret, {kSigner.region, now});
    };
    const auto grant = judge(form, kNow);
    if (!grant) {
        ENSURE(grant.error().status >= 400 && grant.error().status < 500);
        return;
    }
    ENSURE(grant->who.anonymous != form.field("policy").has_value());
    if (grant->who.anonymous) return;
    ENSURE(grant->who.key_id == kSigner.key_id);
    ENSURE(!judge(form, kTooLate));
    auto more = form;
    more.fields.emplace_back("no-policy-knows-this-field", "");
    ENSURE(!judge(more, kNow));
    auto other = form;
    set(other, "policy", std::string(*form.field("policy")) + " ");
    ENSURE(!judge(other, kNow));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 16 * 1024) return 0;
    std::string_view body(reinterpret_cast<const char*>(data), size);
    const auto type = fuzz::take_line(body);
    if (const auto disposition = parse_disposition(type)) {
        ENSURE(disposition->name.size() + disposition->file_name.value_or("").size() <= type.size());
    }
    const auto whole = read_form(type, body, SIZE_MAX, size + 1);
    const std::size_t step = 1 + size % 61;
    ENSURE(whole == read_form(type, body, step, 13 + step));
    if (form_boundary(type).empty()) ENSURE(whole.code == "MalformedPOSTRequest");
    check_form(whole, type, body);
    if (whole.code == "none") check_grant(whole.form);
    return 0;
}
