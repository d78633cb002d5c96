// Readers and writers of one shard, as changes and looks see them: layers of rows in memory over SQLite, the uppermost
// that knows a key winning. Inside src/db only.
#pragma once

#include "src/db/tables.h"

#include <string>
#include <vector>

namespace larder::db {

// Rows of one layer in order, erased ones included.
class LayerWalk {
 public:
    virtual ~LayerWalk() = default;
    virtual void seek(std::string_view stored_key) = 0;
    virtual void next() = 0;
    virtual bool valid() const = 0;
    virtual std::string_view key() const = 0;
    virtual std::optional<std::string_view> value() const = 0;
};

// A cursor over the rows of one tree.
class MergedCursor final : public Cursor {
 public:
    // `above`: the layers over SQLite, uppermost first.
    static base::Result<std::unique_ptr<Cursor>> make(Connection& connection, TreeId tree,
                                                      std::vector<std::unique_ptr<LayerWalk>> above);
    ~MergedCursor() override;

    base::Result<void> seek(std::string_view key) override;
    base::Result<void> next() override;
    bool valid() const override { return valid_; }
    std::string_view key() const override { return key_.substr(sizeof(TreeId)); }
    std::string_view value() const override { return value_; }

 private:
    MergedCursor(Connection& connection, Statement scan, TreeId tree, std::vector<std::unique_ptr<LayerWalk>> above)
        : connection_(connection), scan_(std::move(scan)), prefix_(stored_key(tree, {})), above_(std::move(above)) {}
    base::Result<void> take_base_row(base::Result<StepResult> step);
    base::Result<void> settle();
    base::Result<void> pass(std::string_view stored_key);
    bool in_tree(std::string_view stored) const { return stored.starts_with(prefix_); }

    Connection& connection_;
    Statement scan_;
    std::string prefix_;
    std::vector<std::unique_ptr<LayerWalk>> above_;
    std::string_view base_key_;  // of the row that SQLite stands on
    std::string passed_;
    bool base_valid_ = false;
    bool valid_ = false;
    std::string_view key_;
    std::string_view value_;
};

// The committed rows.
class StoreReader final : public Reader {
 public:
    StoreReader(Connection& connection, Layers layers) : connection_(connection), layers_(std::move(layers)) {}
    base::Result<std::optional<std::string>> get(TreeId tree, std::string_view key) override;
    base::Result<std::unique_ptr<Cursor>> cursor(TreeId tree) override;

    base::Result<std::optional<std::string>> get_stored(std::string_view stored_key);
    void add_walks(std::vector<std::unique_ptr<LayerWalk>>& above) const;
    Connection& connection() { return connection_; }

 private:
    Connection& connection_;
    Layers layers_;
};

// One change: its own writes over those of its group over the committed rows.
class OverlayWriter final : public Writer {
 public:
    OverlayWriter(StoreReader& store, const Overlay& group) : store_(store), group_(group) {}
    base::Result<std::optional<std::string>> get(TreeId tree, std::string_view key) override;
    base::Result<std::unique_ptr<Cursor>> cursor(TreeId tree) override;
    base::Result<void> put(TreeId tree, std::string_view key, std::string_view value) override;
    base::Result<void> erase(TreeId tree, std::string_view key) override;
    Overlay take() { return std::move(own_); }

 private:
    StoreReader& store_;
    const Overlay& group_;
    Overlay own_;
};

}  // namespace larder::db
