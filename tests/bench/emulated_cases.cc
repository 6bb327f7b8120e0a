// A program for the port alone: each received byte is a command, and what it does is answered over the link.
#include <stdint.h>

#include "tinyaudio/port.h"

using namespace tinyaudio;

namespace {

volatile uint32_t initialized = 0x1234ABCD;  // .data
volatile uint32_t zeroed;                    // .bss
volatile uint32_t constructed_value;

struct Constructed {
    Constructed() { constructed_value = initialized + 1; }
};
Constructed constructed;

void answer(const void* data, uint32_t bytes) {
    port_write(static_cast<const uint8_t*>(data), bytes);
}

void answer_memory() {
    const uint32_t words[] = {initialized, zeroed, constructed_value};
    initialized = 7;
    zeroed = 7;
    answer(words, sizeof(words));
}

void answer_float() {
    volatile double third = 1.0;
    third = third / 3.0;  // in the FPU, which reset has to enable
    const double value = third;
    answer(&value, sizeof(value));
}

// Costs of nothing and of 4,000 instructions, nine times each from different moments.
void answer_timing() {
    uint32_t ticks[18];
    for (uint32_t round = 0; round < 9; ++round) {
        uint32_t start = port_counter_start();
        ticks[2 * round] = port_counter_ticks() - start;
        for (volatile uint32_t wait = 0; wait < 7 * round; wait = wait + 1) {
        }
        start = port_counter_start();
#if defined(__arm__)
        uint32_t left = 2000;
        __asm volatile("1: subs %0, %0, #1\n bne 1b\n" : "+r"(left) : : "cc");
#endif
        ticks[2 * round + 1] = port_counter_ticks() - start;
    }
    answer(ticks, sizeof(ticks));
}

// Programs the first unit of the storage where it is erased; answers with the geometry and what the unit holds.
void answer_storage(bool is_erased_first) {
    const PortStorage storage = port_storage();
    uint8_t unit[64] = {0};
    if (is_erased_first && storage.sectors > 0) {
        for (uint32_t index = 0; index < storage.program_bytes; ++index) {
            unit[index] = static_cast<uint8_t>(index + 1);
        }
        port_storage_erase(0);
        port_storage_program(0, unit);
    }
    port_storage_read(0, unit, storage.program_bytes);
    answer(&storage, sizeof(storage));
    answer(unit, sizeof(unit));
}

void fault() {
    __builtin_trap();
}

void write_to_null() {
    volatile uint32_t* volatile pointer = nullptr;
    *pointer = 1;
}

uint32_t recurse(volatile uint32_t depth) {
    volatile uint32_t block[64];
    block[depth % 64] = depth;
    return recurse(depth + 1) + block[(depth + 1) % 64];
}

void obey(uint8_t command) {
    switch (command) {
        case 'm':
            answer_memory();
            break;
        case 'd':
            answer_float();
            break;
        case 't':
            answer_timing();
            break;
        case 'f':
            fault();
            break;
        case 'n':
            write_to_null();
            break;
        case 's':
            zeroed = recurse(0);
            break;
        case 'e':
        case 'v':
            answer_storage(command == 'e');
            break;
        case 'r':
            port_reset();
        case 'x':
            port_exit(42);
        default:
            answer(&command, 1);
            break;
    }
}

}  // namespace

int main(int argument_count, char** arguments) {
    if (!port_open(argument_count, arguments)) {
        return 1;
    }
    uint8_t bytes[64];
    for (;;) {
        const int32_t count = port_read(bytes, sizeof(bytes), PortWait::kBytes);
        if (count < 0) {
            return 0;
        }
        for (int32_t index = 0; index < count; ++index) {
            obey(bytes[index]);
        }
    }
}
