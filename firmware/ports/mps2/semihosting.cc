#include "semihosting.h"

#include <string.h>

namespace tinyaudio {
namespace semihosting {

namespace {

constexpr uint32_t kSysOpen = 0x01;
constexpr uint32_t kSysWriteZeroTerminated = 0x04;
constexpr uint32_t kSysWrite = 0x05;
constexpr uint32_t kSysRead = 0x06;
constexpr uint32_t kSysGetCommandLine = 0x15;
constexpr uint32_t kSysExitExtended = 0x20;
constexpr uint32_t kApplicationExit = 0x20026;  // ADP_Stopped_ApplicationExit

// On M profile the call is BKPT 0xAB with the operation in r0 and the address of its parameter block in r1.
uint32_t call(uint32_t operation, const void* parameters) {
    register uint32_t r0 __asm("r0") = operation;
    register const void* r1 __asm("r1") = parameters;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

uint32_t word(const void* address) {
    return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(address));
}

}  // namespace

int32_t open(const char* path, OpenMode mode) {
    const uint32_t block[] = {word(path), static_cast<uint32_t>(mode), static_cast<uint32_t>(strlen(path))};
    return static_cast<int32_t>(call(kSysOpen, block));
}

uint32_t read(int32_t handle, uint8_t* bytes, uint32_t capacity) {
    const uint32_t block[] = {static_cast<uint32_t>(handle), word(bytes), capacity};
    const uint32_t missing = call(kSysRead, block);  // bytes not read; `capacity` at the end of the file
    return missing < capacity ? capacity - missing : 0;
}

uint32_t write(int32_t handle, const uint8_t* bytes, uint32_t count) {
    const uint32_t block[] = {static_cast<uint32_t>(handle), word(bytes), count};
    const uint32_t missing = call(kSysWrite, block);  // bytes not written
    return missing < count ? count - missing : 0;
}

bool command_line(char* text, uint32_t capacity) {
    uint32_t block[] = {word(text), capacity};
    return call(kSysGetCommandLine, block) == 0 && block[1] < capacity;
}

void console(const char* text) {
    call(kSysWriteZeroTerminated, text);
}

void exit(int32_t code) {
    const uint32_t block[] = {kApplicationExit, static_cast<uint32_t>(code)};
    for (;;) {
        call(kSysExitExtended, block);
    }
}

}  // namespace semihosting
}  // namespace tinyaudio
