#include "tinyaudio/tflm/log.h"

#include <stddef.h>
#include <string.h>

namespace tinyaudio {
namespace tflm {

namespace {

constexpr uint32_t kLineBytes = 160;

char first_line[kLineBytes];
bool is_complete;  // the first line has ended: the rest is of no interest

struct Writer {
    char* text;
    uint32_t capacity;
    uint32_t count;
};

void put(Writer& writer, char character) {
    if (writer.count + 1 < writer.capacity) {
        writer.text[writer.count++] = character;
    }
}

void put_unsigned(Writer& writer, uint64_t value, uint32_t base) {
    char digits[20];  // 2^64 has 20 decimal digits
    uint32_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count > 0) {
        put(writer, digits[--count]);
    }
}

void put_signed(Writer& writer, int64_t value) {
    if (value < 0) {
        put(writer, '-');
    }
    put_unsigned(writer, value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value), 10);
}

void put_string(Writer& writer, const char* text) {
    for (const char* next = text != nullptr ? text : "(null)"; *next != '\0'; ++next) {
        put(writer, *next);
    }
}

// How many bytes an integer of the format has: the length modifiers at `format`, which it steps over.
uint32_t take_length(const char*& format) {
    uint32_t bytes = sizeof(int);
    for (;; ++format) {
        if (*format == 'l') {
            bytes = format[1] == 'l' ? sizeof(long long) : bytes < sizeof(long) ? sizeof(long) : bytes;
            if (format[1] == 'l') {
                ++format;
            }
        } else if (*format == 'z' || *format == 't' || *format == 'j') {
            bytes = *format == 'j' ? sizeof(intmax_t) : sizeof(size_t);
        } else if (*format != 'h') {
            return bytes;
        }
    }
}

}  // namespace

uint32_t format_text(char* text, uint32_t capacity, const char* format, va_list arguments) {
    Writer writer = {text, capacity, 0};
    va_list values;
    va_copy(values, arguments);
    for (; *format != '\0'; ++format) {
        if (*format != '%') {
            put(writer, *format);
            continue;
        }
        ++format;
        format += strspn(format, "-+ #0123456789.");
        const uint32_t bytes = take_length(format);
        const bool is_long = bytes > sizeof(int);
        switch (*format) {
            case 's':
                put_string(writer, va_arg(values, const char*));
                break;
            case 'c':
                put(writer, static_cast<char>(va_arg(values, int)));
                break;
            case 'd':
            case 'i':
                put_signed(writer, is_long ? va_arg(values, int64_t) : va_arg(values, int));
                break;
            case 'u':
                put_unsigned(writer, is_long ? va_arg(values, uint64_t) : va_arg(values, unsigned), 10);
                break;
            case 'x':
            case 'X':
                put_unsigned(writer, is_long ? va_arg(values, uint64_t) : va_arg(values, unsigned), 16);
                break;
            case 'p':
                put_unsigned(writer, reinterpret_cast<uintptr_t>(va_arg(values, void*)), 16);
                break;
            case 'f':
            case 'g':
                put_signed(writer, static_cast<int64_t>(va_arg(values, double)));
                break;
            case '\0':
                --format;
                break;
            default:
                put(writer, *format);
                break;
        }
    }
    va_end(values);
    if (capacity > 0) {
        text[writer.count] = '\0';
    }
    return writer.count;
}

void log_clear() {
    first_line[0] = '\0';
    is_complete = false;
}

const char* log_first_line() {
    return first_line;
}

uint32_t log_number(const char* key) {
    const char* next = strstr(first_line, key);
    uint32_t value = 0;
    for (next = next != nullptr ? next + strlen(key) : ""; *next >= '0' && *next <= '9'; ++next) {
        value = value * 10 + static_cast<uint32_t>(*next - '0');
    }
    return value;
}

// Takes a piece of a line; an end of line completes it.
static void take_piece(const char* format, va_list arguments) {
    if (is_complete) {
        return;
    }
    const uint32_t used = static_cast<uint32_t>(strlen(first_line));
    format_text(first_line + used, kLineBytes - used, format, arguments);
    char* const end = strpbrk(first_line, "\r\n");
    if (end != nullptr) {
        *end = '\0';
        is_complete = first_line[0] != '\0';
    }
}

}  // namespace tflm
}  // namespace tinyaudio

// TFLite Micro's debug_log.h declares these for the platform to define.
extern "C" void DebugLog(const char* format, va_list arguments) {
    tinyaudio::tflm::take_piece(format, arguments);
}

extern "C" int DebugVsnprintf(char* buffer, size_t buffer_bytes, const char* format, va_list arguments) {
    return static_cast<int>(tinyaudio::tflm::format_text(buffer, static_cast<uint32_t>(buffer_bytes), format, arguments));
}
