// Counts the instructions that an emulated Armv7E-M core executes, and stops it when they reach a deadline.
//
// Built once by the host's C compiler and loaded with ctypes (counting.py), because a hook in Python for every
// translated block leaves less than 10 MIPS. It needs no header of Unicorn: what it calls there is handed in as pointers.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    kCacheEntries = 1 << 16,
    kBlockBytesMax = 8192,
    kMasks = 3,
};

enum StopReason { kRunning = 0, kDeadline = 1, kMasksChanged = 2, kFpuOff = 3 };

typedef int (*RegisterRead)(void* engine, int id, void* value);
typedef int (*MemoryRead)(void* engine, uint64_t address, void* bytes, uint64_t count);
typedef int (*EmulationStop)(void* engine);

typedef struct {
    uint32_t address;
    uint32_t bytes;
    uint32_t instructions;  // 0: the entry is empty
    uint32_t uses_fpu;
} Block;

// counting.py mirrors everything in front of `cache`.
typedef struct {
    uint64_t cycles;       // instructions begun, with the current block as a whole, and cycles slept through
    uint64_t slept;        // the part of `cycles` that was slept through
    uint64_t deadline;     // the core stops in front of the first block that begins at or behind it
    uint64_t accessed_at;  // `cycles` as exact at the instruction of the latest access to a device
    uint32_t block_address;
    uint32_t block_bytes;
    uint32_t stop_reason;
    uint32_t fpu_enabled;
    uint32_t watch_masks;  // an interrupt waits behind PRIMASK, BASEPRI or FAULTMASK: stop as soon as one changes
    uint32_t masks[kMasks];
    int32_t mask_registers[kMasks];
    int32_t pc_register;
    RegisterRead register_read;
    MemoryRead memory_read;
    EmulationStop emulation_stop;
    Block cache[kCacheEntries];
} Counter;

// A halfword above 0xE7FF is the first of a 32-bit instruction (Armv7-M ARM, A5.1).
static uint32_t instruction_bytes(uint16_t halfword) {
    return halfword >= 0xE800 ? 4 : 2;
}

// Coprocessors 10 and 11 in their three encodings (Armv7-M ARM, A6.4 to A6.7).
static int is_fpu_instruction(uint16_t first, uint16_t second) {
    return (first & 0xEC00) == 0xEC00 && (first & 0xEF00) != 0xEF00 && (second & 0x0E00) == 0x0A00;
}

static Block decode(const Counter* counter, void* engine, uint32_t address, uint32_t bytes) {
    uint16_t code[kBlockBytesMax / 2 + 1];
    Block block = {address, bytes, 0, 0};
    const uint32_t known = bytes < kBlockBytesMax ? bytes : kBlockBytesMax;
    memset(code, 0, known + 2);
    if (counter->memory_read(engine, address, code, known) != 0) {
        block.instructions = bytes / 2;
        return block;
    }
    for (uint32_t offset = 0; offset < known; offset += instruction_bytes(code[offset / 2])) {
        ++block.instructions;
        block.uses_fpu |= (uint32_t)is_fpu_instruction(code[offset / 2], code[offset / 2 + 1]);
    }
    return block;
}

static uint32_t masks_changed(const Counter* counter, void* engine) {
    uint32_t changed = 0;
    for (int index = 0; index < kMasks; ++index) {
        uint32_t value = 0;
        counter->register_read(engine, counter->mask_registers[index], &value);
        changed |= value ^ counter->masks[index];
    }
    return changed;
}

static void stop(Counter* counter, void* engine, enum StopReason reason) {
    counter->stop_reason = reason;
    counter->emulation_stop(engine);
}

Counter* counter_create(void) {
    return calloc(1, sizeof(Counter));
}

void counter_destroy(Counter* counter) {
    free(counter);
}

// Code has changed.
void counter_forget(Counter* counter) {
    memset(counter->cache, 0, sizeof(counter->cache));
}

// Returns how many instructions of the current block are at or behind `pc`; 0 if it is not in that block.
uint32_t counter_remaining(const Counter* counter, void* engine, uint32_t pc) {
    const uint32_t end = counter->block_address + counter->block_bytes;
    return pc >= counter->block_address && pc < end ? decode(counter, engine, pc, end - pc).instructions : 0;
}

// A hook of type UC_HOOK_BLOCK. Stopped here, a block has not begun.
void counter_block(void* engine, uint64_t address, uint32_t bytes, void* user) {
    Counter* const counter = user;
    if (counter->cycles >= counter->deadline) {
        stop(counter, engine, kDeadline);
        return;
    }
    if (counter->watch_masks && masks_changed(counter, engine)) {
        stop(counter, engine, kMasksChanged);
        return;
    }
    const uint32_t start = (uint32_t)address;
    Block* const block = &counter->cache[(start >> 1) & (kCacheEntries - 1)];
    if (block->address != start || block->bytes != bytes || block->instructions == 0) {
        *block = decode(counter, engine, start, bytes);
    }
    counter->block_address = start;
    counter->block_bytes = bytes;
    if (block->uses_fpu && !counter->fpu_enabled) {
        stop(counter, engine, kFpuOff);
        return;
    }
    counter->cycles += block->instructions;
}

// A hook of type UC_HOOK_MEM_READ_PROT and UC_HOOK_MEM_WRITE_PROT over device pages, mapped without rights: Unicorn
// makes the program counter exact before such a hook, which it does not before a device's own callback.
int counter_access(void* engine, int type, uint64_t address, int size, int64_t value, void* user) {
    Counter* const counter = user;
    uint32_t pc = 0;
    (void)type, (void)address, (void)size, (void)value;
    counter->register_read(engine, counter->pc_register, &pc);
    counter->accessed_at = counter->cycles - counter_remaining(counter, engine, pc);
    return 1;
}
