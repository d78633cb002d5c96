#include "tests/model/doors.h"

namespace larder::model_test {
namespace {

using io::Task;

class MemoryDoors final : public Doors {
 public:
    explicit MemoryDoors(io::Env& env) : first_(env), second_(first_.another()) {}

    engine::FileStore& store(int mount) override {
        if (mount == 0) return first_;
        return *second_;
    }
    // A PUT makes a new file.
    Task<bool> put(std::string key, std::string content) override {
        engine::NewFile file;
        file.key = std::move(key);
        file.content = std::move(content);
        file.exclusive = false;
        const auto made = first_.tree().create(std::move(file));
        co_return made.has_value();
    }
    Task<bool> erase(std::vector<std::string> keys) override {
        for (const auto& key : keys) first_.erase(key);
        co_return true;
    }
    Task<bool> copy(std::string from, std::string to) override {
        engine::NewFile file;
        const auto source = first_.tree().inode_at(from);
        if (!source) co_return false;
        file.key = std::move(to);
        file.content = source->content.text();
        file.attributes = source->attributes;
        file.exclusive = false;
        const auto made = first_.tree().create(std::move(file));
        co_return made.has_value();
    }
    Task<std::map<std::string, std::string>> all(int) override {
        std::map<std::string, std::string> out;
        for (const auto& [key, inode] : first_.tree().names()) out[key] = inode->content.text();
        co_return out;
    }

 private:
    test::MemoryFiles first_;
    std::unique_ptr<engine::FileStore> second_;
};

class EngineDoors final : public Doors {
 public:
    EngineDoors(engine::Engine& engine, base::BucketId id)
        : engine_(engine), id_(id), first_(*engine.files(id)), second_(*engine.files(id)) {}

    engine::FileStore& store(int mount) override { return mount == 0 ? *first_ : *second_; }
    Task<bool> put(std::string key, std::string content) override {
        const auto writer = engine_.put_object(id_, std::move(key), content.size());
        if (!content.empty()) {
            const auto written = co_await writer->write(base::Buffer::copy_of(content));
            if (!written) co_return false;
        }
        const auto done = co_await writer->commit({"etag", {}, {}, {}});
        co_return done.has_value();
    }
    Task<bool> erase(std::vector<std::string> keys) override {
        if (keys.size() == 1) {
            const auto done = co_await engine_.delete_object(id_, {keys[0], {}});
            co_return done.has_value();
        }
        std::vector<engine::DeleteRequest> requests;
        for (auto& key : keys) requests.push_back({std::move(key), {}});
        const auto done = co_await engine_.delete_objects(id_, std::move(requests));
        for (const auto& one : done) {
            if (!one) co_return false;
        }
        co_return true;
    }
    Task<bool> copy(std::string from, std::string to) override {
        const auto done = co_await engine_.copy_object({id_, std::move(from), {}, {}, {}, {}}, id_, std::move(to), {});
        co_return done.has_value();
    }
    Task<std::map<std::string, std::string>> all(int page) override {
        std::map<std::string, std::string> out;
        engine::ListQuery query;
        query.limit = page;
        for (;;) {
            const auto listed = co_await engine_.list_objects(id_, query);
            if (!listed) co_return std::map<std::string, std::string>{{"error", listed.error().message}};
            for (const auto& object : listed->objects) out[object.key] = "";
            if (!listed->truncated) break;
            query.start_after = listed->next;
        }
        for (auto& [key, content] : out) content = co_await read(key);
        co_return out;
    }

 private:
    Task<std::string> read(std::string key) {
        const auto reader = co_await engine_.open_object(id_, std::move(key));
        if (!reader) co_return "error " + reader.error().message;
        std::string out;
        for (;;) {
            const auto piece = co_await (*reader)->read(out.size(), 1 << 20);
            if (!piece) co_return "error " + piece.error().message;
            if (piece->empty()) co_return out;
            out += piece->chars();
        }
    }

    engine::Engine& engine_;
    base::BucketId id_;
    std::unique_ptr<engine::FileStore> first_;
    std::unique_ptr<engine::FileStore> second_;
};

}  // namespace

std::unique_ptr<Doors> memory_doors(io::Env& env) {
    return std::make_unique<MemoryDoors>(env);
}

Task<std::unique_ptr<Doors>> engine_doors(engine::Engine& engine, std::string name) {
    const auto made = co_await engine.create_bucket(std::move(name), "");
    if (!made) co_return nullptr;
    co_return std::make_unique<EngineDoors>(engine, (*made)->id);
}

}  // namespace larder::model_test
