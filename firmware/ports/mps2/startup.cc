// Vector table, reset and faults of a Cortex-M7 without vendor code.
#include <stdint.h>

#include "mps2_registers.h"
#include "semihosting.h"
#include "tinyaudio/memory_tables.h"

extern "C" {

int main(int argument_count, char** arguments);

// Everything below RAM is read-only, as flash would be: a stack that overflows and a null pointer that is written to
// are faults. The board itself would lose the write, or let it change the program.
void tinyaudio_protect_code() {
    using namespace tinyaudio::mps2;
    register_at(kProtectionRegion) = 0;
    register_at(kProtectionBase) = 0;
    register_at(kProtectionAttributes) = kReadOnly512Megabytes;
    register_at(kProtectionControl) = kEnableProtection;
    __asm volatile("dsb\n isb" ::: "memory");
}

[[noreturn, gnu::used]] void tinyaudio_start() {
    using namespace tinyaudio::mps2;
    tinyaudio_protect_code();
    // Faults of their own, below the hard fault: one that fails to stack its frame can still escalate and be told.
    register_at(kSystemHandlerControl) = register_at(kSystemHandlerControl) | kEnableFaults;
    tinyaudio::initialize_memory();
    tinyaudio::run_constructors();
    tinyaudio::semihosting::exit(main(0, nullptr));
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

constexpr int kFaultExitCode = 70;

void append(char*& end, const char* text) {
    while (*text != '\0') {
        *end++ = *text++;
    }
}

void append_hexadecimal(char*& end, const char* name, uint32_t value) {
    append(end, name);
    for (int shift = 28; shift >= 0; shift -= 4) {
        *end++ = "0123456789abcdef"[(value >> shift) & 0xF];
    }
}

// An overflow leaves the stack pointer below RAM: there is no frame then.
bool is_readable(const uint32_t* frame) {
    constexpr uint32_t kFrameWords = 8;
    return frame >= &tinyaudio_ram_start && frame + kFrameWords <= &tinyaudio_ram_end;
}

}  // namespace

void tinyaudio_report_fault(const uint32_t* frame) {
    using namespace tinyaudio::mps2;
    constexpr uint32_t kStackingFailed = (1U << 4) | (1U << 12);  // CFSR: MSTKERR, STKERR
    const uint32_t status = register_at(kConfigurableFaultStatus);
    char text[160];
    char* end = text;
    append(end, "tinyaudio: fault");
    if (is_readable(frame) && (status & kStackingFailed) == 0) {
        append_hexadecimal(end, " at pc=0x", frame[6]);
        append_hexadecimal(end, " lr=0x", frame[5]);
    } else {
        append(end, ", the stack overflowed,");
    }
    append_hexadecimal(end, " cfsr=0x", status);
    append_hexadecimal(end, " hfsr=0x", register_at(kHardFaultStatus));
    append_hexadecimal(end, " mmfar=0x", register_at(kMemoryFaultAddress));
    append_hexadecimal(end, " bfar=0x", register_at(kBusFaultAddress));
    append(end, "\n");
    *end = '\0';
    tinyaudio::semihosting::console(text);
    tinyaudio::semihosting::exit(kFaultExitCode);
}

// The first words of the image. Interrupts are not used, so the table ends behind the system exceptions.
using Handler = void (*)();

struct VectorTable {
    uint32_t* stack_top;
    Handler handlers[15];  // exceptions 1 (reset) to 15 (SysTick)
};

[[gnu::section(".vectors"), gnu::used]] extern const VectorTable tinyaudio_vectors = {
    &tinyaudio_stack_top,
    {tinyaudio_reset, tinyaudio_fault, tinyaudio_fault, tinyaudio_fault, tinyaudio_fault, tinyaudio_fault, nullptr,
     nullptr, nullptr, nullptr, tinyaudio_fault, tinyaudio_fault, nullptr, tinyaudio_fault, tinyaudio_fault},
};
