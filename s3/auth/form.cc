#include "s3/auth/form.h"

#include "src/base/encoding.h"

#include <algorithm>

namespace larder::s3 {

namespace {

constexpr std::size_t kFieldBytesMax = 64 * 1024;
constexpr std::size_t kFieldsMax = 100;
constexpr std::size_t kReadBytes = 64 * 1024;

std::unexpected<S3Error> refuse(std::string_view code, std::string message = {}) {
    return std::unexpected(s3_error(code, std::move(message)));
}

// One "; name=value" or "; name=\"value\"" off the front; false when there is none.
struct Parameter {
    std::string_view name;
    std::string value;
};
bool take_parameter(std::string_view& rest, Parameter& out) {
    rest = base::trim(rest);
    if (!rest.starts_with(';')) return false;
    rest = base::trim(rest.substr(1));
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return false;
    out.name = base::trim(rest.substr(0, equals));
    rest = base::trim(rest.substr(equals + 1));
    out.value.clear();
    if (!rest.starts_with('"')) {
        const auto end = std::min(rest.find(';'), rest.size());
        out.value = base::trim(rest.substr(0, end));
        rest.remove_prefix(end);
        return true;
    }
    // Only the quotation mark is escaped by a backslash: browsers send the backslashes of file names as they are.
    std::size_t at = 1;
    for (; at < rest.size() && rest[at] != '"'; ++at) {
        if (rest[at] == '\\' && at + 1 < rest.size() && rest[at + 1] == '"') ++at;
        out.value.push_back(rest[at]);
    }
    if (at == rest.size()) return false;
    rest.remove_prefix(at + 1);
    return true;
}

// Puts the file's name where the value asks for it. False when that takes more than `room`, which shrinks by the value.
bool put_file_name(std::string& value, std::string_view file_name, std::size_t& room) {
    constexpr std::string_view kMark = "${filename}";
    std::string out;
    std::string_view rest = value;
    for (auto at = rest.find(kMark); at != std::string_view::npos; at = rest.find(kMark)) {
        out.append(rest.substr(0, at)).append(file_name);
        rest.remove_prefix(at + kMark.size());
        if (out.size() > room) return false;
    }
    out.append(rest);
    if (out.size() > room) return false;
    room -= out.size();
    value = std::move(out);
    return true;
}

}  // namespace

std::optional<std::string_view> PostForm::field(std::string_view name) const {
    for (const auto& [given, value] : fields) {
        if (given == name) return value;
    }
    return std::nullopt;
}

std::optional<Disposition> parse_disposition(std::string_view value) {
    const auto kind = std::min(value.find(';'), value.size());
    if (!base::equal_ignoring_case(base::trim(value.substr(0, kind)), "form-data")) return std::nullopt;
    auto rest = value.substr(kind);
    std::optional<std::string> name, file_name;
    Parameter parameter;
    while (take_parameter(rest, parameter)) {
        if (base::equal_ignoring_case(parameter.name, "name")) name = parameter.value;
        if (base::equal_ignoring_case(parameter.name, "filename")) file_name = parameter.value;
    }
    if (!name || !base::trim(rest).empty()) return std::nullopt;
    return Disposition{std::move(*name), std::move(file_name)};
}

std::string form_boundary(std::string_view content_type) {
    const auto kind = std::min(content_type.find(';'), content_type.size());
    if (!base::equal_ignoring_case(base::trim(content_type.substr(0, kind)), "multipart/form-data")) return {};
    auto rest = content_type.substr(kind);
    Parameter parameter;
    while (take_parameter(rest, parameter)) {
        if (base::equal_ignoring_case(parameter.name, "boundary")) return parameter.value;
    }
    return {};
}

FormReader::FormReader(http::Exchange& exchange, std::string content_type) : exchange_(exchange) {
    const auto boundary = form_boundary(content_type);
    // The first boundary may open the body: it is then as if a line had ended before it.
    if (!boundary.empty()) mark_ = "\r\n--" + boundary;
    pending_ = "\r\n";
}

io::Task<S3Result<void>> FormReader::fill() {
    pending_.erase(0, std::exchange(at_, 0));
    const auto had = pending_.size();
    pending_.resize(had + kReadBytes);
    const auto got = co_await exchange_.read_some({reinterpret_cast<std::byte*>(pending_.data()) + had, kReadBytes});
    pending_.resize(had + (got ? *got : 0));
    if (!got) co_return std::unexpected(s3_error_of_body(got.error()));
    body_ended_ = *got == 0;
    co_return S3Result<void>();
}

// Takes the text before the mark, and the mark, off the body.
io::Task<S3Result<std::string>> FormReader::read_until(std::string_view mark) {
    std::size_t seen = 0;  // of what lies ahead: the mark does not begin there
    for (;;) {
        const auto end = pending_.find(mark, at_ + seen);
        if (end != std::string::npos) {
            auto text = pending_.substr(at_, end - at_);
            at_ = end + mark.size();
            field_bytes_ += text.size() + mark.size();
            if (field_bytes_ > kFieldBytesMax) co_return refuse("MaxPostPreDataLengthExceeded");
            co_return text;
        }
        const auto ahead = pending_.size() - at_;
        if (field_bytes_ + ahead > kFieldBytesMax) co_return refuse("MaxPostPreDataLengthExceeded");
        if (body_ended_) co_return refuse("MalformedPOSTRequest");
        seen = ahead - std::min(ahead, mark.size() - 1);
        if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
    }
}

io::Task<S3Result<Disposition>> FormReader::read_part_head() {
    std::optional<Disposition> disposition;
    for (;;) {
        auto line = co_await read_until("\r\n");
        if (!line) co_return std::unexpected(line.error());
        if (line->empty()) break;
        const auto colon = line->find(':');
        if (colon == std::string::npos) co_return refuse("MalformedPOSTRequest");
        if (base::equal_ignoring_case(base::trim(line->substr(0, colon)), "content-disposition"))
            disposition = parse_disposition(std::string_view(*line).substr(colon + 1));
    }
    if (!disposition) co_return refuse("MalformedPOSTRequest");
    co_return std::move(*disposition);
}

io::Task<S3Result<PostForm>> FormReader::read_fields() {
    if (mark_.empty()) co_return refuse("MalformedPOSTRequest");
    PostForm form;
    auto preamble = co_await read_until(mark_);
    if (!preamble) co_return std::unexpected(preamble.error());
    while (form.fields.size() <= kFieldsMax) {
        auto line_end = co_await read_until("\r\n");
        if (!line_end) co_return std::unexpected(line_end.error());
        if (line_end->starts_with("--"))
            co_return refuse("InvalidArgument", "POST requires exactly one file upload per request.");
        if (!base::trim(*line_end).empty()) co_return refuse("MalformedPOSTRequest");
        auto disposition = co_await read_part_head();
        if (!disposition) co_return std::unexpected(disposition.error());
        auto name = base::to_lower(disposition->name);
        if (name == "file") {
            const auto given = disposition->file_name.value_or("");
            form.file_name = given.substr(given.find_last_of("/\\") + 1);
            auto room = kFieldBytesMax;
            for (auto& [field, value] : form.fields) {
                if (!put_file_name(value, form.file_name, room)) co_return refuse("MaxPostPreDataLengthExceeded");
            }
            co_return form;
        }
        // A policy speaks of one value; another one beside it would go unchecked.
        if (form.field(name))
            co_return refuse("InvalidArgument", "The form field " + disposition->name + " may only be given once.");
        auto value = co_await read_until(mark_);
        if (!value) co_return std::unexpected(value.error());
        form.fields.emplace_back(std::move(name), std::move(*value));
    }
    co_return refuse("MalformedPOSTRequest", "The form has too many fields.");
}

io::Task<S3Result<std::size_t>> FormReader::read_file(std::span<std::byte> out) {
    std::size_t done = 0;
    while (done < out.size() && !file_ended_) {
        const auto mark = pending_.find(mark_, at_);
        const bool found = mark != std::string::npos;
        const auto ahead = pending_.size() - at_;
        // Without a boundary in sight, all but what could be its beginning is content.
        const auto content = found ? mark - at_ : ahead - std::min(ahead, mark_.size() - 1);
        const auto n = std::min(content, out.size() - done);
        std::memcpy(out.data() + done, pending_.data() + at_, n);
        at_ += n;
        done += n;
        file_ended_ = found && n == content;
        if (found || content > 0) continue;
        if (body_ended_) co_return refuse("IncompleteBody");
        if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
    }
    co_return done;
}

}  // namespace larder::s3
