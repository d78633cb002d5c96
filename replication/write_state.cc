#include "replication/write_state.h"

#include "src/base/limits.h"

namespace larder::engine {

namespace limits = base::limits;

namespace {

// Small blocks share syncs: many of them fit the window of a few large ones.
constexpr std::size_t kUnitBytes = 4096;
constexpr std::size_t kUnits = limits::kWriteWindowBlocks * limits::kBlockBytes / kUnitBytes;

std::size_t units_of(std::size_t bytes) {
    return std::clamp<std::size_t>(bytes / kUnitBytes, 1, kUnits);
}

}  // namespace

WriteState::WriteState(LocalEngine& engine, LocalEngine::Target target)
    : engine_(engine), target_(std::move(target)), window_(engine.env().executor, kUnits) {}

Task<io::Semaphore::Permit> WriteState::room(std::size_t bytes) {
    return window_.acquire(units_of(bytes));
}

// The intent is written beside the first blocks, not before them; the write is not committed before it is there.
void WriteState::begin() {
    if (!on_disk_) owner_ = engine_.new_owner();
    if (std::exchange(on_disk_, true)) return;
    engine_.tasks().spawn(note(shared_from_this()));
}

Task<void> WriteState::note(std::shared_ptr<WriteState> state) {
    ++state->under_way_;
    const auto noted = co_await state->engine_.note_intent(state->owner_, state->target_);
    state->noted_ = noted.has_value();
    state->ended(noted);
}

std::size_t WriteState::add(base::Buffer data) {
    begin();
    const auto length = static_cast<std::uint32_t>(data.size());
    blocks_.push_back({std::move(data), {}, length, false, false});
    held_ += length;
    return blocks_.size() - 1;
}

std::size_t WriteState::send(base::Buffer data, std::optional<base::Hash256> sha256, io::Semaphore::Permit permit) {
    const auto index = add(std::move(data));
    ++under_way_;
    engine_.tasks().spawn(store(shared_from_this(), index, sha256, std::move(permit)));
    return index;
}

std::size_t WriteState::queue(base::Buffer data) {
    const auto index = add(std::move(data));
    ++under_way_;
    engine_.tasks().spawn(store_later(shared_from_this(), index));
    return index;
}

Task<void> WriteState::store_later(std::shared_ptr<WriteState> state, std::size_t index) {
    auto permit = co_await state->room(state->blocks_[index].length);
    co_await store(state, index, std::nullopt, std::move(permit));
}

Task<void> WriteState::store(std::shared_ptr<WriteState> state, std::size_t index, std::optional<base::Hash256> sha256,
                             io::Semaphore::Permit permit) {
    const auto data = state->blocks_[index].data;
    const auto stored = co_await state->engine_.blocks().put(data, state->owner_, sha256, sha256.has_value());
    auto& block = state->blocks_[index];
    block.stored = stored.has_value();
    block.failed = !stored;
    if (stored) {
        block.name = *stored;
        block.data = {};
    }
    permit.release();
    state->ended(stored ? Result<void>() : fail(stored.error()));
}

void WriteState::ended(const Result<void>& outcome) {
    if (!outcome && !error_) error_ = outcome.error();
    if (--under_way_ > 0) return;
    for (const auto& waiter : std::exchange(idle_, {})) waiter.set(io::Done{});
}

Task<Result<void>> WriteState::adopt(std::vector<base::Hash256> names) {
    begin();
    return engine_.blocks().add_references(std::move(names), owner_);
}

std::size_t WriteState::add_adopted(base::Hash256 name, std::uint32_t length) {
    blocks_.push_back({{}, name, length, true, false});
    held_ += length;
    return blocks_.size() - 1;
}

void WriteState::send_again() {
    error_.reset();
    if (on_disk_ && !noted_ && under_way_ == 0) engine_.tasks().spawn(note(shared_from_this()));
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        if (!std::exchange(blocks_[i].failed, false)) continue;
        ++under_way_;
        engine_.tasks().spawn(store_later(shared_from_this(), i));
    }
}

Task<void> WriteState::idle() {
    if (under_way_ == 0) co_return;
    const auto ended = idle_.emplace_back(engine_.env().executor);
    co_await ended.future();
}

void WriteState::abandon() {
    abandoned_ = abandoned_ || (on_disk_ && !kept_ && !doubted_);
}

// What is under way shares it, and so does every read that has seen what was written.
WriteState::~WriteState() {
    lease_.reset();
    if (abandoned_) engine_.end_write(owner_, false);
}

void WriteState::keep() {
    if (on_disk_ && !std::exchange(kept_, true)) engine_.end_write(owner_, true);
    doubted_ = false;
}

void WriteState::lease() {
    begin();
    if (!lease_) lease_ = engine_.blocks().lease({owner_});
}

}  // namespace larder::engine
