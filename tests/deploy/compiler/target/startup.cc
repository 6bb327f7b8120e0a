// The least that runs a program on QEMU's mps2-an500: vectors, data and bss, FPU, text out over semihosting.
#include <stdint.h>
#include <string.h>

extern "C" {
extern uint32_t stack_top, data_start, data_end, data_image, bss_start, bss_end;
void reset();
}
void run_cases();

__attribute__((section(".vectors"), used)) void* const vectors[] = {&stack_top, reinterpret_cast<void*>(reset)};

static void semihosting(uint32_t operation, const void* argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void* r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void print(const char* text) { semihosting(0x04, text); }

void reset() {
    *reinterpret_cast<volatile uint32_t*>(0xE000ED88u) |= 0xfu << 20;  // CPACR: the FPU
    memcpy(&data_start, &data_image, static_cast<size_t>(&data_end - &data_start) * 4);
    memset(&bss_start, 0, static_cast<size_t>(&bss_end - &bss_start) * 4);
    run_cases();
    semihosting(0x18, reinterpret_cast<void*>(0x20026));  // ADP_Stopped_ApplicationExit
    for (;;) {
    }
}
