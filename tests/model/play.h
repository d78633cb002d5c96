// Plays the steps of a case on two mounts and S3, beside the model, and says what differs first.
#pragma once

#include "fuse/filesystem.h"
#include "tests/model/doors.h"
#include "tests/model/folder_model.h"
#include "tests/model/steps.h"

#include <array>
#include <optional>

namespace larder::model_test {

using io::Task;

// The kernel of a mount that keeps nothing: it asks for every name again.
class Silent final : public fuse::Notifier {
 public:
    void attributes_changed(fuse::NodeId) override {}
    void content_changed(fuse::NodeId) override {}
    void entry_changed(fuse::NodeId, std::string) override {}
};

class Play {
 public:
    // `patient`: the store tells its changes some time after they happened.
    Play(io::Env& env, std::unique_ptr<Doors> doors, bool patient);
    ~Play();

    // What differs, or "". `said` gets a line for each step: what it answered.
    Task<std::string> run(std::vector<Step> steps);
    const std::string& log() const { return log_; }

 private:
    struct OpenFile {
        fuse::NodeId node = 0;
        fuse::FileId file = 0;
        InodePtr inode;
        bool append = false;
    };
    // Where a path leads, by lookups, which must find what the model has there.
    struct Located {
        std::string wrong;    // lookups and model differ
        bool usable = false;  // the directory above is there
        fuse::NodeId parent = 0;
        std::string parent_key;
        std::string name;
        fuse::NodeId node = 0;  // when something is there
        std::optional<Shown> there;
    };
    struct Entry {
        std::string name;
        bool directory = false;
    };

    fuse::FileSystem& files(int mount) { return *mounts_[static_cast<std::size_t>(mount)]; }
    std::optional<OpenFile>& slot(const Step& step) {
        return slots_[static_cast<std::size_t>(step.mount)][static_cast<std::size_t>(step.slot)];
    }
    OpenState* state(int mount, const InodePtr& inode);
    // What is wrong with an answer: errno, 0 for success.
    std::string judge(int error, std::vector<int> allowed);
    template <typename T>
    static int error_of(const fuse::Answer<T>& answer) {
        return answer ? 0 : answer.error();
    }

    Task<void> settle();
    std::string pick(const std::string& given, unsigned number, bool s3);
    Task<Located> locate(int mount, std::string path);
    // 0 and the key that a new entry would get, or why it cannot be made.
    static std::pair<int, std::string> new_key(const Located& at, bool directory);

    // play.cc
    Task<std::string> perform(Step step);
    Task<std::string> s3(Step step);
    Task<std::string> finish();
    // compare.cc
    Task<std::string> compare(unsigned room);
    Task<std::string> compare_patiently(unsigned room);
    Task<std::string> compare_mount(int mount, unsigned room);
    Task<std::string> find_all(int mount);
    Task<std::string> walk(int mount, fuse::NodeId node, std::string prefix, unsigned room);
    Task<fuse::Answer<std::vector<Entry>>> names(int mount, fuse::NodeId node, unsigned room);
    Task<std::string> check_node(int mount, fuse::NodeId node, std::string path, Shown shown);
    Task<std::string> check_file(int mount, fuse::Found found, Shown shown);
    Task<std::string> fresh_mount();
    // name_steps.cc
    Task<std::string> make(Step step);
    Task<std::string> make_other(Step step);
    Task<std::string> remove(Step step);
    Task<std::string> rename(Step step);
    Task<std::string> rename_over(Step step, Located from, Located to);
    Task<std::string> exchange(Step step);
    Task<std::string> link(Step step);
    Task<std::string> attributes(Step step);
    // file_steps.cc
    Task<std::string> open(Step step);
    void opened(const Step& step, fuse::NodeId node, fuse::FileId file, const InodePtr& inode);
    Task<std::string> change(Step step);
    Task<std::string> cut(Step step);
    Task<std::string> store(Step step);
    Task<void> close(int mount, OpenFile open);
    // Of files below a key that are stored before it moves; `error`: what the call answered.
    Task<void> stored_below(int mount, std::string key, int error);
    std::vector<int> with_stale(std::vector<int> allowed, int mount, const std::string& key);

    io::Env& env_;
    std::unique_ptr<Doors> doors_;
    bool patient_;
    Silent silent_;
    std::array<std::unique_ptr<fuse::FileSystem>, 2> mounts_;
    std::array<std::array<std::optional<OpenFile>, kSlots>, 2> slots_;
    Model model_;
    std::string log_;
    std::string since_;  // what the store has told
    io::TaskGroup tasks_;
};

}  // namespace larder::model_test
