// The port to Arm's MPS2 boards. One image serves two links: FIFOs of the host, which the command line of the
// emulator names ("tinyaudio --fifo IN OUT"), and without that the UART.
#include <string.h>

#include "mps2_registers.h"
#include "semihosting.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

using mps2::register_at;

constexpr uint32_t kCommandLineBytes = 256;
constexpr char kFifoOption[] = "--fifo";

struct Link {
    bool is_fifo;
    int32_t input;
    int32_t output;
};

Link link;
char command_line[kCommandLineBytes];

// Cuts the next word off `rest`, in place. Returns it, or an empty text at the end.
char* next_word(char*& rest) {
    char* const word = rest;
    while (*rest != '\0' && *rest != ' ') {
        ++rest;
    }
    if (*rest == ' ') {
        *rest++ = '\0';
    }
    return word;
}

// The command line is "<program> --fifo <input> <output>"; the paths have no spaces.
bool open_fifos() {
    if (!semihosting::command_line(command_line, kCommandLineBytes)) {
        return false;
    }
    char* rest = command_line;
    next_word(rest);
    if (strcmp(next_word(rest), kFifoOption) != 0) {
        return false;
    }
    const char* const input = next_word(rest);
    const char* const output = next_word(rest);
    link.input = semihosting::open(input, semihosting::OpenMode::kReadBinary);
    link.output = semihosting::open(output, semihosting::OpenMode::kWriteBinary);
    return link.input != semihosting::kNoHandle && link.output != semihosting::kNoHandle;
}

void open_uart() {
    register_at(mps2::kUart0BaudDivider) = mps2::kBaudDivider;
    register_at(mps2::kUart0Control) = mps2::kUartTransmitEnable | mps2::kUartReceiveEnable;
}

void start_timer() {
    register_at(mps2::kTimer0Control) = 0;
    register_at(mps2::kTimer0Reload) = 0xFFFFFFFF;
    register_at(mps2::kTimer0Value) = 0xFFFFFFFF;
    register_at(mps2::kTimer0Control) = mps2::kTimerEnable;
}

bool uart_has_byte() {
    return (register_at(mps2::kUart0State) & mps2::kUartReceiveFull) != 0;
}

uint32_t read_uart(uint8_t* bytes, uint32_t capacity) {
    while (!uart_has_byte()) {
    }
    uint32_t count = 0;
    while (count < capacity && uart_has_byte()) {
        bytes[count++] = static_cast<uint8_t>(register_at(mps2::kUart0Data));
    }
    return count;
}

void write_uart(const uint8_t* bytes, uint32_t count) {
    for (uint32_t index = 0; index < count; ++index) {
        while ((register_at(mps2::kUart0State) & mps2::kUartTransmitFull) != 0) {
        }
        register_at(mps2::kUart0Data) = bytes[index];
    }
}

}  // namespace

bool port_open(int, char**) {
    start_timer();
    link.is_fifo = open_fifos();
    if (!link.is_fifo) {
        open_uart();
    }
    return true;
}

int32_t port_read(uint8_t* bytes, uint32_t capacity, PortWait) {
    const uint32_t count = link.is_fifo ? semihosting::read(link.input, bytes, capacity) : read_uart(bytes, capacity);
    return count > 0 ? static_cast<int32_t>(count) : -1;
}

bool port_write(const uint8_t* bytes, uint32_t count) {
    if (!link.is_fifo) {
        write_uart(bytes, count);
        return true;
    }
    while (count > 0) {
        const uint32_t written = semihosting::write(link.output, bytes, count);
        if (written == 0) {
            return false;
        }
        bytes += written;
        count -= written;
    }
    return true;
}

uint32_t port_counter_ticks() {
    return ~register_at(mps2::kTimer0Value);  // it counts down from 2^32 - 1
}

// A vernier: under -icount shift=0 a tick is 40 instructions, and this loop has 41 from read to read. So every round
// reads one instruction later within a tick, until it skips one: that round began a tick exactly. Where time does not
// follow instructions the first round ends it.
uint32_t port_counter_start() {
    uint32_t previous = register_at(mps2::kTimer0Value);
    uint32_t now;
    uint32_t step;
    __asm volatile(
        "1:\n"
        "ldr %[now], [%[timer]]\n"
        "sub %[step], %[previous], %[now]\n"
        "mov %[previous], %[now]\n"
        ".rept 36\n"
        "nop\n"
        ".endr\n"
        "cmp %[step], #2\n"
        "blo 1b\n"
        : [now] "=&r"(now), [step] "=&r"(step), [previous] "+&r"(previous)
        : [timer] "r"(mps2::kTimer0Value)
        : "cc");
    return port_counter_ticks();
}

// The processor's id and that of the FPGA image: an emulated board has no serial number.
uint32_t port_chip_id(uint8_t* bytes, uint32_t capacity) {
    const uint32_t words[] = {register_at(mps2::kCpuId), register_at(mps2::kImageId)};
    const uint32_t count = capacity < sizeof(words) ? capacity : static_cast<uint32_t>(sizeof(words));
    memcpy(bytes, words, count);
    return count;
}

const char* port_last_words() {
    return nullptr;
}

bool port_only_talks() {
    return false;
}

void port_host_is_here() {}

const char* port_boot_note() {
    return nullptr;
}

uint32_t port_boot_id() {
    return 0;
}

void port_reset() {
    register_at(mps2::kApplicationInterruptControl) = mps2::kSystemResetRequest;
    __asm volatile("dsb" ::: "memory");
    for (;;) {
    }
}

void port_exit(int code) {
    semihosting::exit(code);
}

}  // namespace tinyaudio
