// Readers and writers of one shard, as changes and looks see them. Inside src/db only.
#pragma once

#include "src/db/connection.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace larder::db {

// Writes not yet in SQLite: stored key → value, or nothing for an erased row.
using Overlay = std::map<std::string, std::optional<std::string>, std::less<>>;

// A row cursor over a connection with overlays on top, the first winning.
class MergedCursor final : public Cursor {
 public:
    MergedCursor(Connection& connection, Statement scan, TreeId tree, std::vector<const Overlay*> overlays);
    base::Result<void> seek(std::string_view key) override;
    base::Result<void> next() override;
    bool valid() const override { return valid_; }
    std::string_view key() const override { return key_.substr(2); }
    std::string_view value() const override { return value_; }

 private:
    base::Result<void> step_base();
    base::Result<void> settle();
    bool in_tree(std::string_view stored) const { return stored.starts_with(prefix_); }

    Connection& connection_;
    Statement scan_;
    std::string prefix_;
    struct Source {
        const Overlay* overlay;
        Overlay::const_iterator place;
    };
    std::vector<Source> sources_;
    bool base_valid_ = false;
    bool valid_ = false;
    std::string_view key_;
    std::string_view value_;
};

class ConnectionReader final : public Reader {
 public:
    explicit ConnectionReader(Connection& connection) : connection_(connection) {}
    base::Result<std::optional<std::string>> get(TreeId tree, std::string_view key) override {
        return connection_.get(tree, key);
    }
    base::Result<std::unique_ptr<Cursor>> cursor(TreeId tree) override;

 private:
    Connection& connection_;
};

// One change: its own writes over those of its group over the committed rows.
class OverlayWriter final : public Writer {
 public:
    OverlayWriter(Connection& connection, const Overlay& group) : connection_(connection), group_(group) {}
    base::Result<std::optional<std::string>> get(TreeId tree, std::string_view key) override;
    base::Result<std::unique_ptr<Cursor>> cursor(TreeId tree) override;
    base::Result<void> put(TreeId tree, std::string_view key, std::string_view value) override;
    base::Result<void> erase(TreeId tree, std::string_view key) override;
    Overlay take() { return std::move(own_); }

 private:
    Connection& connection_;
    const Overlay& group_;
    Overlay own_;
};

}  // namespace larder::db
