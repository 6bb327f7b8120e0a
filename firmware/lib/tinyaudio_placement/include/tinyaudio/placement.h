// Where things lie in a chip's memories: one macro for each kind of content.
//
// A macro names a kind, not a place. Which memory a kind goes to is decided for each board by the planner
// (tinyaudio/deploy/placement), from the properties of the memories in the board's file; the linker script follows it.
// On a target without such a script (the host, whatever its object format) a macro is its alignment and nothing more.
//
//     TINYAUDIO_ARENA static int8_t arena[kArenaBytes];
//
// Functions in headers (inline, templates) cannot carry TINYAUDIO_HOT_CODE: GCC keeps them in sections of their own.
// The planner names whole libraries instead.
#ifndef TINYAUDIO_PLACEMENT_H_
#define TINYAUDIO_PLACEMENT_H_

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#define TINYAUDIO_SECTION(name) section(name),
#else
#define TINYAUDIO_SECTION(name)
#endif

// Activations and scratch of a model. Zero at reset. ESP-IDF's linker script has a section of its own for PSRAM.
#if defined(TINYAUDIO_ARENA_IN_PSRAM)
#define TINYAUDIO_ARENA __attribute__((section(".ext_ram.bss.tinyaudio_arena"), aligned(16)))
#else
#define TINYAUDIO_ARENA __attribute__((TINYAUDIO_SECTION(".tinyaudio.arena") aligned(16)))
#endif

// What a DMA controller reads or writes: in a memory that it reaches and that the port keeps out of the data cache. In
// whole cache lines, so that it would also survive a cached neighbour. Zero at reset.
#define TINYAUDIO_DMA_BUFFER __attribute__((TINYAUDIO_SECTION(".tinyaudio.dma") aligned(32)))

// Buffers that are used for every sample or frame: in the memory without wait states. Zero at reset.
#define TINYAUDIO_FAST_DATA __attribute__((TINYAUDIO_SECTION(".tinyaudio.fast") aligned(8)))

// Constants that are read for every frame: copied at reset to the memory without wait states, where there is room.
#define TINYAUDIO_FAST_TABLE __attribute__((TINYAUDIO_SECTION(".tinyaudio.tables") aligned(8)))

// Functions that run for every sample, interrupt or frame: copied at reset to the instruction memory.
#define TINYAUDIO_HOT_CODE __attribute__((TINYAUDIO_SECTION(".tinyaudio.hot") aligned(4)))

#endif  // TINYAUDIO_PLACEMENT_H_
