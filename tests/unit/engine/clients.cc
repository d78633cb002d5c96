#include "tests/unit/engine/clients.h"

#include "tests/unit/engine/harness.h"

namespace larder::engine {

using base::Code;
using sim::Operation;
using Kind = sim::Operation::Kind;
using Fate = sim::Operation::Fate;

Clients::Clients(ShuffledNode& node, std::vector<BucketId> buckets, std::uint64_t seed)
    : node_(node), engine_(*node.engine), buckets_(std::move(buckets)), dice_(seed) {}

std::string Clients::body_of(std::uint64_t value) {
    // Every fifth is beyond what lies beside the row.
    return "value " + std::to_string(value) + pattern(value % 5 == 0 ? 20'000 : 20, value);
}

std::uint64_t Clients::new_value(bool upload) {
    const auto value = ++values_;
    const auto etag = upload ? "upload-" + std::to_string(value) : etag_of(body_of(value));
    etags_[etag] = value;
    etag_by_value_[value] = etag;
    return value;
}

Result<std::uint64_t> Clients::value_of(const std::string& etag) const {
    const auto found = etags_.find(etag);
    if (found != etags_.end()) return found->second;
    return base::fail(Code::internal, "nobody wrote etag " + etag);
}

Clients::Entry Clients::ask(Place place, Kind kind, std::uint64_t argument, std::uint64_t expected) {
    Operation operation;
    operation.kind = kind;
    operation.argument = argument;
    operation.expected = expected;
    operation.invoked = ++moment_;
    auto& history = histories_[place];
    history.push_back(operation);
    return {place, history.size() - 1};
}

void Clients::answer(Entry entry) {
    at(entry).fate = Fate::ok;
    at(entry).answered = ++moment_;
}

void Clients::answer_read(Entry entry, const std::string& etag) {
    std::uint64_t seen = 0;
    if (!etag.empty()) {
        const auto value = value_of(etag);
        if (!value) return fault(value.error().message);
        seen = *value;
    }
    at(entry).kind = Kind::read;
    at(entry).seen = last_seen_[entry.place] = seen;
    answer(entry);
}

void Clients::answer_failed(Entry entry, const base::Error& error) {
    at(entry).fate = Fate::no_effect;
    if (error.is(Code::not_found, base::Subject::object)) return answer_read(entry, "");
    if (error.is(Code::precondition_failed)) {
        at(entry).refused = at(entry).unseen = true;
        return answer(entry);
    }
    // Contention may be too much for a conditional write.
    if (error.is(Code::conflict) && at(entry).kind == Kind::conditional) return;
    fault("an operation failed: " + error.message);
}

// What must hold is what was seen there last.
Condition Clients::seen_etag(Place place) {
    Condition condition;
    if (const auto seen = last_seen_[place]; seen != 0) {
        condition.if_etag = etag_by_value_.at(seen);
    } else {
        condition.if_absent = true;
    }
    return condition;
}

Task<void> Clients::put(Place place) {
    const auto value = new_value(false);
    const auto body = body_of(value);
    const auto entry = ask(place, Kind::write, value);
    const auto done = co_await write_all(engine_.put_object(bucket(place), key(place), body.size()), body);
    done ? answer(entry) : answer_failed(entry, done.error());
}

Task<void> Clients::put_if_absent(Place place) {
    const auto value = new_value(false);
    const auto body = body_of(value);
    const auto entry = ask(place, Kind::conditional, value, 0);
    Condition condition;
    condition.if_absent = true;
    const auto done = co_await write_all(engine_.put_object(bucket(place), key(place), body.size()), body, condition);
    done ? answer(entry) : answer_failed(entry, done.error());
}

Task<void> Clients::replace(Place place) {
    const auto value = new_value(false);
    const auto body = body_of(value);
    const auto condition = seen_etag(place);
    const auto entry = ask(place, Kind::conditional, value, last_seen_[place]);
    const auto done = co_await write_all(engine_.put_object(bucket(place), key(place), body.size()), body, condition);
    done ? answer(entry) : answer_failed(entry, done.error());
}

Task<void> Clients::remove(Place place) {
    const auto entry = ask(place, Kind::write, 0);
    const auto done = co_await engine_.delete_object(bucket(place), {key(place), {}});
    if (!done) co_return answer_failed(entry, done.error());
    // Where nothing was, nothing is written.
    done->existed ? answer(entry) : answer_read(entry, "");
}

Task<void> Clients::remove_seen(Place place) {
    const auto seen = last_seen_[place];
    if (seen == 0) co_return;
    const auto condition = seen_etag(place);
    const auto entry = ask(place, Kind::conditional, 0, seen);
    const auto done = co_await engine_.delete_object(bucket(place), {key(place), condition});
    done ? answer(entry) : answer_failed(entry, done.error());
}

Task<void> Clients::get(Place place) {
    const auto entry = ask(place, Kind::read);
    // The reader keeps its version whatever happens while it reads; its bytes must be those of that version.
    const auto reader = co_await engine_.open_object(bucket(place), key(place));
    if (!reader) co_return answer_failed(entry, reader.error());
    answer_read(entry, (*reader)->info().etag);
    const auto body = co_await read_some(**reader, 0, UINT64_MAX);
    if (!body) co_return fault("a body cannot be read: " + body.error().message);
    const auto value = value_of((*reader)->info().etag);
    if (value && *body != body_of(*value)) fault("a body is not that of its etag: " + (*reader)->info().etag);
}

Task<void> Clients::head(Place place) {
    const auto entry = ask(place, Kind::read);
    const auto info = co_await engine_.head_object(bucket(place), key(place));
    if (!info) co_return answer_failed(entry, info.error());
    answer_read(entry, info->etag);
}

Task<void> Clients::copy(Place from, Place to) {
    if (from == to) co_return;
    const auto source = ask(from, Kind::read);
    const auto target = ask(to, Kind::write);
    CopySource what{buckets_[from.bucket], key(from), {}, {}, {}, {}};
    const auto done = co_await engine_.copy_object(std::move(what), bucket(to), key(to), {});
    if (!done) {
        at(target).fate = Fate::no_effect;
        co_return answer_failed(source, done.error());
    }
    answer_read(source, done->etag);
    at(target).argument = at(source).seen;
    answer(target);
}

Task<void> Clients::rename(Place from, Place to) {
    to.bucket = from.bucket;
    if (from == to) co_return;
    const auto source = ask(from, Kind::conditional);
    const auto target = ask(to, Kind::write);
    const auto done = co_await rename_object(engine_, bucket(from), key(from), key(to));
    if (!done) {
        at(target).fate = Fate::no_effect;
        co_return answer_failed(source, done.error());
    }
    const auto value = value_of(done->etag);
    if (!value) co_return fault(value.error().message);
    at(source).expected = at(target).argument = *value;
    answer(source);
    answer(target);
}

Task<void> Clients::list(std::size_t bucket) {
    std::vector<Entry> entries;
    for (std::size_t key = 0; key < kKeys; ++key) entries.push_back(ask({bucket, key}, Kind::read));
    const auto page = co_await engine_.list_objects(buckets_[bucket], {});
    if (!page) {
        for (const auto& entry : entries) answer_failed(entry, page.error());
        co_return;
    }
    std::map<std::string, std::string> shown;
    for (const auto& object : page->objects) shown[object.key] = object.etag;
    for (const auto& entry : entries) answer_read(entry, shown[key(entry.place)]);
    if (page->truncated || !page->prefixes.empty()) fault("a short listing has more");
}

Task<void> Clients::complete(Place place, UploadId id, std::vector<CompletedPart> parts, std::uint64_t value) {
    const auto entry = ask(place, Kind::write, value);
    CompleteOptions options;
    options.etag = etag_by_value_.at(value);
    const auto done = co_await engine_.complete_upload(bucket(place), key(place), id, std::move(parts), options);
    if (done) {
        if (done->etag != etag_by_value_.at(value)) fault("a completion returned another object");
        co_return answer(entry);
    }
    // It was aborted, or completed by another call and replaced since.
    at(entry).fate = Fate::no_effect;
    if (!done.error().is(Code::not_found, base::Subject::upload) && !done.error().is(Code::conflict)) {
        fault("a completion failed: " + done.error().message);
    }
}

Task<void> Clients::abort(Place place, UploadId id) {
    const auto done = co_await engine_.abort_upload(bucket(place), key(place), id);
    if (!done && !done.error().is(Code::not_found, base::Subject::upload) && !done.error().is(Code::conflict)) {
        fault("an upload was not aborted: " + done.error().message);
    }
}

Task<void> Clients::upload(Place place) {
    UploadInfo wanted;
    wanted.bucket = bucket(place);
    wanted.key = key(place);
    const auto made = co_await engine_.create_upload(std::move(wanted));
    if (!made) co_return fault("an upload was not made: " + made.error().message);
    const auto value = new_value(true);
    const auto body = body_of(value);
    std::vector<CompletedPart> parts;
    for (int number = 1; number <= 2; ++number) {
        const auto piece = number == 1 ? body.substr(0, body.size() / 2) : body.substr(body.size() / 2);
        auto writer = co_await engine_.put_part(bucket(place), key(place), made->id, number, piece.size());
        if (!writer) co_return fault("a part was refused: " + writer.error().message);
        const auto part = co_await write_all(std::move(*writer), piece);
        if (!part) co_return fault("a part was not written: " + part.error().message);
        parts.push_back({number, part->etag, {}});
    }
    // Two calls that end the upload, now and then, at once.
    io::TaskGroup group(node_.executor);
    const auto how = dice_.below(10);
    if (how < 9) group.spawn(complete(place, made->id, parts, value));
    if (how == 6) group.spawn(complete(place, made->id, parts, value));
    if (how >= 7) group.spawn(abort(place, made->id));
    co_await group.join();
}

Task<void> Clients::remove_all(std::size_t bucket) {
    std::vector<DeleteRequest> requests;
    std::vector<Entry> entries;
    for (std::size_t key = 0; key < kKeys; ++key) {
        requests.push_back({Clients::key({bucket, key}), {}});
        entries.push_back(ask({bucket, key}, Kind::write, 0));
    }
    const auto done = co_await engine_.delete_objects(buckets_[bucket], std::move(requests));
    for (std::size_t i = 0; i < kKeys; ++i) {
        if (!done[i]) {
            answer_failed(entries[i], done[i].error());
        } else {
            done[i]->existed ? answer(entries[i]) : answer_read(entries[i], "");
        }
    }
}

Task<void> Clients::one_operation() {
    const auto place = draw();
    const auto other = draw();
    switch (dice_.below(16)) {
        case 0:
        case 1:
            return put(place);
        case 2:
            return put_if_absent(place);
        case 3:
            return replace(place);
        case 4:
            return remove(place);
        case 5:
            return remove_seen(place);
        case 6:
        case 7:
            return get(place);
        case 8:
            return head(place);
        case 9:
        case 10:
            return copy(place, other);
        case 11:
        case 12:
            return rename(place, other);
        case 13:
            return list(place.bucket);
        case 14:
            return dice_.chance(0.3) ? remove_all(place.bucket) : list(place.bucket);
        default:
            return upload(place);
    }
}

Task<void> Clients::client(int operations) {
    for (int i = 0; i < operations; ++i) co_await one_operation();
}

Task<void> Clients::work(int count, int operations) {
    io::TaskGroup group(node_.executor);
    for (int i = 0; i < count; ++i) group.spawn(client(operations));
    co_await group.join();
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
        for (std::size_t key = 0; key < kKeys; ++key) co_await get({bucket, key});
    }
}

std::vector<std::string> Clients::verdict() {
    auto wrong = faults_;
    for (const auto& [place, history] : histories_) {
        const auto verdict = sim::check(history);
        if (verdict == sim::Verdict::linearizable) continue;
        wrong.push_back(key(place) + " of bucket " + std::to_string(place.bucket) +
                        (verdict == sim::Verdict::violated ? " is not linearizable" : " is too hard to judge"));
    }
    return wrong;
}

std::size_t Clients::successes() const {
    std::size_t count = 0;
    for (const auto& [place, history] : histories_) {
        for (const auto& operation : history) count += operation.fate == Fate::ok ? 1 : 0;
    }
    return count;
}

}  // namespace larder::engine
