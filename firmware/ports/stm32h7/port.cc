// The port to the STM32H7: the rest of what tinyaudio/port.h asks for.
#include "tinyaudio/port.h"

#include <string.h>

#include "clocks.h"
#include "interrupts.h"
#include "last_words.h"
#include "microphone.h"
#include "registers/dwt.h"
#include "registers/rcc.h"
#include "registers/rng.h"
#include "uart_link.h"

namespace tinyaudio {

namespace {

using namespace stm32h7;

constexpr uint32_t kUniqueId = 0x1FF1E800;  // RM0433 61.1: 96 bits
constexpr uint32_t kUniqueIdBytes = 12;

uint32_t boot_id;

// A number of the random number generator, or 0 if it finds itself at fault (RM0433 34.3: a word from it is to be used
// only while no error is flagged). It is needed once, so its oscillator goes off again.
uint32_t draw_random_number() {
    constexpr uint32_t kPatience = 1000000;  // polls; a word takes 2 us at most
    set_bits(rcc().CR, Rcc::CR_HSI48ON);
    wait_for(rcc().CR, Rcc::CR_HSI48RDY, Rcc::CR_HSI48RDY);
    clear_bits(rcc().D2CCIP2R, Rcc::D2CCIP2R_RNGSEL);
    open_gate({offsetof(Rcc, AHB2ENR), Rcc::AHB2ENR_RNGEN});
    rng().CR = Rng::CR_RNGEN;
    uint32_t status = 0;
    for (uint32_t poll = 0; poll < kPatience && (status & (Rng::SR_DRDY | Rng::SR_CEIS | Rng::SR_SEIS)) == 0; ++poll) {
        status = rng().SR;
    }
    const bool is_good = (status & (Rng::SR_DRDY | Rng::SR_CEIS | Rng::SR_SEIS)) == Rng::SR_DRDY;
    const uint32_t number = is_good ? rng().DR : 0;
    rng().CR = 0;
    clear_bits(rcc().AHB2ENR, Rcc::AHB2ENR_RNGEN);
    clear_bits(rcc().CR, Rcc::CR_HSI48ON);
    return number;
}

bool is_news(PortWait wait) {
    return uart_link_available() != 0 || (wait == PortWait::kBytesOrSamples && microphone_has_news());
}

}  // namespace

bool port_open(int, char**) {
    boot_id = draw_random_number();
    uart_link_open();
    return true;
}

int32_t port_read(uint8_t* bytes, uint32_t capacity, PortWait wait) {
    {
        const InterruptLock lock;
        if (!is_news(wait)) {
            wait_for_interrupt();
        }
    }
    return static_cast<int32_t>(uart_link_read(bytes, capacity));
}

bool port_write(const uint8_t* bytes, uint32_t count) {
    uart_link_write(bytes, count);
    return true;
}

// Without the interrupts that fell into it: both are read with none in between.
uint32_t port_counter_ticks() {
    const InterruptLock lock;
    return dwt().CYCCNT - ticks_in_interrupts();
}

uint32_t port_counter_start() {
    return port_counter_ticks();
}

uint32_t port_chip_id(uint8_t* bytes, uint32_t capacity) {
    const volatile uint32_t* const unique_id = &block_at<Register>(kUniqueId);
    const uint32_t words[] = {unique_id[0], unique_id[1], unique_id[2]};
    static_assert(sizeof(words) == kUniqueIdBytes);
    const uint32_t count = capacity < kUniqueIdBytes ? capacity : kUniqueIdBytes;
    memcpy(bytes, words, count);
    return count;
}

const char* port_boot_note() {
    return is_on_spare_oscillator() ? "the external clock (HSE) does not run: the internal one stands in, up to 2 % off"
                                    : nullptr;
}

uint32_t port_boot_id() {
    return boot_id;
}

void port_reset() {
    uart_link_flush();
    reset_chip();
}

// There is nothing to go back to: the chip sleeps, with no interrupt to wake it. `code` stays in r0 for a debugger.
extern "C" [[noreturn, gnu::naked]] void tinyaudio_stopped(int code);

void port_exit(int code) {
    uart_link_flush();
    tinyaudio_stopped(code);
}

void tinyaudio_stopped(int) {
    __asm volatile(
        "cpsid i\n"
        "1:\n"
        "wfi\n"
        "b 1b\n");
}

}  // namespace tinyaudio
