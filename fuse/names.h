// Names in the mount and segments of keys: one pure rule, both ways (docs/SEMANTICS.md, "Names").
//
// A name is its segment, except where a folder cannot hold it. Those get a form of their own: an object beside a
// directory of the same name ends in "%obj"; the segments "", "." and ".." are "%empty", "%dot" and "%dotdot"; one
// longer than 255 bytes is "%long-", its first bytes, "-" and 16 hexadecimal digits of its SHA-256. A real segment that
// looks like such a form shows one more "%" at its end.
#pragma once

#include <string>
#include <string_view>

namespace larder::fuse::names {

constexpr std::size_t kNameBytesMax = 255;

// How the child `segment` of a directory is shown. `beside_directory`: it is an object, and a directory has its name.
std::string show(std::string_view segment, bool beside_directory = false);

// What a name may stand for.
struct Meaning {
    enum class Kind {
        plain,    // the directory of the segment, else the object
        object,   // "…%obj": the object beside a directory
        nothing,  // no child is shown so
        search,   // "%long-…": the child whose show() is this name; `segment` holds its first bytes
    };
    Kind kind = Kind::plain;
    std::string segment;
};
Meaning read(std::string_view name);

// Whether a new entry of this name can be made: forms that this rule gives to others cannot.
bool can_be_made(std::string_view name);

}  // namespace larder::fuse::names
