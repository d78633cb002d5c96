// Listings of objects.
#include "s3/ops/ops.h"
#include "s3/xml/xml_writer.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

namespace larder::s3::ops {

namespace {

// The parameters that both versions share.
struct Listing {
    engine::ListQuery query;
    std::uint64_t max_keys = 0;
    bool encode = false;

    std::string text(std::string_view key) const { return encode ? url_encode_key(key) : std::string(key); }
};

S3Result<Listing> listing_of(const Call& call) {
    Listing listing;
    TRY(const auto max_keys, number_parameter(call.request, "max-keys"));
    listing.max_keys = std::min<std::uint64_t>(max_keys.value_or(1000), base::limits::kListKeysMax);
    const auto encoding = call.request.parameter("encoding-type");
    if (encoding && !encoding->empty() && *encoding != "url") {
        return refuse("InvalidArgument", "Invalid Encoding Method specified in Request");
    }
    listing.encode = encoding.value_or("") == "url";
    listing.query.prefix = call.request.parameter("prefix").value_or("");
    listing.query.delimiter = call.request.parameter("delimiter").value_or("");
    listing.query.limit = static_cast<int>(listing.max_keys);
    return listing;
}

std::string owner_xml(const Call& call) {
    const auto& id = call.bucket->owner_key;
    const auto owner = call.engine.find_key(id);
    XmlWriter xml(XmlWriter::kFragment);
    xml.open("Owner");
    xml.element("ID", id.empty() && call.key ? call.key->id : id);
    xml.element("DisplayName", owner ? owner->name : call.key ? call.key->name : std::string());
    xml.close("Owner");
    return xml.take();
}

// Times of a listing: neighbours often bear the same second, and only the thousandths are written anew.
class TimeText {
 public:
    std::string_view of(base::WallTime time) {
        if (text_.empty() || time.seconds() != seconds_ || time.ms < 0) {
            text_ = base::format_iso8601(time);
            seconds_ = time.seconds();
            return text_;
        }
        char* const fraction = text_.data() + text_.size() - std::string_view("000Z").size();
        const auto ms = static_cast<int>(time.ms % 1000);
        fraction[0] = static_cast<char>('0' + ms / 100);
        fraction[1] = static_cast<char>('0' + ms / 10 % 10);
        fraction[2] = static_cast<char>('0' + ms % 10);
        return text_;
    }

 private:
    std::int64_t seconds_ = 0;
    std::string text_;
};

// Writes entries; the hot loop of listings.
class EntryWriter {
 public:
    // `head` and `owner` are markup that stands in each entry.
    EntryWriter(XmlWriter& xml, const Listing& listing, std::string_view tag, std::string_view head, std::string owner)
        : xml_(xml), encode_(listing.encode) {
        begin_ = "<" + std::string(tag) + "><Key>";
        after_key_ = "</Key>" + std::string(head) + "<LastModified>";
        after_size_ = "</Size>" + std::move(owner) + "<StorageClass>";
        end_ = "</StorageClass></" + std::string(tag) + ">";
    }

    void write(const engine::ObjectSummary& object) {
        xml_.markup(begin_);
        if (encode_) {
            xml_.text(url_encode_key(object.key));
        } else {
            xml_.text(object.key);
        }
        xml_.markup(after_key_);
        xml_.markup(time_.of(object.modified));
        xml_.markup("</LastModified><ETag>&quot;");
        xml_.text(object.etag);
        xml_.markup("&quot;</ETag><Size>");
        xml_.number(object.size);
        xml_.markup(after_size_);
        xml_.text(object.storage_class.empty() ? "STANDARD" : object.storage_class);
        xml_.markup(end_);
    }

