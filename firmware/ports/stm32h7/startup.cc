// Vector table and start of an STM32H7 without vendor code.
#include <stddef.h>
#include <stdint.h>

#include "clocks.h"
#include "cortex_m/fault_entry.h"
#include "generated/board_config.h"
#include "interrupts.h"
#include "last_words.h"
#include "memory_protection.h"
#include "registers/dwt.h"
#include "registers/nvic.h"
#include "registers/pwr.h"
#include "registers/rcc.h"
#include "registers/scb.h"
#include "tinyaudio/memory_tables.h"
#include "tinyaudio/port.h"

namespace {

using namespace tinyaudio::stm32h7;

// The first words of the image.
struct VectorTable {
    uint32_t* stack_top;
    Handler handlers[kFirstInterrupt - 1 + kInterruptCount];  // from exception 1, reset, on
};

}  // namespace

extern "C" {

int main(int argument_count, char** arguments);
extern const VectorTable tinyaudio_vectors;

}  // extern "C"

namespace {

// The memories of domain D2, and the backup RAM with leave to write to it (RM0433 8.7, 6.8).
void open_memories() {
    open_gate({offsetof(Rcc, AHB2ENR), Rcc::AHB2ENR_SRAM1EN | Rcc::AHB2ENR_SRAM2EN | Rcc::AHB2ENR_SRAM3EN});
    open_gate({offsetof(Rcc, AHB4ENR), Rcc::AHB4ENR_BKPRAMEN});
    set_bits(pwr().CR1, Pwr::CR1_DBP);
    wait_for(pwr().CR1, Pwr::CR1_DBP, Pwr::CR1_DBP);
}

void start_cycle_counter() {
    set_bits(core_debug().DEMCR, CoreDebug::DEMCR_TRCENA);
    dwt().LAR = Dwt::LAR_KEY;
    dwt().CYCCNT = 0;
    set_bits(dwt().CTRL, Dwt::CTRL_CYCCNTENA);
}

}  // namespace

extern "C" [[gnu::used]] void tinyaudio_start() {
    scb().VTOR = reinterpret_cast<uint32_t>(&tinyaudio_vectors);
    tinyaudio::cortex_m::enable_faults();
    open_memories();
    start_clocks();
    tinyaudio::initialize_memory();
    protect_memory();
    start_caches();
    start_cycle_counter();
    take_last_words();
    if (!tinyaudio::port_only_talks()) {  // a constructor may be what faults
        tinyaudio::run_constructors();
    }
    tinyaudio::port_exit(main(0, nullptr));
}

// No word can be said here: the link may be in any state. The next boot tells it.
extern "C" [[gnu::used]] void tinyaudio_report_fault(const uint32_t* frame) {
    volatile tinyaudio::cortex_m::FaultRecord& record = stored_fault();
    tinyaudio::cortex_m::record_fault(frame, tinyaudio::cortex_m::faults_in_a_row(record), record);
    reset_chip();
}

namespace {

constexpr InterruptTable make_interrupts() {
    InterruptTable table = {};
    table.handlers[kFlashInterrupt] = flash_interrupt;
    table.handlers[kDma1Stream0Interrupt] = link_receive_interrupt;
    table.handlers[kDma1Stream1Interrupt] = link_transmit_interrupt;
    table.handlers[kDma1Stream2Interrupt] = samples_interrupt;
    table.handlers[kLptim1Interrupt] = wake_up_interrupt;
    table.handlers[tinyaudio_generated::kLink.interrupt] = link_interrupt;
    if (tinyaudio_generated::kMicrophone.interface != MicrophoneInterface::kNone) {
        table.handlers[tinyaudio_generated::kMicrophone.interrupt] = microphone_interrupt;
    }
    return table;
}

constexpr InterruptTable kInterrupts = make_interrupts();

// An interrupt that has no handler is a fault.
constexpr VectorTable make_vectors() {
    VectorTable table = {&tinyaudio_stack_top, {}};
    for (Handler& handler : table.handlers) {
        handler = tinyaudio_fault;
    }
    table.handlers[0] = tinyaudio_reset;
    for (uint32_t interrupt = 0; interrupt < kInterruptCount; ++interrupt) {
        if (kInterrupts.handlers[interrupt] != nullptr) {
            table.handlers[kFirstInterrupt - 1 + interrupt] = tinyaudio_interrupt;
        }
    }
    return table;
}

}  // namespace

const InterruptTable tinyaudio_interrupts = kInterrupts;

[[gnu::section(".vectors"), gnu::used]] extern const VectorTable tinyaudio_vectors = make_vectors();
