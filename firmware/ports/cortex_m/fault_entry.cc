// Sources: Arm DDI0403 (Armv7-M) B1.5 (exceptions), B3.2 (system control block).
#include "fault_entry.h"

#include "tinyaudio/memory_tables.h"

extern "C" {

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

namespace tinyaudio {
namespace cortex_m {

namespace {

constexpr uint32_t kSystemHandlerControl = 0xE000ED24;
constexpr uint32_t kFaultsEnabled = 7U << 16;  // usage fault, bus fault, memory management fault
constexpr uint32_t kConfigurableFaultStatus = 0xE000ED28;
constexpr uint32_t kStackingFailed = (1U << 4) | (1U << 12);  // MSTKERR, STKERR
constexpr uint32_t kHardFaultStatus = 0xE000ED2C;
constexpr uint32_t kMemoryFaultAddress = 0xE000ED34;
constexpr uint32_t kBusFaultAddress = 0xE000ED38;

volatile uint32_t& register_at(uint32_t address) {
    return *reinterpret_cast<volatile uint32_t*>(address);
}

// An overflow leaves the stack pointer below RAM: there is no frame then.
bool is_readable(const uint32_t* frame) {
    constexpr uint32_t kFrameWords = 8;
    return frame >= &tinyaudio_ram_start && frame + kFrameWords <= &tinyaudio_ram_end;
}

}  // namespace

void enable_faults() {
    register_at(kSystemHandlerControl) = register_at(kSystemHandlerControl) | kFaultsEnabled;
}

void record_fault(const uint32_t* frame, uint32_t faults_before, volatile FaultRecord& record) {
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    const uint32_t status = register_at(kConfigurableFaultStatus);
    const bool has_frame = is_readable(frame) && (status & kStackingFailed) == 0;
    record.exception = exception;
    record.has_frame = has_frame ? 1 : 0;
    record.lr = has_frame ? frame[5] : 0;
    record.pc = has_frame ? frame[6] : 0;
    record.cfsr = status;
    record.hfsr = register_at(kHardFaultStatus);
    record.mmfar = register_at(kMemoryFaultAddress);
    record.bfar = register_at(kBusFaultAddress);
    seal_fault_record(record, faults_before);
}

}  // namespace cortex_m
}  // namespace tinyaudio
