// Start of a test program on the emulated mps2-an500, in front of the C library's start-up code behind semihosting.
#include <stdint.h>

extern "C" void _start();
extern "C" uint32_t __stack;

__attribute__((section(".vectors"), used)) const void* const kVectors[2] = {&__stack, reinterpret_cast<const void*>(_start)};
