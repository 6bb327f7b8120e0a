#include "memory_protection.h"

#include <stdint.h>

#include "generated/board_config.h"
#include "registers/mpu.h"
#include "registers/scb.h"
#include "tinyaudio/memory_tables.h"

namespace tinyaudio {
namespace stm32h7 {

namespace {

using tinyaudio_generated::kStorage;

struct Region {
    uint32_t base;  // a multiple of the size
    uint32_t size_bits;
    uint32_t attributes;
};

// Where two regions overlap the later one counts. Memory map: RM0433 2.3.
//
// The first one covers 4 GiB but for the eighths of RAM (0x20000000), peripherals (0x40000000) and the core's own
// (0xE0000000): below RAM it catches pointers to nowhere and the stack, which lies first in its memory and grows towards its
// start; above the peripherals it keeps the core from reading ahead in external memories that are not there.
constexpr Region kRegions[] = {
    {0x00000000, 32, Mpu::RASR_NO_ACCESS | Mpu::RASR_XN | 0x86U << Mpu::RASR_SRD_SHIFT},
    {0x00000000, 16, Mpu::RASR_READ_ONLY | Mpu::RASR_WRITE_THROUGH},  // ITCM: null pointers can be read, not written
    {0x08000000, 21, Mpu::RASR_READ_ONLY | Mpu::RASR_WRITE_THROUGH},  // flash
    {0x1FF00000, 17, Mpu::RASR_READ_ONLY | Mpu::RASR_XN | Mpu::RASR_DEVICE},   // system memory: the chip's unique id
    {0x20000000, 29, Mpu::RASR_READ_WRITE | Mpu::RASR_XN | Mpu::RASR_WRITE_BACK},  // all RAM
    {0x38800000, 12, Mpu::RASR_READ_WRITE | Mpu::RASR_XN | Mpu::RASR_DEVICE},  // backup RAM: what is in it outlives a reset
};

uint32_t next_region;

void add_region(const Region& region) {
    mpu().RNR = next_region++;
    mpu().RBAR = region.base;
    mpu().RASR = region.attributes | (region.size_bits - 1) << Mpu::RASR_SIZE_SHIFT | Mpu::RASR_ENABLE;
}

// `bytes` is a power of two.
uint32_t bits_of(uint32_t bytes) {
    return 31U - static_cast<uint32_t>(__builtin_clz(bytes));
}

// Unlike other flash the settings are written to, word by word in order, and read where they may have changed.
void add_settings() {
    if (kStorage.sectors == 0) {
        return;
    }
    for (uint32_t sector = 0; sector < kStorage.sectors; ++sector) {
        add_region({kStorage.origin + sector * kStorage.sector_bytes, bits_of(kStorage.sector_bytes),
                    Mpu::RASR_READ_WRITE | Mpu::RASR_XN | Mpu::RASR_DEVICE});
    }
}

void add_dma_buffers() {
    const uint32_t start = reinterpret_cast<uint32_t>(&tinyaudio_dma_start);
    const uint32_t bytes = reinterpret_cast<uint32_t>(&tinyaudio_dma_end) - start;
    if (bytes != 0) {
        add_region({start, bits_of(bytes), Mpu::RASR_READ_WRITE | Mpu::RASR_XN | Mpu::RASR_NON_CACHEABLE});
    }
}

void invalidate_data_cache() {
    scb().CSSELR = 0;  // the data cache of level 1
    __asm volatile("dsb" ::: "memory");
    const uint32_t geometry = scb().CCSIDR;
    const uint32_t last_set = geometry >> Scb::CCSIDR_NUM_SETS_SHIFT & Scb::CCSIDR_NUM_SETS_MASK;
    const uint32_t last_way = geometry >> Scb::CCSIDR_ASSOCIATIVITY_SHIFT & Scb::CCSIDR_ASSOCIATIVITY_MASK;
    for (uint32_t set = 0; set <= last_set; ++set) {
        for (uint32_t way = 0; way <= last_way; ++way) {
            cache_maintenance().DCISW =
                set << CacheMaintenance::DCISW_SET_SHIFT | way << CacheMaintenance::DCISW_WAY_SHIFT;
        }
    }
}

}  // namespace

void protect_memory() {
    for (const Region& region : kRegions) {
        add_region(region);
    }
    add_settings();
    add_dma_buffers();
    __asm volatile("dsb" ::: "memory");
    // At negative priority, too: else settings read under FAULTMASK, and the record that a hard fault leaves in backup RAM,
    // would go through the data cache, the one to grow stale there and the other to be lost in the reset.
    mpu().CTRL = Mpu::CTRL_PRIVDEFENA | Mpu::CTRL_HFNMIENA | Mpu::CTRL_ENABLE;
    __asm volatile("dsb\n isb" ::: "memory");
}

void start_caches() {
    cache_maintenance().ICIALLU = 0;
    invalidate_data_cache();
    __asm volatile("dsb\n isb" ::: "memory");
    set_bits(scb().CCR, Scb::CCR_IC | Scb::CCR_DC);
    __asm volatile("dsb\n isb" ::: "memory");
}

}  // namespace stm32h7
}  // namespace tinyaudio
