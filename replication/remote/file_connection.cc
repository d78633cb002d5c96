#include "replication/remote/file_connection.h"

#include "src/base/encoding.h"
#include "src/base/log.h"

#include <concepts>

namespace larder::remote {

using base::Code;
using base::fail;
using base::Result;
using base::Subject;
using Content = FileConnection::Content;

namespace {

// Nobody without a session may have us keep more than this.
constexpr std::size_t kSessionFrameMax = 4096;
constexpr std::size_t kRequestWeight = 1024;
constexpr std::size_t kEntryWeight = 512;

std::unexpected<base::Error> denied(std::string why) {
    return fail(Code::permission_denied, Subject::access_key, std::move(why));
}

// The request, and what its answer may take. Reads and lists say themselves how much they want.
std::size_t weigh(const io::Message& message) {
    static const auto read_number = static_cast<char>(Request(Read()).index() + 1);
    static const auto list_number = static_cast<char>(Request(List()).index() + 1);
    const auto bytes = rpc::payload_bytes(message) + kRequestWeight;
    if (!message.body.starts_with(read_number) && !message.body.starts_with(list_number)) return bytes;
    const auto request = decode_request(message.body);
    if (!request) return bytes;
    if (const auto* read = std::get_if<Read>(&*request)) {
        return bytes + std::min<std::uint64_t>(read->length, base::limits::kBlockBytes);
    }
    if (const auto* list = std::get_if<List>(&*request)) {
        return bytes + std::min<std::uint64_t>(std::uint64_t{list->limit} * kEntryWeight, rpc::kFramePayloadMax);
    }
    return bytes;
}

rpc::LinkOptions link_options(const FileServerOptions& options) {
    rpc::LinkOptions link;
    link.hello = {kService, kVersion, kVersion};
    link.payload_max = kSessionFrameMax;
    link.request_bytes = options.request_bytes;
    link.hello_patience = options.session_patience;
    return link;
}

}  // namespace

FileSite::FileSite(io::RealEnv& w, base::Metrics& metrics, FileServices s, FileServerOptions o)
    : world(w),
      services(std::move(s)),
      options(std::move(o)),
      connections(metrics.gauge("files_connections", "Open connections of the file service")) {
    for (std::size_t i = 0; i < operations.size(); ++i) {
        const base::Labels labels = {{"op", std::string(operation_name(i))}};
        operations[i].requests =
            metrics.counter("files_requests_total", "Requests to the file service answered", labels);
        operations[i].errors =
            metrics.counter("files_errors_total", "Requests to the file service answered with an error", labels);
    }
}

FileConnection::FileConnection(FileSite& site, int descriptor, io::PeerCredentials peer)
    : site_(site),
      peer_(std::move(peer)),
      link_(site.world, descriptor, rpc::Side::accepted, link_options(site.options)) {
    link_.serve([this](io::Message message) { return serve(std::move(message)); }, weigh);
    auto& clock = site_.world.env().clock;
    patience_ = clock.call_at(clock.after(site_.options.session_patience), [this] {
        patience_ = 0;
        if (!store_) link_.cut({Code::timeout, Subject::request, "no session was opened in time"});
    });
    link_.start();
}

FileConnection::~FileConnection() {
    site_.world.env().clock.cancel(patience_);
}

void FileConnection::dismiss() {
    dismissed_ = true;
    if (!store_) return link_.cut({Code::disconnected, Subject::none, "the daemon is stopping"});
    link_.goodbye();
    for (auto& watch : std::exchange(watches_, {})) watch.set(fail(Code::shutting_down, "the daemon is stopping"));
}

template <typename Ask>
FileConnection::Need FileConnection::need_of() {
    const auto among = []<typename... Kinds>(std::variant<Kinds...>*) { return (std::same_as<Ask, Kinds> || ...); };
    if (among(static_cast<std::variant<BeginSession, Prove>*>(nullptr))) return Need::nothing;
    if (among(static_cast<std::variant<Close>*>(nullptr))) return Need::session;
    if (among(static_cast<std::variant<Open>*>(nullptr))) return Need::any;
    if (among(static_cast<std::variant<Find, List, Usage, Watch, Read, Seek>*>(nullptr))) return Need::read;
    if (among(static_cast<std::variant<CopyFrom>*>(nullptr))) return Need::both;
    return Need::write;
}

io::Task<Content> FileConnection::serve(io::Message message) {
    auto request = decode_request(message.body);
    if (!request) co_return unreadable(request.error());
    auto* const write = std::get_if<Write>(&*request);
    if (!message.bulk.empty() && write == nullptr)
        co_return unreadable({Code::corrupted, Subject::request, "bulk bytes where none belong"});
    if (write != nullptr && !message.bulk.empty()) write->data = std::move(message.bulk.front());
    auto& counters = site_.operations[request->index()];
    counters.requests.add();
    const auto need = std::visit([]<typename Ask>(const Ask&) { return need_of<Ask>(); }, *request);
    auto answer = Content(io::Message{});
    if (const auto allowed = may(need); !allowed) {
        answer = fail(allowed.error());
    } else {
        answer = co_await std::visit([this](auto& ask) { return run(std::move(ask)); }, *request);
    }
    if (!answer) counters.errors.add();
    co_return answer;
}

Content FileConnection::unreadable(const base::Error& error) {
    link_.cut(error);
    return fail(error);
}

// The key's rights of this moment; an administrator may take them away while the session lasts.
Result<void> FileConnection::may(Need need) const {
    if (need == Need::nothing) return {};
    if (!store_) return denied("no session is open on this connection.");
    if (!proven_) return {};
    const auto key = site_.services.find_key(proven_->id);
    if (!key || key->secret != proven_->secret) return denied("the access key is gone.");
    if (key->disabled) return denied("the access key is disabled.");
    if (key->expires && *key->expires <= site_.world.env().clock.wall_now())
        return denied("the access key has expired.");
    if (need == Need::session) return {};
    const auto found = key->rights.find(bucket_->id);
    const auto rights = found == key->rights.end() ? engine::Rights{} : found->second;
    if (need == Need::any && (rights.read || rights.write)) return {};
    if ((need == Need::read || need == Need::both) && !rights.read)
        return denied("the access key may not read this bucket.");
    if ((need == Need::write || need == Need::both) && !rights.write)
        return denied("the access key may not change this bucket.");
    return need == Need::any ? denied("the access key has no rights on this bucket.") : Result<void>();
}

io::Task<Content> FileConnection::run(BeginSession ask) {
    if (store_ || refused_ || !nonce_.empty())
        co_return fail(Code::invalid_argument, Subject::request, "a connection has one session.");
    wanted_ = std::move(ask);
    if (site_.services.look_up) co_await site_.services.look_up(wanted_.key_id, wanted_.bucket);
    if (wanted_.key_id.empty()) {
        if (!io::is_trusted(peer_, site_.options.socket)) {
            co_return denied("user " + std::to_string(peer_.uid) + " may use this socket only with an access key.");
        }
        CO_TRY(const auto session, open_session());
        co_return io::Message{encode_answer(session), {}};
    }
    nonce_.resize(kNonceBytes);
    site_.world.env().random.fill({reinterpret_cast<std::uint8_t*>(nonce_.data()), nonce_.size()});
    co_return io::Message{encode_answer(Session{nonce_, {}}), {}};
}

io::Task<Content> FileConnection::run(Prove ask) {
    if (nonce_.empty()) co_return fail(Code::invalid_argument, Subject::request, "nothing was asked.");
    const auto nonce = std::exchange(nonce_, {});
    const auto key = site_.services.find_key(wanted_.key_id);
    // A key that is not there takes as long and says the same.
    const auto expected = make_proof(key ? key->secret : nonce, nonce, wanted_);
    refused_ = true;
    if (!base::equal_constant_time(expected, ask.proof) || !key) {
        base::log::warning("an access key was not proven at the file service",
                           {{"uid", peer_.uid}, {"key", base::is_text(wanted_.key_id) ? wanted_.key_id : "?"}});
        co_return denied("the access key or its secret is wrong.");
    }
    proven_ = key;
    auto session = open_session();
    // The rights are judged with the store in place, as they will be at every call.
    const auto allowed = session ? may(Need::any) : Result<void>();
    if (!allowed) {
        store_.reset();
        link_.allow(kSessionFrameMax);
        co_return fail(allowed.error());
    }
    if (!session) co_return fail(session.error());
    refused_ = false;
    co_return io::Message{encode_answer(*session), {}};
}

Result<Session> FileConnection::open_session() {
    bucket_ = site_.services.find_bucket(wanted_.bucket);
    if (!bucket_) return fail(Code::not_found, Subject::bucket, "there is no bucket \"" + wanted_.bucket + "\".");
    if (dismissed_) return fail(Code::shutting_down, "the daemon is stopping");
    TRY(store_, site_.services.open(*bucket_));
    link_.allow(rpc::kFramePayloadMax);
    return Session{{}, store_->bucket()};
}

}  // namespace larder::remote
