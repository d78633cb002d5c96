#include "tests/unit/spread/memory_blocks.h"

namespace larder::spread {

using base::Buffer;
using base::Code;
using base::Hash256;
using base::Result;
using base::Subject;
using block::Owner;
using block::Packed;
using block::Reference;

namespace {

std::unexpected<base::Error> not_here() {
    return base::fail(Code::not_found, Subject::block, "the block is not stored here");
}

class MemoryLease final : public block::Lease {
 public:
    MemoryLease(std::shared_ptr<std::multiset<Owner>> held, std::vector<Owner> owners)
        : held_(std::move(held)), owners_(std::move(owners)) {
        held_->insert(owners_.begin(), owners_.end());
    }
    ~MemoryLease() override {
        for (const auto& owner : owners_) held_->erase(held_->find(owner));
    }

 private:
    std::shared_ptr<std::multiset<Owner>> held_;
    std::vector<Owner> owners_;
};

}  // namespace

void Shelf::rot(const Hash256& name) {
    auto& packed = blocks.at(name).packed;
    auto bytes = Buffer::copy_of(packed.payload.chars());
    bytes.writable()[bytes.size() / 2] ^= std::byte{1};
    packed.payload = std::move(bytes);
}

bool Shelf::is_good(const Hash256& name) const {
    const auto found = blocks.find(name);
    return found != blocks.end() && block::verify(found->second.packed).has_value();
}

std::set<Reference> Shelf::references() const {
    std::set<Reference> out;
    for (const auto& [name, stored] : blocks) {
        for (const auto& owner : stored.owners) out.insert({owner, name, stored.packed.header.plain_bytes});
    }
    return out;
}

Result<Packed> MemoryBlocks::good(const Hash256& name) const {
    const auto found = shelf_.blocks.find(name);
    if (found == shelf_.blocks.end()) return not_here();
    TRY_VOID(block::verify(found->second.packed));
    return found->second.packed;
}

void MemoryBlocks::unrefer(const Hash256& name, const Owner& owner) {
    const auto found = shelf_.blocks.find(name);
    if (found == shelf_.blocks.end()) return;
    found->second.owners.erase(owner);
    if (found->second.owners.empty()) shelf_.blocks.erase(found);
}

io::Task<Result<Hash256>> MemoryBlocks::put(Buffer plain, Owner owner, std::optional<Hash256> expected, bool trusted) {
    CO_TRY(auto packed, co_await pack_block(std::move(plain), owner, expected, trusted));
    const auto name = packed.header.name;
    CO_TRY_VOID(co_await put_packed(std::move(packed)));
    co_return name;
}

io::Task<Result<Buffer>> MemoryBlocks::get(Hash256 name, std::uint64_t offset, std::uint64_t length) {
    if (!shelf_.blocks.contains(name)) co_return not_here();
    co_await disk();
    CO_TRY(const auto packed, good(name));
    if (offset > packed.header.plain_bytes || length > packed.header.plain_bytes - offset) {
        co_return base::fail(Code::invalid_argument, "beyond the end");
    }
    co_return block::unpack(packed.header, packed.payload, 0, offset, length);
}

io::Task<Result<void>> MemoryBlocks::add_references(std::vector<Hash256> names, Owner owner) {
    for (const auto& name : names) {
        CO_TRY(const auto there, co_await refer_checked(name, owner));
        if (!there) co_return not_here();
    }
    co_return Result<void>();
}

io::Task<Result<void>> MemoryBlocks::drop_references(Owner owner) {
    co_await disk();
    if (leased(owner)) co_return base::fail(Code::conflict, Subject::block, "the blocks are being read");
    std::vector<Hash256> names;
    for (const auto& [name, stored] : shelf_.blocks) {
        if (stored.owners.contains(owner)) names.push_back(name);
    }
    for (const auto& name : names) unrefer(name, owner);
    co_return Result<void>();
}

std::unique_ptr<block::Lease> MemoryBlocks::lease(std::vector<Owner> owners) {
    return std::make_unique<MemoryLease>(leased_, std::move(owners));
}

block::StoreStatus MemoryBlocks::status() const {
    block::StoreStatus out;
    out.blocks = shelf_.blocks.size();
    for (const auto& [name, stored] : shelf_.blocks) out.stored_bytes += stored.packed.header.total_bytes();
    return out;
}

io::Task<Result<Packed>> MemoryBlocks::pack_block(Buffer plain, Owner owner, std::optional<Hash256> expected,
                                                  bool trusted) {
    co_return block::pack(std::move(plain), owner, expected, trusted, 1);
}

io::Task<Result<void>> MemoryBlocks::put_packed(Packed packed) {
    const auto name = packed.header.name;
    co_await disk();
    auto found = shelf_.blocks.find(name);
    if (found == shelf_.blocks.end() && shelf_.blocks.size() >= shelf_.capacity) {
        co_return base::fail(Code::no_space, Subject::disk, "the disk is full");
    }
    auto& stored = shelf_.blocks[name];
    stored.owners.insert(packed.header.owner);
    if (!block::verify(stored.packed) || stored.packed.header.name != name) stored.packed = std::move(packed);
    co_return Result<void>();
}

io::Task<Result<bool>> MemoryBlocks::refer_checked(Hash256 name, Owner owner) {
    co_await disk();
    if (!good(name)) co_return false;
    co_await disk();
    const auto found = shelf_.blocks.find(name);
    if (found == shelf_.blocks.end()) co_return false;
    found->second.owners.insert(owner);
    co_return true;
}

Result<bool> MemoryBlocks::refers(Hash256 name, Owner owner) {
    const auto found = shelf_.blocks.find(name);
    return found != shelf_.blocks.end() && found->second.owners.contains(owner);
}

io::Task<Result<Packed>> MemoryBlocks::read_whole(Hash256 name) {
    co_await disk();
    co_return good(name);
}

io::Task<Result<block::Excerpt>> MemoryBlocks::read_excerpt(Hash256 name, std::uint64_t offset, std::uint64_t length) {
    co_await disk();
    CO_TRY(const auto packed, good(name));
    if (offset > packed.header.plain_bytes || length > packed.header.plain_bytes - offset) {
        co_return base::fail(Code::invalid_argument, "beyond the end");
    }
    co_return block::Excerpt{packed.header, 0, packed.payload};
}

io::Task<Result<bool>> MemoryBlocks::mend(Packed packed) {
    co_await disk();
    const auto found = shelf_.blocks.find(packed.header.name);
    if (found == shelf_.blocks.end()) co_return false;
    if (!good(packed.header.name)) found->second.packed = std::move(packed);
    co_return true;
}

io::Task<Result<block::ReferencePage>> MemoryBlocks::references(std::string after, std::size_t limit,
                                                                block::NameFilter filter) {
    co_await disk();
    block::ReferencePage page;
    std::size_t seen = 0;
    for (const auto& reference : shelf_.references()) {
        const auto key = block::reference_key(reference);
        if (key <= after) continue;
        if (seen++ == limit) break;
        if (filter(reference.name)) page.references.push_back(reference);
        page.until = key;
    }
    if (seen <= limit) page.until.reset();
    co_return page;
}

io::Task<Result<void>> MemoryBlocks::release(std::vector<Reference> references) {
    co_await disk();
    for (const auto& reference : references) unrefer(reference.name, reference.owner);
    co_return Result<void>();
}

io::Task<Result<block::NamePage>> MemoryBlocks::names(std::string after, std::size_t limit) {
    co_await disk();
    block::NamePage page;
    for (const auto& [name, stored] : shelf_.blocks) {
        if (name.view() <= after) continue;
        if (page.blocks.size() == limit) {
            page.next = page.blocks.back().first.view();
            break;
        }
        page.blocks.emplace_back(name, stored.packed.header.plain_bytes);
    }
    co_return page;
}

io::Task<Result<void>> MemoryBlocks::remember(std::string worker, std::string bytes) {
    co_await disk();
    shelf_.marks[worker] = std::move(bytes);
    co_return Result<void>();
}

}  // namespace larder::spread
