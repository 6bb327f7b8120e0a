// Vector table, reset and faults of an STM32H7 without vendor code.
#include <stddef.h>
#include <stdint.h>

#include "clocks.h"
#include "fault_record.h"
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

using Handler = void (*)();

// The first words of the image.
struct VectorTable {
    uint32_t* stack_top;
    Handler handlers[kFirstInterrupt - 1 + kInterruptCount];  // from exception 1, reset, on
};

}  // namespace

extern "C" {

int main(int argument_count, char** arguments);
extern const VectorTable tinyaudio_vectors;

// The memories of domain D2, and the backup RAM with leave to write to it (RM0433 8.7, 6.8).
static void open_memories() {
    open_gate({offsetof(Rcc, AHB2ENR), Rcc::AHB2ENR_SRAM1EN | Rcc::AHB2ENR_SRAM2EN | Rcc::AHB2ENR_SRAM3EN});
    open_gate({offsetof(Rcc, AHB4ENR), Rcc::AHB4ENR_BKPRAMEN});
    set_bits(pwr().CR1, Pwr::CR1_DBP);
    wait_for(pwr().CR1, Pwr::CR1_DBP, Pwr::CR1_DBP);
}

static void start_cycle_counter() {
    set_bits(core_debug().DEMCR, CoreDebug::DEMCR_TRCENA);
    dwt().LAR = Dwt::LAR_KEY;
    dwt().CYCCNT = 0;
    set_bits(dwt().CTRL, Dwt::CTRL_CYCCNTENA);
}

[[noreturn, gnu::used]] void tinyaudio_start() {
    scb().VTOR = reinterpret_cast<uint32_t>(&tinyaudio_vectors);
    // Faults of their own, below the hard fault: one that fails to stack its frame can still escalate and be told.
    set_bits(scb().SHCSR, Scb::SHCSR_FAULTS_ENABLED);
    open_memories();
    start_clocks();
    tinyaudio::initialize_memory();
    protect_memory();
    start_caches();
    start_cycle_counter();
    tinyaudio::run_constructors();
    tinyaudio::port_exit(main(0, nullptr));
}

// Full access to coprocessors 10 and 11 (CPACR) comes before anything that could touch the FPU; hence no C++ here.
[[gnu::naked, noreturn]] void tinyaudio_reset() {
    __asm volatile(
        "ldr r0, =0xE000ED88\n"
        "ldr r1, [r0]\n"
        "orr r1, r1, #(0xF << 20)\n"
        "str r1, [r0]\n"
        "dsb\n"
        "isb\n"
        "b tinyaudio_start\n"
        ".ltorg\n");
}

// `frame` is what the exception pushed: r0 to r3, r12, lr, pc, xpsr.
[[noreturn, gnu::used]] void tinyaudio_report_fault(const uint32_t* frame);

// Bit 2 of EXC_RETURN (lr) says which stack holds the frame. The report runs on a stack that is whole again:
// the fault may have come from an overflow of the one in use.
[[gnu::naked]] void tinyaudio_fault() {
    __asm volatile(
        "tst lr, #4\n"
        "ite eq\n"
        "mrseq r0, msp\n"
        "mrsne r0, psp\n"
        "ldr r1, =tinyaudio_stack_top\n"
        "msr msp, r1\n"
        "b tinyaudio_report_fault\n"
        ".ltorg\n");
}

}  // extern "C"

namespace {

// An overflow leaves the stack pointer below RAM: there is no frame then.
bool is_readable(const uint32_t* frame) {
    constexpr uint32_t kFrameWords = 8;
    return frame >= &tinyaudio_ram_start && frame + kFrameWords <= &tinyaudio_ram_end;
}

}  // namespace

// No word can be said here: the link may be in any state. The next boot tells it.
void tinyaudio_report_fault(const uint32_t* frame) {
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    const uint32_t status = scb().CFSR;
    const bool has_frame = is_readable(frame) && (status & Scb::CFSR_STACKING_FAILED) == 0;
    volatile FaultRecord& record = stored_fault();
    record.exception = exception;
    record.has_frame = has_frame ? 1 : 0;
    record.lr = has_frame ? frame[5] : 0;
    record.pc = has_frame ? frame[6] : 0;
    record.cfsr = status;
    record.hfsr = scb().HFSR;
    record.mmfar = scb().MMFAR;
    record.bfar = scb().BFAR;
    seal_fault_record(record);
    reset_chip();
}

namespace {

constexpr VectorTable make_vectors() {
    VectorTable table = {&tinyaudio_stack_top, {}};
    for (Handler& handler : table.handlers) {
        handler = tinyaudio_fault;
    }
    Handler* const interrupts = table.handlers + kFirstInterrupt - 1;
    table.handlers[0] = tinyaudio_reset;
    interrupts[kFlashInterrupt] = flash_interrupt;
    interrupts[kDma1Stream0Interrupt] = link_receive_interrupt;
    interrupts[kDma1Stream1Interrupt] = link_transmit_interrupt;
    interrupts[kDma1Stream2Interrupt] = samples_interrupt;
    interrupts[kLptim1Interrupt] = wake_up_interrupt;
    interrupts[tinyaudio_generated::kLink.interrupt] = link_interrupt;
    if (tinyaudio_generated::kMicrophone.interface != MicrophoneInterface::kNone) {
        interrupts[tinyaudio_generated::kMicrophone.interrupt] = microphone_interrupt;
    }
    return table;
}

}  // namespace

[[gnu::section(".vectors"), gnu::used]] extern const VectorTable tinyaudio_vectors = make_vectors();
