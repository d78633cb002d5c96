// The steps of a case: plain data, so that a case can be replayed without some of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace larder::model_test {

enum class Act : std::uint8_t {
    create,
    create_new,
    open,
    open_cut,
    open_append,
    write,
    append_end,
    cut_open,
    punch,
    sync,
    close,  // by slot
    unlink,
    rename,
    rename_new,
    exchange,
    mkdir,
    rmdir,
    symlink,
    link,
    cut,
    chmod,
    set_xattr,
    remove_xattr,
    forget,
    s3_put,
    s3_delete,
    s3_delete_many,
    s3_copy,
};

struct Step {
    Act act = Act::s3_put;
    int mount = 0;
    int slot = 0;  // of open files, three a mount
    // Paths of a mount, or keys of S3. With a number: that one, by order, of those that are there.
    std::string a, b;
    unsigned pick_a = 0, pick_b = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::string bytes;
    bool check = true;  // compare after it
    unsigned room = 1;  // entries an answer of readdir
};

constexpr int kSlots = 3;

std::vector<Step> make_steps(std::uint64_t seed);
std::string describe(const Step& step);

}  // namespace larder::model_test