 private:
    XmlWriter& xml_;
    bool encode_;
    std::string begin_, after_key_, after_size_, end_;
    TimeText time_;
};

void write_prefixes(XmlWriter& xml, const Listing& listing, const engine::SummaryPage& page) {
    for (const auto& prefix : page.prefixes) {
        xml.open("CommonPrefixes");
        xml.element("Prefix", listing.text(prefix));
        xml.close("CommonPrefixes");
    }
}

void write_common(XmlWriter& xml, const Call& call, const Listing& listing, std::string_view prefix) {
    xml.element("Name", call.request.bucket);
    xml.element("Prefix", prefix);
    if (!listing.query.delimiter.empty()) xml.element("Delimiter", listing.text(listing.query.delimiter));
    xml.element("MaxKeys", listing.max_keys);
    if (listing.encode) xml.element("EncodingType", "url");
}

}  // namespace

io::Task<Outcome> list_objects_v1(Call& call) {
    auto listing = listing_of(call);
    if (!listing) co_return std::unexpected(listing.error());
    listing->query.start_after = call.request.parameter("marker").value_or("");
    const auto marker = listing->query.start_after;
    S3_TRY(const auto page, co_await call.engine.list_summaries(call.bucket->id, listing->query));
    XmlWriter xml;
    xml.reserve(page.objects.size() * 320 + 1024);
    xml.open("ListBucketResult", kXmlNamespace);
    // Clients of version 1 do not decode the prefix.
    write_common(xml, call, *listing, listing->query.prefix);
    xml.element("Marker", listing->text(marker));
    if (page.truncated && !listing->query.delimiter.empty()) xml.element("NextMarker", listing->text(page.next));
    xml.element("IsTruncated", page.truncated ? "true" : "false");
    EntryWriter entries(xml, *listing, "Contents", {}, owner_xml(call));
    for (const auto& object : page.objects) entries.write(object);
    write_prefixes(xml, *listing, page);
    xml.close("ListBucketResult");
    co_return xml_reply(xml.take());
}

io::Task<Outcome> list_objects_v2(Call& call) {
    if (call.request.parameter("list-type").value_or("") != "2") co_return co_await list_objects_v1(call);
    auto listing = listing_of(call);
    if (!listing) co_return std::unexpected(listing.error());
    const auto start_after = call.request.parameter("start-after");
    const auto token = call.request.parameter("continuation-token");
    listing->query.start_after = start_after.value_or("");
    if (token && !token->empty()) {
        // The token is the place in base64, marked so that another text is recognised as none.
        const auto place = token->starts_with("1") ? base::base64url_decode(token->substr(1)) : std::nullopt;
        if (!place) co_return refuse("InvalidArgument", "The continuation token provided is incorrect");
        listing->query.start_after = *place;
    }
    const bool owner = call.request.parameter("fetch-owner").value_or("") == "true";
    S3_TRY(const auto page, co_await call.engine.list_summaries(call.bucket->id, listing->query));
    XmlWriter xml;
    xml.reserve(page.objects.size() * 320 + 1024);
    xml.open("ListBucketResult", kXmlNamespace);
    write_common(xml, call, *listing, listing->text(listing->query.prefix));
    xml.element("KeyCount", std::uint64_t{page.objects.size() + page.prefixes.size()});
    if (start_after) xml.element("StartAfter", listing->text(*start_after));
    if (token) xml.element("ContinuationToken", *token);
    if (page.truncated) xml.element("NextContinuationToken", "1" + base::base64url_encode(page.next));
    xml.element("IsTruncated", page.truncated ? "true" : "false");
    EntryWriter entries(xml, *listing, "Contents", {}, owner ? owner_xml(call) : std::string());
    for (const auto& object : page.objects) entries.write(object);
    write_prefixes(xml, *listing, page);
    xml.close("ListBucketResult");
    co_return xml_reply(xml.take());
}

io::Task<Outcome> list_object_versions(Call& call) {
    auto listing = listing_of(call);
    if (!listing) co_return std::unexpected(listing.error());
    const auto marker = std::string(call.request.parameter("key-marker").value_or(""));
    listing->query.start_after = marker;
    S3_TRY(const auto page, co_await call.engine.list_summaries(call.bucket->id, listing->query));
    XmlWriter xml;
    xml.open("ListVersionsResult", kXmlNamespace);
    write_common(xml, call, *listing, listing->query.prefix);
    xml.element("KeyMarker", listing->text(marker));
    xml.element("VersionIdMarker", call.request.parameter("version-id-marker").value_or(""));
    if (page.truncated) {
        xml.element("NextKeyMarker", listing->text(page.next));
        xml.element("NextVersionIdMarker", "null");
    }
    xml.element("IsTruncated", page.truncated ? "true" : "false");
    EntryWriter entries(xml, *listing, "Version", "<VersionId>null</VersionId><IsLatest>true</IsLatest>",
                        owner_xml(call));
    for (const auto& object : page.objects) entries.write(object);
    write_prefixes(xml, *listing, page);
    xml.close("ListVersionsResult");
    co_return xml_reply(xml.take());
}

}  // namespace larder::s3::ops
