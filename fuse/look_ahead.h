// What the next lookups in a folder will find: one page of its listing, asked for once several of its names in a row
// had to be asked for one by one. For programs that walk over names without reading the folder. Loop thread.
#pragma once

#include "replication/files.h"
#include "src/base/time.h"

#include <map>
#include <optional>
#include <set>
#include <string>

namespace larder::fuse {

class LookAhead {
 public:
    // Names come in the page's order, so that it is worth while to ask for more than one.
    static constexpr int kPage = 512;
    // How long a page is good while changes are pushed.
    static constexpr base::Duration kGood = std::chrono::seconds(1);

    // What stands at directory + segment; nullopt: not known, or nothing.
    std::optional<engine::FoundPath> find(const std::string& directory, const std::string& segment, base::Instant now);
    // A name had to be asked for. Returns whether a page is to be fetched now: begin() says so.
    bool missed(const std::string& directory);

    void begin(std::string directory);
    void end(std::string after, engine::DirectoryPage page, base::Instant now);
    void give_up() { fetching_.reset(); }

    // The key, or something below it, is not what it was.
    void change(std::string_view key);
    void clear();

 private:
    static std::optional<std::string> name_in(const std::string& directory, std::string_view key);

    std::string directory_;  // of the page
    std::map<std::string, engine::FileEntry, std::less<>> entries_;
    std::string after_;  // the page tells of keys behind this
    std::string until_;  // and up to this; empty: to the end
    base::Instant learnt_{};
    bool known_ = false;
    std::set<std::string, std::less<>> changed_;  // names of which the page tells nothing any more

    std::optional<std::string> fetching_;
    std::set<std::string, std::less<>> changed_meanwhile_;

    std::string missed_in_;
    int misses_ = 0;
    int hits_ = 0;
    int enough_ = 8;  // misses in a row
};

}  // namespace larder::fuse
