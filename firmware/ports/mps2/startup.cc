// Vector table and start of a Cortex-M7 without vendor code.
#include <stdint.h>

#include "cortex_m/fault_entry.h"
#include "mps2_registers.h"
#include "semihosting.h"
#include "tinyaudio/memory_tables.h"

extern "C" int main(int argument_count, char** arguments);

namespace {

constexpr int kFaultExitCode = 70;

// Everything below RAM is read-only, as flash would be: a stack that overflows and a null pointer that is written to
// are faults. The board itself would lose the write, or let it change the program.
void protect_code() {
    using namespace tinyaudio::mps2;
    register_at(kProtectionRegion) = 0;
    register_at(kProtectionBase) = 0;
    register_at(kProtectionAttributes) = kReadOnly512Megabytes;
    register_at(kProtectionControl) = kEnableProtection;
    __asm volatile("dsb\n isb" ::: "memory");
}

}  // namespace

extern "C" [[gnu::used]] void tinyaudio_start() {
    protect_code();
    tinyaudio::cortex_m::enable_faults();
    tinyaudio::initialize_memory();
    tinyaudio::run_constructors();
    tinyaudio::semihosting::exit(main(0, nullptr));
}

// The emulator ends, and says why on its console.
extern "C" [[gnu::used]] void tinyaudio_report_fault(const uint32_t* frame) {
    tinyaudio::cortex_m::FaultRecord record;
    char text[tinyaudio::cortex_m::kFaultTextBytes];
    tinyaudio::cortex_m::record_fault(frame, 0, record);
    describe_fault(record, text);
    tinyaudio::semihosting::console("tinyaudio: ");
    tinyaudio::semihosting::console(text);
    tinyaudio::semihosting::console("\n");
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
