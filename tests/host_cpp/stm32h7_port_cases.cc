// A program for the STM32H7 port alone: a byte is a command, the four behind it its argument; the answer is a count of
// bytes (four of them) and the bytes. Every boot answers without being asked. test_stm32h7_emulated.py talks to it.
#include <stdint.h>
#include <string.h>

#include "port/registers/lptim.h"
#include "port/registers/nvic.h"
#include "port/registers/rcc.h"
#include "port/stop_mode.h"
#include "port/uart_link.h"
#include "tinyaudio/port.h"

using namespace tinyaudio;
using namespace tinyaudio::stm32h7;

namespace {

constexpr uint32_t kCommandBytes = 5;
constexpr uint32_t kUnitBytes = 32;
constexpr uint32_t kMaxSamples = 24000;

int16_t samples[kMaxSamples];

void answer(const void* bytes, uint32_t count) {
    port_write(reinterpret_cast<const uint8_t*>(&count), sizeof(count));
    port_write(static_cast<const uint8_t*>(bytes), count);
}

void answer_word(uint32_t word) {
    answer(&word, sizeof(word));
}

void answer_text(const char* text) {
    answer(text, text == nullptr ? 0 : static_cast<uint32_t>(strlen(text)));
}

void read_exactly(uint8_t* bytes, uint32_t count) {
    while (count > 0) {
        const int32_t taken = port_read(bytes, count, PortWait::kBytes);
        bytes += taken;
        count -= static_cast<uint32_t>(taken);
    }
}

// Two instructions a round, and no access to a device: the emulated chip is fast at that.
void spend(uint32_t rounds) {
    __asm volatile(
        "1:\n"
        "subs %0, %0, #1\n"
        "bne 1b\n"
        : "+r"(rounds)
        :
        : "cc");
}

// Sends back what comes, whatever its size.
void echo(uint32_t count) {
    static uint8_t bytes[4096];
    port_write(reinterpret_cast<const uint8_t*>(&count), sizeof(count));
    while (count > 0) {
        const int32_t taken = port_read(bytes, count < sizeof(bytes) ? count : sizeof(bytes), PortWait::kBytes);
        port_write(bytes, static_cast<uint32_t>(taken));
        count -= static_cast<uint32_t>(taken);
    }
}

// Answers with the samples, and what was lost behind them.
void record(uint32_t sample_rate_hz) {
    uint32_t result[2] = {port_microphone_start(sample_rate_hz) ? 1U : 0U, 0};
    uint32_t count = 0;
    while (result[0] != 0 && count < kMaxSamples) {
        uint8_t none;
        port_read(&none, 0, PortWait::kBytesOrSamples);
        count += port_microphone_read(samples + count, kMaxSamples - count);
        result[1] += port_microphone_take_overruns();
    }
    port_microphone_stop();
    answer(result, sizeof(result));
    answer(samples, count * sizeof(int16_t));
}

// Records without reading for so many rounds, then reads on: samples in front of the gap, samples lost, samples behind it.
void record_late(uint32_t rounds) {
    port_microphone_start(48000);
    spend(rounds);
    const uint32_t told_early = port_microphone_take_overruns();
    const uint32_t before = port_microphone_read(samples, kMaxSamples);
    const uint32_t lost = port_microphone_take_overruns();
    uint32_t behind = 0;
    while (behind < 1000) {
        behind += port_microphone_read(samples + before + behind, 1000 - behind);
    }
    port_microphone_stop();
    const uint32_t result[] = {told_early, before, lost, behind};
    answer(result, sizeof(result));
    answer(samples, (before + behind) * sizeof(int16_t));
}

void describe_storage() {
    const PortStorage storage = port_storage();
    answer(&storage, sizeof(storage));
}

void read_unit(uint32_t offset_bytes) {
    uint8_t unit[kUnitBytes];
    answer(unit, port_storage_read(offset_bytes, unit, kUnitBytes) ? kUnitBytes : 0);
}

// From the middle of one unit to the middle of the one after the next.
void read_across(uint32_t offset_bytes) {
    uint8_t bytes[2 * kUnitBytes];
    answer(bytes, port_storage_read(offset_bytes + kUnitBytes / 2, bytes, sizeof(bytes)) ? sizeof(bytes) : 0);
}

void program_unit(uint32_t offset_bytes) {
    uint8_t unit[kUnitBytes];
    read_exactly(unit, kUnitBytes);
    answer_word(port_storage_program(offset_bytes, unit) ? 1 : 0);
}

volatile uint32_t depth;

uint32_t overflow_stack(uint32_t rounds) {
    volatile uint32_t frame[64];
    frame[0] = rounds;
    depth = depth + 1;
    return overflow_stack(rounds + 1) + frame[0];
}

void write_to(uint32_t address) {
    *reinterpret_cast<volatile uint32_t*>(address) = 1;
    __asm volatile("dsb" ::: "memory");
}

// What so many rounds are measured to take, with these interrupts in their middle.
[[gnu::noinline]] uint32_t measure(uint32_t rounds, uint32_t pending) {
    const uint32_t start = port_counter_start();
    spend(rounds);
    nvic().ISPR[0] = pending;
    spend(rounds);
    return port_counter_ticks() - start;
}

// Alone, with one interrupt, with two at once.
void measure_all(uint32_t rounds) {
    constexpr uint32_t kOne = 1U << kDma1Stream0Interrupt;
    const uint32_t ticks[] = {measure(rounds, 0), measure(rounds, kOne), measure(rounds, kOne | 1U << kFlashInterrupt)};
    answer(ticks, sizeof(ticks));
}

// A second low-power timer goes on in Stop mode: milliseconds from its start, modulo 2^16.
Lptim& watch() {
    return block_at<Lptim>(0x58002400);
}

void start_watch() {
    set_bits(rcc().CSR, Rcc::CSR_LSION);
    wait_for(rcc().CSR, Rcc::CSR_LSIRDY, Rcc::CSR_LSIRDY);
    rcc().D3CCIPR = 4U << 10;  // LPTIM2: LSI
    set_bits(rcc().APB4ENR, 1U << 9);
    watch().CFGR = 5U << Lptim::CFGR_PRESC_SHIFT;
    watch().CR = Lptim::CR_ENABLE;
    watch().ARR = 0xFFFF;
    wait_for(watch().ISR, Lptim::ISR_ARROK, Lptim::ISR_ARROK);
    watch().CR = Lptim::CR_ENABLE | 1U << 2;  // CNTSTRT
}

// Whether it was the timer that ended it, milliseconds that passed, and cycles.
void stop_for(uint32_t milliseconds) {
    start_watch();
    const uint32_t cycles = port_counter_ticks();
    const uint32_t is_over = port_stop_for(milliseconds) ? 1 : 0;
    const uint32_t result[] = {is_over, watch().CNT, port_counter_ticks() - cycles};
    watch().CR = 0;
    answer(result, sizeof(result));
}

void errors() {
    const LinkErrors counts = uart_link_errors();
    answer(&counts, sizeof(counts));
}

void identity() {
    uint8_t id[16];
    answer(id, port_chip_id(id, sizeof(id)));
}

void obey(char command, uint32_t argument) {
    switch (command) {
        case 'e': return echo(argument);
        case 'i': return identity();
        case 'b': return answer_word(port_boot_id());
        case 'w': return answer_text(port_last_words());
        case 'n': return answer_text(port_boot_note());
        case 't': return answer_word(port_only_talks() ? 1 : 0);
        case 'h': return port_host_is_here();
        case 'k': return measure_all(argument);
        case 'c': return answer_word(port_counter_ticks());
        case 'm': return record(argument);
        case 'l': return record_late(argument);
        case 's': return describe_storage();
        case 'r': return read_unit(argument);
        case 'a': return read_across(argument);
        case 'p': return program_unit(argument);
        case 'd': return answer_word(port_storage_erase(argument) ? 1 : 0);
        case 'z': return stop_for(argument);
        case 'f': return write_to(argument);
        case 'o': return answer_word(overflow_stack(argument));
        case 'E': return errors();
        case 'x': port_exit(static_cast<int>(argument));
        case 'R': port_reset();
        default: return;
    }
}

}  // namespace

int main() {
    port_open(0, nullptr);
    answer_text("ready");
    for (;;) {
        uint8_t command[kCommandBytes];
        read_exactly(command, kCommandBytes);
        uint32_t argument;
        memcpy(&argument, command + 1, sizeof(argument));
        obey(static_cast<char>(command[0]), argument);
    }
}
