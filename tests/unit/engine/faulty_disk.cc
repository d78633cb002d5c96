#include "tests/unit/engine/faulty_disk.h"

namespace larder::test {

using base::Result;

class FaultyDisk::FaultyFile final : public io::File {
 public:
    FaultyFile(std::unique_ptr<io::File> real, std::shared_ptr<std::atomic<std::int64_t>> left)
        : real_(std::move(real)), left_(std::move(left)) {}

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
        return real_->read_at(offset, out);
    }
    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> data) override {
        TRY_VOID(room());
        return real_->write_at(offset, data);
    }
    Result<void> sync_data() override { return real_->sync_data(); }
    Result<void> truncate(std::uint64_t size) override { return real_->truncate(size); }
    Result<void> allocate(std::uint64_t size) override {
        TRY_VOID(room());
        return real_->allocate(size);
    }
    Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) override {
        return real_->punch_hole(offset, length);
    }
    Result<std::uint64_t> size() override { return real_->size(); }
    Result<std::uint64_t> allocated() override { return real_->allocated(); }

 private:
    Result<void> room() const {
        if (--*left_ < 0)
            return base::fail(base::Code::no_space, base::Subject::disk, "write: No space left on device");
        return {};
    }

    std::unique_ptr<io::File> real_;
    std::shared_ptr<std::atomic<std::int64_t>> left_;
};

Result<std::unique_ptr<io::File>> FaultyDisk::open(const std::string& path, io::OpenMode mode) {
    TRY(auto file, real_.open(path, mode));
    return std::make_unique<FaultyFile>(std::move(file), left_);
}

}  // namespace larder::test
