// Start, files of the host, and what a compiler expects of a C library, for QEMU's machine "sim" with an lx106.
//
// SIMCALL asks QEMU (with -semihosting) for a service: number in a2, arguments in a3 to a5; a2 comes back with the result.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "host_files.h"

// The rendered project's, as on an ESP32-S3.
int tinyaudio_main(int argument_count, char** arguments);

namespace {

enum Service : int32_t { kExit = 1, kRead = 3, kWrite = 4, kOpen = 5 };

int32_t ask(Service service, int32_t a, int32_t b, int32_t c) {
    register int32_t result __asm__("a2") = service;
    register int32_t first __asm__("a3") = a;
    register int32_t second __asm__("a4") = b;
    register int32_t third __asm__("a5") = c;
    __asm__ volatile("simcall" : "+r"(result), "+r"(first) : "r"(second), "r"(third) : "memory");
    return result;
}

int32_t address(const void* pointer) {
    return static_cast<int32_t>(reinterpret_cast<uintptr_t>(pointer));
}

}  // namespace

int32_t host_open(const char* path, int32_t flags) {
    return ask(kOpen, address(path), flags, 0);
}

int32_t host_read(int32_t file, void* target, uint32_t bytes) {
    return ask(kRead, file, address(target), static_cast<int32_t>(bytes));
}

int32_t host_write(int32_t file, const void* source, uint32_t bytes) {
    return ask(kWrite, file, address(source), static_cast<int32_t>(bytes));
}

void host_exit(int32_t code) {
    for (;;) {
        ask(kExit, code, 0, 0);
    }
}

extern "C" {

__asm__(
    ".section .reset, \"ax\"\n"
    ".global simulator_reset\n"
    "simulator_reset:\n"
    "j 1f\n"
    ".align 4\n"
    ".literal_position\n"
    "1:\n"
    "movi a1, simulator_stack_top\n"
    "movi a0, simulator_start\n"
    "jx a0\n"
    ".text\n");

__attribute__((used)) void simulator_start() {
    host_exit(tinyaudio_main(0, nullptr));
}

void* memcpy(void* target, const void* source, size_t bytes) {
    uint8_t* out = static_cast<uint8_t*>(target);
    const uint8_t* in = static_cast<const uint8_t*>(source);
    for (; bytes > 0; --bytes) {
        *out++ = *in++;
        __asm__ volatile("" ::: "memory");  // no call of memcpy in memcpy
    }
    return target;
}

void* memmove(void* target, const void* source, size_t bytes) {
    uint8_t* const out = static_cast<uint8_t*>(target);
    const uint8_t* const in = static_cast<const uint8_t*>(source);
    if (out <= in) {
        return memcpy(target, source, bytes);
    }
    while (bytes > 0) {
        --bytes;
        out[bytes] = in[bytes];
        __asm__ volatile("" ::: "memory");
    }
    return target;
}

void* memset(void* target, int value, size_t bytes) {
    uint8_t* out = static_cast<uint8_t*>(target);
    for (; bytes > 0; --bytes) {
        *out++ = static_cast<uint8_t>(value);
        __asm__ volatile("" ::: "memory");
    }
    return target;
}

int memcmp(const void* a, const void* b, size_t bytes) {
    const uint8_t* x = static_cast<const uint8_t*>(a);
    const uint8_t* y = static_cast<const uint8_t*>(b);
    for (; bytes > 0; --bytes, ++x, ++y) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char* text) {
    size_t length = 0;
    while (text[length] != '\0') {
        ++length;
    }
    return length;
}

// What this core has no instruction for and its libgcc no function: products of 64 bits, and division.
uint64_t __muldi3(uint64_t a, uint64_t b) {
    const uint32_t a_low = static_cast<uint32_t>(a), b_low = static_cast<uint32_t>(b);
    const uint32_t a_0 = a_low & 0xFFFFU, a_1 = a_low >> 16, b_0 = b_low & 0xFFFFU, b_1 = b_low >> 16;
    const uint32_t low = a_0 * b_0;
    const uint32_t middle = a_1 * b_0 + (low >> 16);               // at most 2^32 - 2^16
    const uint32_t other = a_0 * b_1 + (middle & 0xFFFFU);         // likewise
    const uint32_t high = a_1 * b_1 + (middle >> 16) + (other >> 16) + static_cast<uint32_t>(a >> 32) * b_low +
                          a_low * static_cast<uint32_t>(b >> 32);  // modulo 2^32, as the product
    return (static_cast<uint64_t>(high) << 32) | (other << 16) | (low & 0xFFFFU);
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor) {
    uint64_t quotient = 0;
    uint64_t rest = 0;
    for (int bit = 63; bit >= 0; --bit) {
        const bool carries = (rest >> 63) != 0;
        rest = (rest << 1) | ((dividend >> bit) & 1U);
        if (carries || rest >= divisor) {
            rest -= divisor;
            quotient |= 1ULL << bit;
        }
    }
    return quotient;
}

uint32_t __udivsi3(uint32_t dividend, uint32_t divisor) {
    uint32_t quotient = 0;
    uint32_t rest = 0;
    for (int bit = 31; bit >= 0; --bit) {
        const bool carries = (rest >> 31) != 0;
        rest = (rest << 1) | ((dividend >> bit) & 1U);
        if (carries || rest >= divisor) {
            rest -= divisor;
            quotient |= 1U << bit;
        }
    }
    return quotient;
}

uint32_t __umodsi3(uint32_t dividend, uint32_t divisor) {
    return dividend - __udivsi3(dividend, divisor) * divisor;
}

int32_t __divsi3(int32_t dividend, int32_t divisor) {
    const uint32_t a = dividend < 0 ? 0U - static_cast<uint32_t>(dividend) : static_cast<uint32_t>(dividend);
    const uint32_t b = divisor < 0 ? 0U - static_cast<uint32_t>(divisor) : static_cast<uint32_t>(divisor);
    const uint32_t quotient = __udivsi3(a, b);
    return static_cast<int32_t>((dividend < 0) != (divisor < 0) ? 0U - quotient : quotient);
}

}  // extern "C"
