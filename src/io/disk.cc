#include "src/io/disk.h"

#include "src/base/bytes.h"

namespace larder::io {
namespace {

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

base::Result<std::string> Disk::read_file(const std::string& path) {
    TRY(auto file, open(path, OpenMode::read_only));
    TRY(const auto size, file->size());
    std::string contents(size, '\0');
    TRY(const auto got, file->read_at(0, {reinterpret_cast<std::byte*>(contents.data()), contents.size()}));
    contents.resize(got);
    return contents;
}

base::Result<void> Disk::write_file(const std::string& path, std::string_view contents) {
    const std::string temporary = path + ".new";
    TRY(auto file, open(temporary, OpenMode::create));
    TRY_VOID(file->truncate(0));
    TRY_VOID(file->write_at(0, base::as_bytes(contents)));
    TRY_VOID(file->sync_data());
    TRY_VOID(rename(temporary, path));
    return sync_dir(folder_of(path));
}

}  // namespace larder::io
