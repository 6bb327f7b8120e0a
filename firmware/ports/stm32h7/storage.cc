// Flash sectors for settings. RM0433 chapter 4: sectors of 128 KB are erased, flash words of 256 bits are programmed, each
// once, and carry an error correction code of their own.
#include <string.h>

#include "generated/board_config.h"
#include "interrupts.h"
#include "registers/flash.h"
#include "registers/nvic.h"
#include "registers/scb.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

using namespace stm32h7;
using tinyaudio_generated::kStorage;

constexpr uint32_t kFlashWords = 8;  // words of 32 bits in a flash word
constexpr uint32_t kUnitBytes = 4 * kFlashWords;
constexpr uint32_t kEccErrors = FlashBank::SR_SNECCERR | FlashBank::SR_DBECCERR;

FlashBank& bank() {
    return flash_bank(kStorage.bank);
}

volatile uint32_t* unit_at(uint32_t offset_bytes) {
    return reinterpret_cast<volatile uint32_t*>(kStorage.origin + offset_bytes / kUnitBytes * kUnitBytes);
}

bool is_inside(uint32_t offset_bytes, uint32_t count) {
    const uint32_t bytes = kStorage.sectors * kStorage.sector_bytes;
    return count <= bytes && offset_bytes <= bytes - count;
}

// Reads a flash word whose two-bit error, which a power loss in mid-write may leave, would be a bus fault: with FAULTMASK
// set and BFHFNMIGN the processor goes on behind such a load, and the flash controller tells of the error.
bool read_unit(uint32_t offset_bytes, uint32_t (&words)[kFlashWords]) {
    volatile const uint32_t* const source = unit_at(offset_bytes);
    bank().CCR = kEccErrors;
    __asm volatile("cpsid f" ::: "memory");
    set_bits(scb().CCR, Scb::CCR_BFHFNMIGN);
    __asm volatile("dsb\n isb" ::: "memory");
    for (uint32_t index = 0; index < kFlashWords; ++index) {
        words[index] = source[index];
    }
    __asm volatile("dsb\n isb" ::: "memory");
    clear_bits(scb().CCR, Scb::CCR_BFHFNMIGN);
    const bool is_good = (scb().CFSR & Scb::CFSR_BUS_FAULT) == 0 && (bank().SR & FlashBank::SR_DBECCERR) == 0;
    scb().CFSR = Scb::CFSR_BUS_FAULT;  // written ones clear
    bank().CCR = kEccErrors;
    __asm volatile("dsb\n cpsie f\n isb" ::: "memory");
    return is_good;
}

// The control register is locked but while something is written: a stray write cannot reach the flash.
void unlock() {
    bank().KEYR = FlashBank::KEYR_KEY1;
    bank().KEYR = FlashBank::KEYR_KEY2;
    bank().CCR = FlashBank::SR_WRITE_ERRORS | FlashBank::SR_EOP;
}

// Sleeps until what was begun has ended: an erase takes seconds, in which bytes and samples still come in. Behind the
// interrupt of its end nothing else need come, so it is not slept on if the controller is busy still.
bool finish() {
    constexpr uint32_t kBusy = FlashBank::SR_QW | FlashBank::SR_BSY | FlashBank::SR_WBNE;
    enable_interrupt(kFlashInterrupt);
    for (;;) {
        const InterruptLock lock;
        if ((bank().SR & kBusy) == 0) {
            break;
        }
        if ((bank().CR & FlashBank::CR_END_INTERRUPTS) != 0) {
            wait_for_interrupt();
        }
    }
    const bool is_good = (bank().SR & FlashBank::SR_WRITE_ERRORS) == 0;
    bank().CCR = FlashBank::SR_WRITE_ERRORS | FlashBank::SR_EOP;
    bank().CR = FlashBank::CR_LOCK;
    return is_good;
}

}  // namespace

// It only has to end a sleep: the interrupt stays away until the next operation asks for it.
void stm32h7::flash_interrupt() {
    if ((bank().CR & FlashBank::CR_LOCK) == 0) {
        clear_bits(bank().CR, FlashBank::CR_END_INTERRUPTS);
    }
}

PortStorage port_storage() {
    return {kStorage.sector_bytes, kStorage.sectors, kStorage.sectors == 0 ? 0 : kUnitBytes};
}

bool port_storage_read(uint32_t offset_bytes, uint8_t* bytes, uint32_t count) {
    if (!is_inside(offset_bytes, count)) {
        return false;
    }
    while (count > 0) {
        uint32_t words[kFlashWords];
        if (!read_unit(offset_bytes, words)) {
            return false;
        }
        const uint32_t skipped = offset_bytes % kUnitBytes;
        const uint32_t taken = count < kUnitBytes - skipped ? count : kUnitBytes - skipped;
        memcpy(bytes, reinterpret_cast<const uint8_t*>(words) + skipped, taken);
        bytes += taken;
        offset_bytes += taken;
        count -= taken;
    }
    return true;
}

bool port_storage_program(uint32_t offset_bytes, const uint8_t* unit) {
    if (offset_bytes % kUnitBytes != 0 || !is_inside(offset_bytes, kUnitBytes)) {
        return false;
    }
    uint32_t words[kFlashWords];
    memcpy(words, unit, kUnitBytes);
    volatile uint32_t* const target = unit_at(offset_bytes);
    unlock();
    bank().CR = FlashBank::CR_PG | FlashBank::CR_PSIZE_64_BITS | FlashBank::CR_END_INTERRUPTS;
    __asm volatile("dsb\n isb" ::: "memory");
    for (uint32_t index = 0; index < kFlashWords; ++index) {
        target[index] = words[index];
    }
    __asm volatile("dsb" ::: "memory");
    uint32_t written[kFlashWords];
    return finish() && read_unit(offset_bytes, written) && memcmp(written, words, kUnitBytes) == 0;
}

bool port_storage_erase(uint32_t sector) {
    if (sector >= kStorage.sectors) {
        return false;
    }
    unlock();
    const uint32_t command = FlashBank::CR_SER | FlashBank::CR_PSIZE_64_BITS | FlashBank::CR_END_INTERRUPTS |
                             (kStorage.first_sector + sector) << FlashBank::CR_SNB_SHIFT;
    bank().CR = command;
    bank().CR = command | FlashBank::CR_START;
    return finish();
}

}  // namespace tinyaudio
