#include "src/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

namespace larder::base::log {
namespace {

std::atomic<Level> least_level{Level::info};
std::atomic<Format> format{Format::text};

spdlog::logger& sink() {
    static const auto logger = [] {
        auto made = std::make_shared<spdlog::logger>("larder", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_level(spdlog::level::debug);
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
        made->flush_on(spdlog::level::debug);
        return made;
    }();
    return *logger;
}

spdlog::level::level_enum spd_level(Level level) {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warning:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

void append_json_text(std::string& out, std::string_view text) {
    out.push_back('"');
    for (const char c : text) {
        const auto b = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (b < 0x20) {
            out += fmt::format("\\u{:04x}", b);
        } else {
            out.push_back(c);
        }
    }
    out.push_back('"');
}

std::string as_json(std::string_view message, std::string_view cure, Fields fields) {
    std::string out = "\"message\":";
    append_json_text(out, message);
    if (!cure.empty()) {
        out += ",\"cure\":";
        append_json_text(out, cure);
    }
    for (const auto& field : fields) {
        out.push_back(',');
        append_json_text(out, field.name);
        out.push_back(':');
        if (field.is_number) {
            out += field.value;
        } else {
            append_json_text(out, field.value);
        }
    }
    return out;
}

// Control characters would let a stored name forge a line.
std::string as_text(std::string_view message, std::string_view cure, Fields fields) {
    std::string out(message);
    if (!cure.empty()) out += " — cure: " + std::string(cure);
    for (const auto& field : fields) out += "  " + field.name + "=" + field.value;
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < 0x20) c = '?';
    }
    return out;
}

void write(Level level, std::string_view message, std::string_view cure, Fields fields) {
    if (!enabled(level)) return;
    const bool json = format.load(std::memory_order_relaxed) == Format::json;
    sink().log(spd_level(level), "{}", json ? as_json(message, cure, fields) : as_text(message, cure, fields));
}

}  // namespace

void configure(Level least, Format wanted) {
    least_level = least;
    format = wanted;
    sink().set_pattern(wanted == Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e","level":"%l",%v})"
                                              : "%Y-%m-%dT%H:%M:%S.%e %l %v");
}

bool enabled(Level level) {
    return level >= least_level.load(std::memory_order_relaxed);
}

void debug(std::string_view message, Fields fields) {
    write(Level::debug, message, {}, fields);
}
void info(std::string_view message, Fields fields) {
    write(Level::info, message, {}, fields);
}
void warning(std::string_view message, Fields fields) {
    write(Level::warning, message, {}, fields);
}
void error(std::string_view message, std::string_view cure, Fields fields) {
    write(Level::error, message, cure, fields);
}

}  // namespace larder::base::log
