// What the linker script tells the reset handler: where the stack is, what to copy, what to clear.
//
// Bare metal only. Every address is a multiple of 4.
#ifndef TINYAUDIO_MEMORY_TABLES_H_
#define TINYAUDIO_MEMORY_TABLES_H_

#include <stdint.h>

namespace tinyaudio {

// Content that is stored in flash and used elsewhere.
struct CopyEntry {
    const uint32_t* load;
    uint32_t* start;
    uint32_t* end;
};

// Memory that is zero at reset.
struct ClearEntry {
    uint32_t* start;
    uint32_t* end;
};

}  // namespace tinyaudio

extern "C" {

extern uint32_t tinyaudio_ram_start;  // of the region of stack, .data and .bss
extern uint32_t tinyaudio_ram_end;
extern uint32_t tinyaudio_stack_start;  // the stack is the first of its region: an overflow leaves it
extern uint32_t tinyaudio_stack_top;
extern uint32_t tinyaudio_dma_start;  // the region of the DMA buffers, all of it: a power of two, aligned to its size,
extern uint32_t tinyaudio_dma_end;    // with nothing else in it; equal to the start where there are none
extern const tinyaudio::CopyEntry tinyaudio_copy_table_start[];
extern const tinyaudio::CopyEntry tinyaudio_copy_table_end[];
extern const tinyaudio::ClearEntry tinyaudio_clear_table_start[];
extern const tinyaudio::ClearEntry tinyaudio_clear_table_end[];
extern void (*tinyaudio_constructors_start[])();
extern void (*tinyaudio_constructors_end[])();

}  // extern "C"

namespace tinyaudio {

// Gives every memory its first content. Before it nothing that is copied may be called or read; clocks of the memories
// have to be on. The empty assembly keeps GCC from making calls of the loops: memcpy may be what has to be copied.
inline void initialize_memory() {
    for (const CopyEntry* entry = tinyaudio_copy_table_start; entry != tinyaudio_copy_table_end; ++entry) {
        const uint32_t* load = entry->load;
        for (uint32_t* word = entry->start; word != entry->end; ++word) {
            *word = *load++;
            __asm volatile("" ::: "memory");
        }
    }
    for (const ClearEntry* entry = tinyaudio_clear_table_start; entry != tinyaudio_clear_table_end; ++entry) {
        for (uint32_t* word = entry->start; word != entry->end; ++word) {
            *word = 0;
            __asm volatile("" ::: "memory");
        }
    }
    __asm volatile("dsb\n isb" ::: "memory");  // what was copied may be code
}

inline void run_constructors() {
    for (auto constructor = tinyaudio_constructors_start; constructor != tinyaudio_constructors_end; ++constructor) {
        (*constructor)();
    }
}

}  // namespace tinyaudio

#endif  // TINYAUDIO_MEMORY_TABLES_H_
