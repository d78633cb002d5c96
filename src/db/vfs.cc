#include "src/db/vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <bit>
#include <cstdio>
#include <thread>

namespace larder::db {
namespace {

constexpr int kSectorBytes = 4096;

// What all connections to one path share: lock counts, and the index of the write-ahead log. It ends with the last of
// them, so that nobody trusts the index of a log that others may since have replaced.
struct Shared {
    std::mutex mutex;
    int holders = 0;               // connections with a SHARED lock or more
    const void* writer = nullptr;  // the one with RESERVED or more
    struct Slot {
        int readers = 0;
        bool exclusive = false;
    };
    std::array<Slot, SQLITE_SHM_NLOCK> slots;
    std::vector<std::unique_ptr<std::uint64_t[]>> regions;
};

}  // namespace

struct Vfs::Impl {
    Impl(io::Disk& d, io::Clock& c, io::Random& r) : disk(d), clock(c), random(r) {}
    io::Disk& disk;
    io::Clock& clock;
    io::Random& random;
    std::string name;
    sqlite3_vfs methods{};
    std::mutex mutex;
    std::map<std::string, std::weak_ptr<Shared>> shared;
};

namespace {

// One open file of one connection; SQLite allocates the memory.
struct OpenFile {
    sqlite3_file base;
    Vfs::Impl* vfs;
    std::unique_ptr<io::File>* file;
    std::shared_ptr<Shared>* shared;
    std::string* path;
    int lock;
    unsigned shm_shared;
    unsigned shm_exclusive;
    bool name_unsynced;  // made here, and its folder not yet synced
    bool delete_on_close;
};

OpenFile& of(sqlite3_file* file) {
    return *reinterpret_cast<OpenFile*>(file);
}

int sqlite_code(const base::Error& error, int io_code) {
    return error.code == base::Code::no_space ? SQLITE_FULL : io_code;
}

int close_file(sqlite3_file* file) {
    auto& f = of(file);
    f.base.pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    delete f.file;
    if (f.delete_on_close) (void)f.vfs->disk.remove(*f.path);
    delete f.shared;
    delete f.path;
    return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
    auto* bytes = static_cast<std::byte*>(out);
    const auto wanted = static_cast<std::size_t>(amount);
    const auto got = (*of(file).file)->read_at(static_cast<std::uint64_t>(offset), {bytes, wanted});
    if (!got) return SQLITE_IOERR_READ;
    if (*got == wanted) return SQLITE_OK;
    std::memset(bytes + *got, 0, wanted - *got);
    return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* data, int amount, sqlite3_int64 offset) {
    const auto* bytes = static_cast<const std::byte*>(data);
    const auto done =
        (*of(file).file)->write_at(static_cast<std::uint64_t>(offset), {bytes, static_cast<std::size_t>(amount)});
    return done ? SQLITE_OK : sqlite_code(done.error(), SQLITE_IOERR_WRITE);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    return (*of(file).file)->truncate(static_cast<std::uint64_t>(size)) ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

std::string folder_of(std::string_view path) {
    return std::string(path.substr(0, path.rfind('/')));
}

// A log or journal whose name is lost by a power cut is as good as unsynced.
int sync_file(sqlite3_file* file, int) {
    auto& f = of(file);
    if (const auto done = (*f.file)->sync_data(); !done) return sqlite_code(done.error(), SQLITE_IOERR_FSYNC);
    if (!f.name_unsynced) return SQLITE_OK;
    if (!f.vfs->disk.sync_dir(folder_of(*f.path))) return SQLITE_IOERR_DIR_FSYNC;
    f.name_unsynced = false;
    return SQLITE_OK;
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
    const auto got = (*of(file).file)->size();
    if (!got) return SQLITE_IOERR_FSTAT;
    *size = static_cast<sqlite3_int64>(*got);
    return SQLITE_OK;
}

// The five lock states of the main file. In WAL mode they matter only when a connection opens, changes the journal mode
// or is the last to close.
int lock_file(sqlite3_file* file, int wanted) {
    auto& f = of(file);
    auto& shared = **f.shared;
    const std::lock_guard hold(shared.mutex);
    if (f.lock >= wanted) return SQLITE_OK;
    if (f.lock == SQLITE_LOCK_NONE) {
        if (shared.writer != nullptr && shared.holders == 0) return SQLITE_BUSY;
        ++shared.holders;
        f.lock = SQLITE_LOCK_SHARED;
    }
    if (wanted == SQLITE_LOCK_SHARED) return SQLITE_OK;
    if (shared.writer != nullptr && shared.writer != file) return SQLITE_BUSY;
    if (wanted == SQLITE_LOCK_EXCLUSIVE && shared.holders > 1) return SQLITE_BUSY;
    shared.writer = file;
    f.lock = wanted;
    return SQLITE_OK;
}

int unlock_file(sqlite3_file* file, int wanted) {
    auto& f = of(file);
    auto& shared = **f.shared;
    const std::lock_guard hold(shared.mutex);
    if (f.lock <= wanted) return SQLITE_OK;
    if (shared.writer == file) shared.writer = nullptr;
    if (wanted == SQLITE_LOCK_NONE) --shared.holders;
    f.lock = wanted;
    return SQLITE_OK;
}

int check_reserved(sqlite3_file* file, int* result) {
    auto& shared = **of(file).shared;
    const std::lock_guard hold(shared.mutex);
    *result = shared.writer != nullptr ? 1 : 0;
    return SQLITE_OK;
}

int control(sqlite3_file*, int, void*) {
    return SQLITE_NOTFOUND;
}
int sector_size(sqlite3_file*) {
    return kSectorBytes;
}
// A torn write is taken to harm only the bytes it writes, as SQLite does by default: without this every commit repeats
// its last page to fill a sector, which doubles what small commits write.
int characteristics(sqlite3_file*) {
    return SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN | SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

int shm_map(sqlite3_file* file, int region, int bytes, int extend, void volatile** out) {
    auto& shared = **of(file).shared;
    const std::lock_guard hold(shared.mutex);
    *out = nullptr;
    const auto index = static_cast<std::size_t>(region);
    if (index >= shared.regions.size()) {
        if (extend == 0) return SQLITE_OK;
        while (shared.regions.size() <= index) {
            shared.regions.push_back(std::make_unique<std::uint64_t[]>(static_cast<std::size_t>(bytes) / 8));
        }
    }
    *out = shared.regions[index].get();
    return SQLITE_OK;
}

int shm_lock(sqlite3_file* file, int first, int count, int flags) {
    auto& f = of(file);
    auto& shared = **f.shared;
    const unsigned mask = ((1u << count) - 1) << first;
    const std::lock_guard hold(shared.mutex);
    const auto slots =
        std::span(shared.slots).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        for (unsigned i = 0; i < slots.size(); ++i) {
            const unsigned bit = 1u << (static_cast<unsigned>(first) + i);
            if ((f.shm_exclusive & bit) != 0) slots[i].exclusive = false;
            if ((f.shm_shared & bit) != 0) --slots[i].readers;
        }
        f.shm_exclusive &= ~mask;
        f.shm_shared &= ~mask;
        return SQLITE_OK;
    }
    if ((flags & SQLITE_SHM_SHARED) != 0) {
        if ((f.shm_shared & mask) != 0) return SQLITE_OK;
        if (slots[0].exclusive) return SQLITE_BUSY;
        ++slots[0].readers;
        f.shm_shared |= mask;
        return SQLITE_OK;
    }
    for (unsigned i = 0; i < slots.size(); ++i) {
        const bool own = (f.shm_shared & 1u << (static_cast<unsigned>(first) + i)) != 0;
        if (slots[i].exclusive || slots[i].readers > (own ? 1 : 0)) return SQLITE_BUSY;
    }
    for (auto& slot : slots) slot.exclusive = true;
    f.shm_exclusive |= mask;
    return SQLITE_OK;
}

void shm_barrier(sqlite3_file* file) {
    const std::lock_guard hold((*of(file).shared)->mutex);
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

int shm_unmap(sqlite3_file* file, int delete_it) {
    auto& f = of(file);
    auto& shared = **f.shared;
    const std::lock_guard hold(shared.mutex);
    for (unsigned i = 0; i < shared.slots.size(); ++i) {
        if ((f.shm_exclusive & 1u << i) != 0) shared.slots[i].exclusive = false;
        if ((f.shm_shared & 1u << i) != 0) --shared.slots[i].readers;
    }
    f.shm_exclusive = f.shm_shared = 0;
    if (delete_it != 0) shared.regions.clear();
    return SQLITE_OK;
}

const sqlite3_io_methods kFileMethods = {
    2,         close_file,  read_file,      write_file, truncate_file, sync_file,       size_of_file,
    lock_file, unlock_file, check_reserved, control,    sector_size,   characteristics, shm_map,
    shm_lock,  shm_barrier, shm_unmap,      nullptr,    nullptr,
};

Vfs::Impl& impl_of(sqlite3_vfs* vfs) {
    return *static_cast<Vfs::Impl*>(vfs->pAppData);
}

int vfs_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    auto& impl = impl_of(vfs);
    auto& f = of(file);
    f.base.pMethods = nullptr;
    if (name == nullptr) return SQLITE_CANTOPEN;  // temporary files stay in memory
    const bool create = (flags & SQLITE_OPEN_CREATE) != 0;
    const auto there = impl.disk.exists(name);
    auto opened = impl.disk.open(name, create ? io::OpenMode::create : io::OpenMode::read_write);
    if (!opened) return opened.error().code == base::Code::no_space ? SQLITE_FULL : SQLITE_CANTOPEN;
    std::shared_ptr<Shared> shared;
    {
        const std::lock_guard hold(impl.mutex);
        auto& place = impl.shared[name];
        shared = place.lock();
        if (!shared) place = shared = std::make_shared<Shared>();
    }
    f.vfs = &impl;
    f.file = new std::unique_ptr<io::File>(std::move(*opened));
    f.shared = new std::shared_ptr<Shared>(std::move(shared));
    f.path = new std::string(name);
    f.lock = SQLITE_LOCK_NONE;
    f.shm_shared = f.shm_exclusive = 0;
    f.name_unsynced = create && !(there && *there);
    f.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    f.base.pMethods = &kFileMethods;
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
}

int vfs_delete(sqlite3_vfs* vfs, const char* name, int sync_folder) {
    auto& disk = impl_of(vfs).disk;
    const auto removed = disk.remove(name);
    if (!removed)
        return removed.error().code == base::Code::not_found ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
    if (sync_folder == 0) return SQLITE_OK;
    return disk.sync_dir(folder_of(name)) ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}

int vfs_access(sqlite3_vfs* vfs, const char* name, int, int* result) {
    const auto there = impl_of(vfs).disk.exists(name);
    // "Not there" would let SQLite forget a log full of commits.
    if (!there) return SQLITE_IOERR_ACCESS;
    *result = *there ? 1 : 0;
    return SQLITE_OK;
}

int vfs_full_path(sqlite3_vfs*, const char* name, int size, char* out) {
    return std::snprintf(out, static_cast<std::size_t>(size), "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

int vfs_randomness(sqlite3_vfs* vfs, int bytes, char* out) {
    impl_of(vfs).random.fill({reinterpret_cast<std::uint8_t*>(out), static_cast<std::size_t>(bytes)});
    return bytes;
}

int vfs_sleep(sqlite3_vfs*, int microseconds) {
    // Only reached when a reader meets a lock that another thread holds for an instant; SQLite gives up after some
    // hundred tries, so the other thread must get its turn.
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    return microseconds;
}

int vfs_time(sqlite3_vfs* vfs, double* julian_day) {
    constexpr double kUnixEpoch = 2440587.5;
    *julian_day = kUnixEpoch + static_cast<double>(impl_of(vfs).clock.wall_now().ms) / 86'400'000.0;
    return SQLITE_OK;
}

int vfs_last_error(sqlite3_vfs*, int, char*) {
    return 0;
}

}  // namespace

Vfs::Vfs(io::Disk& disk, io::Clock& clock, io::Random& random) : impl_(std::make_unique<Impl>(disk, clock, random)) {
    // Keeping count of memory would take a lock of the whole process at every allocation.
    static std::once_flag once;
    std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
    static std::atomic<int> counter{0};
    impl_->name = "larder-" + std::to_string(++counter);
    auto& m = impl_->methods;
    m.iVersion = 1;
    m.szOsFile = sizeof(OpenFile);
    m.mxPathname = 4096;
    m.zName = impl_->name.c_str();
    m.pAppData = impl_.get();
    m.xOpen = vfs_open;
    m.xDelete = vfs_delete;
    m.xAccess = vfs_access;
    m.xFullPathname = vfs_full_path;
    m.xRandomness = vfs_randomness;
    m.xSleep = vfs_sleep;
    m.xCurrentTime = vfs_time;
    m.xGetLastError = vfs_last_error;
    sqlite3_vfs_register(&m, 0);
}

Vfs::~Vfs() {
    sqlite3_vfs_unregister(&impl_->methods);
}

const std::string& Vfs::name() const {
    return impl_->name;
}

}  // namespace larder::db
