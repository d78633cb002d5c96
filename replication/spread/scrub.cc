#include "replication/spread/scrub.h"

#include "src/base/log.h"

#include <algorithm>

namespace larder::spread {

using base::Code;
using base::Result;

namespace {

constexpr char kPlace[] = "scrub";
constexpr std::size_t kPageBlocks = 16;                   // so many are read again after a restart
constexpr auto kPauseBetween = std::chrono::minutes(10);  // at least, also when there is little to read

}  // namespace

Scrub::Scrub(const Context& context, Fetcher& fetcher)
    : context_(context), fetcher_(fetcher), pace_(context), tasks_(context.env.executor) {}

void Scrub::start() {
    tasks_.spawn(run());
}

io::Task<void> Scrub::run() {
    for (;;) {
        // A node that is alone has nobody to mend it; it is verified when it is asked to.
        const bool alone = context_.holding.alone(context_.self());
        const auto done = alone ? Result<Report>() : co_await pass(false);
        if (!done) base::log::warning("reading all blocks again failed", {{"reason", done.error().message}});
        co_await context_.env.clock.sleep_for(kPauseBetween);
    }
}

io::Task<Result<Scrub::Report>> Scrub::pass(bool hurried) {
    report_ = {};
    std::string after;
    if (!hurried) {
        CO_TRY(after, context_.local.recall(kPlace));
    }
    do {
        CO_TRY(auto page, co_await context_.local.names(after, kPageBlocks));
        for (const auto& [name, bytes] : page.blocks) {
            co_await pace_.take(bytes);
            CO_TRY_VOID(co_await look_at(name, bytes));
            if (!hurried) co_await rest(bytes);
        }
        after = std::move(page.next);
        if (!hurried) CO_TRY_VOID(co_await context_.local.remember(kPlace, after));
    } while (!after.empty());
    co_return report_;
}

io::Task<Result<void>> Scrub::look_at(Hash256 name, std::uint32_t bytes) {
    ++report_.blocks;
    report_.bytes += bytes;
    const auto whole = co_await context_.local.read_whole(name);
    if (whole || whole.error().code == Code::not_found) co_return Result<void>();
    if (whole.error().code != Code::corrupted && whole.error().code != Code::io_failure) {
        co_return base::fail(whole.error());
    }
    ++report_.damaged;
    if (co_await fetcher_.mend(name)) ++report_.mended;
    co_return Result<void>();
}

// So long that the whole takes the period.
io::Task<void> Scrub::rest(std::uint64_t bytes) {
    const auto total = std::max<std::uint64_t>(bytes, context_.local.status().stored_bytes);
    if (total == 0) co_return;
    const auto share = static_cast<double>(bytes) / static_cast<double>(total);
    const auto time = std::chrono::duration<double>(context_.options.scrub_period) * share;
    co_await context_.env.clock.sleep_for(std::chrono::duration_cast<base::Duration>(time));
}

}  // namespace larder::spread
