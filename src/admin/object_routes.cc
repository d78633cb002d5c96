#include "src/admin/json.h"
#include "src/admin/routes.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "src/base/limits.h"

#include <charconv>

namespace larder::admin {

namespace json = boost::json;
namespace limits = base::limits;

namespace {

using Text = base::Result<std::string>;

constexpr std::string_view kModifiedHeader = "x-larder-modified";

http::ResponseHead object_head(const engine::ObjectInfo& info) {
    http::ResponseHead head;
    std::string type = "binary/octet-stream";
    for (const auto& [name, value] : info.properties.headers) {
        if (name == "content-type") type = value;
    }
    head.headers.add("Content-Type", type);
    head.headers.add("ETag", "\"" + info.etag + "\"");
    head.headers.add(std::string(kModifiedHeader), base::format_iso8601(info.modified));
    return head;
}

// Sends the body; a failure after the head can only be shown by cutting the connection.
io::Task<void> send_object(Call& call, std::string bucket_name, std::string key) {
    const auto bucket = co_await bucket_named(call, bucket_name);
    if (!bucket) {
        co_await answer_error(call, bucket.error());
        co_return;
    }
    const auto reader = co_await call.engine.open_object((*bucket)->id, key);
    if (!reader) {
        co_await answer_error(call, reader.error());
        co_return;
    }
    const auto size = (*reader)->info().size;
    auto piece = size == 0 ? base::Result<base::Buffer>(base::Buffer()) : co_await (*reader)->read(0, size);
    if (!piece) {
        co_await answer_error(call, piece.error());
        co_return;
    }
    if (!co_await call.exchange.start(object_head((*reader)->info()), size)) co_return;
    for (std::uint64_t sent = 0; sent < size;) {
        if (sent > 0) piece = co_await (*reader)->read(sent, size - sent);
        if (!piece || piece->empty()) {
            call.exchange.abort();
            co_return;
        }
        sent += piece->size();
        if (!co_await call.exchange.write(*piece)) co_return;
    }
    (void)co_await call.exchange.finish();
}

io::Task<Text> store_object(Call& call, std::string bucket_name, std::string key) {
    CO_TRY(const auto bucket, co_await bucket_named(call, bucket_name));
    engine::PutResultFacts facts;
    if (const auto type = call.exchange.request().headers.get("content-type")) {
        facts.properties.headers.emplace_back("content-type", *type);
    }
    facts.condition.if_absent = call.parameter("if_absent") == "true";
    auto writer = call.engine.put_object(bucket->id, key, call.exchange.request().content_length);
    base::Hasher md5(base::Digest::md5);
    for (;;) {
        auto buffer = base::Buffer::allocate(limits::kBlockBytes);
        CO_TRY(const auto got, co_await call.exchange.read(buffer.writable()));
        if (got == 0) break;
        buffer.truncate(got);
        md5.update(buffer.chars());
        CO_TRY_VOID(co_await writer->write(std::move(buffer)));
        if (got < limits::kBlockBytes) break;
    }
    facts.etag = base::hex_encode(md5.finish());
    CO_TRY(const auto info, co_await writer->commit(std::move(facts)));
    co_return json::serialize(object_json(info));
}

io::Task<Text> stat_object(Call& call, std::string bucket_name, std::string key) {
    CO_TRY(const auto bucket, co_await bucket_named(call, bucket_name));
    CO_TRY(const auto info, co_await call.engine.head_object(bucket->id, key));
    co_return json::serialize(object_json(info));
}

io::Task<Text> delete_object(Call& call, std::string bucket_name, std::string key) {
    CO_TRY(const auto bucket, co_await bucket_named(call, bucket_name));
    engine::DeleteRequest request;
    request.key = key;
    CO_TRY(const auto outcome, co_await call.engine.delete_object(bucket->id, std::move(request)));
    co_return json::serialize(json::object{{"existed", outcome.existed}});
}

// GET /v1/list/BUCKET?prefix=&delimiter=&start_after=&limit=
io::Task<Text> list_objects(Call& call) {
    CO_TRY(const auto bucket, co_await bucket_named(call, call.path.at(1)));
    engine::ListQuery query;
    query.prefix = call.parameter("prefix");
    query.delimiter = call.parameter("delimiter");
    query.start_after = call.parameter("start_after");
    if (const auto limit = call.parameter("limit"); !limit.empty()) {
        const auto end = limit.data() + limit.size();
        const bool good = std::from_chars(limit.data(), end, query.limit).ptr == end;
        if (!good || query.limit < 1 || query.limit > limits::kListKeysMax) {
            co_return base::fail(base::Code::invalid_argument, "\"limit\" must be a number from 1 to 1000.");
        }
    }
    CO_TRY(const auto page, co_await call.engine.list_objects(bucket->id, query));
    json::array objects;
    for (const auto& info : page.objects) objects.push_back(object_json(info));
    json::object out;
    out["objects"] = std::move(objects);
    out["prefixes"] = json::array(page.prefixes.begin(), page.prefixes.end());
    out["truncated"] = page.truncated;
    out["next"] = page.next;
    co_return json::serialize(out);
}

// POST /v1/copy {"from_bucket":…,"from_key":…,"to_bucket":…,"to_key":…}
io::Task<Text> copy_object(Call& call) {
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(const auto wanted, parse_object(body));
    std::map<std::string_view, std::string> given;
    for (const std::string_view name : {"from_bucket", "from_key", "to_bucket", "to_key"}) {
        CO_TRY(const auto value, string_member(wanted, name));
        if (!value) co_return base::fail(base::Code::invalid_argument, "\"" + std::string(name) + "\" is missing.");
        given[name] = *value;
    }
    CO_TRY(const auto from, co_await bucket_named(call, given["from_bucket"]));
    CO_TRY(const auto to, co_await bucket_named(call, given["to_bucket"]));
    engine::CopySource source;
    source.bucket = from->id;
    source.key = given["from_key"];
    CO_TRY(const auto info, co_await call.engine.copy_object(std::move(source), to->id, given["to_key"], {}));
    co_return json::serialize(object_json(info));
}

io::Task<Text> dispatch(Call& call) {
    if (call.method == "PUT") return store_object(call, call.path[1], call.path[2]);
    if (call.method == "DELETE") return delete_object(call, call.path[1], call.path[2]);
    if (call.method == "GET") return stat_object(call, call.path[1], call.path[2]);
    return refuse_method(call);
}

}  // namespace

io::Task<void> objects_route(Call& call) {
    if (call.path.size() != 3 || call.path[2].empty()) return answer_result(call, refuse_method(call));
    if (call.method == "GET" && call.parameter("stat").empty()) return send_object(call, call.path[1], call.path[2]);
    return answer_result(call, dispatch(call));
}

io::Task<void> list_route(Call& call) {
    if (call.method != "GET" || call.path.size() != 2) return answer_result(call, refuse_method(call));
    return answer_result(call, list_objects(call));
}

io::Task<void> copy_route(Call& call) {
    return answer_result(call, call.method == "POST" ? copy_object(call) : refuse_method(call));
}

}  // namespace larder::admin
