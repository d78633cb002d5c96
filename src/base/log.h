// Structured logs: a fixed event sentence and named fields. Thread-safe. Never give it a secret, a canonical request or
// an Authorization header; object keys only at debug level.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace larder::base::log {

enum class Level { debug, info, warning, error };
enum class Format { text, json };

struct Field {
    std::string name;
    std::string value;
    bool is_number = false;

    Field(std::string_view n, std::string_view v) : name(n), value(v) {}
    Field(std::string_view n, const char* v) : name(n), value(v) {}
    Field(std::string_view n, const std::string& v) : name(n), value(v) {}
    template <typename Number>
        requires std::is_arithmetic_v<Number>
    Field(std::string_view n, Number v) : name(n), value(std::to_string(v)), is_number(true) {}
};
using Fields = std::initializer_list<Field>;

// Called once at start-up. Before it, info and above go to standard error as text. Format::text on a terminal,
// Format::json otherwise, unless told; both are lines on standard error, which systemd keeps.
void configure(Level least, Format format);
bool enabled(Level level);

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warning(std::string_view message, Fields fields = {});
// `cure` says what the operator should do; it is printed with the message.
void error(std::string_view message, std::string_view cure, Fields fields = {});

}  // namespace larder::base::log
