// The parts of the STM32H7 port that need no chip, and the addresses of its registers. Each line of the output is a fact
// that test_stm32h7_cpp.py knows from elsewhere.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cortex_m/fault_record.h"
#include "receive_ring.h"
#include "recording.h"
#include "registers/dbgmcu.h"
#include "registers/dfsdm.h"
#include "registers/dma.h"
#include "registers/dwt.h"
#include "registers/exti.h"
#include "registers/flash.h"
#include "registers/gpio.h"
#include "registers/lptim.h"
#include "registers/mpu.h"
#include "registers/nvic.h"
#include "registers/pwr.h"
#include "registers/rcc.h"
#include "registers/rng.h"
#include "registers/sai.h"
#include "registers/scb.h"
#include "registers/syscfg.h"
#include "registers/usart.h"

namespace {

using namespace tinyaudio::cortex_m;
using namespace tinyaudio::stm32h7;

void print_address(const char* name, const volatile void* address) {
    printf("%s %08" PRIxPTR "\n", name, reinterpret_cast<uintptr_t>(address));
}

#define PRINT_ADDRESS(expression) print_address(#expression, &expression)

void print_addresses() {
    PRINT_ADDRESS(rcc().CR);
    PRINT_ADDRESS(rcc().PLLCFGR);
    PRINT_ADDRESS(rcc().PLLxR[4]);
    PRINT_ADDRESS(rcc().D2CCIP2R);
    PRINT_ADDRESS(rcc().CSR);
    PRINT_ADDRESS(rcc().AHB4ENR);
    PRINT_ADDRESS(rcc().APB4ENR);
    PRINT_ADDRESS(pwr().CPUCR);
    PRINT_ADDRESS(pwr().D3CR);
    PRINT_ADDRESS(syscfg().PWRCR);
    PRINT_ADDRESS(flash_bank(0).ACR);
    PRINT_ADDRESS(flash_bank(0).SR);
    PRINT_ADDRESS(flash_bank(1).KEYR);
    PRINT_ADDRESS(flash_bank(1).CR);
    PRINT_ADDRESS(flash_bank(1).SR);
    PRINT_ADDRESS(flash_bank(1).CCR);
    PRINT_ADDRESS(gpio(3).MODER);
    PRINT_ADDRESS(gpio(4).AFR[1]);
    PRINT_ADDRESS(block_at<Usart>(0x40004800).ISR);
    PRINT_ADDRESS(dma1().LIFCR);
    PRINT_ADDRESS(dma1().stream[2].M0AR);
    PRINT_ADDRESS(dmamux1().CCR[2]);
    PRINT_ADDRESS(block_at<SaiBlock>(0x40015804).DR);
    PRINT_ADDRESS(dfsdm1_channel(7).CHCFGR2);
    PRINT_ADDRESS(dfsdm1_filter0().FLTRDATAR);
    PRINT_ADDRESS(lptim1().ARR);
    PRINT_ADDRESS(exti().CPUIMR2);
    PRINT_ADDRESS(rng().DR);
    PRINT_ADDRESS(dbgmcu().IDC);
    PRINT_ADDRESS(scb().VTOR);
    PRINT_ADDRESS(scb().BFAR);
    PRINT_ADDRESS(scb().CPACR);
    PRINT_ADDRESS(cache_maintenance().ICIALLU);
    PRINT_ADDRESS(cache_maintenance().DCISW);
    PRINT_ADDRESS(mpu().RASR);
    PRINT_ADDRESS(nvic().ISER[2]);
    PRINT_ADDRESS(dwt().CYCCNT);
    PRINT_ADDRESS(dwt().LAR);
    PRINT_ADDRESS(core_debug().DEMCR);
}

FaultRecord fault(uint32_t has_frame) {
    FaultRecord record = {0, 5, has_frame, 0x08001234, 0x08005679, 0x00008200, 0x40000000, 0x0000000C, 0x3FFFFFF0, 0, 0};
    seal_fault_record(record, 2);
    return record;
}

// Whether a record with any single bit changed is still taken for one.
bool survives_a_flipped_bit(const FaultRecord& record) {
    for (uint32_t bit = 0; bit < sizeof(record) * 8; ++bit) {
        FaultRecord damaged = record;
        reinterpret_cast<uint8_t*>(&damaged)[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
        if (is_fault_record(damaged)) {
            return true;
        }
    }
    return false;
}

void print_faults() {
    char text[kFaultTextBytes];
    const FaultRecord with_frame = fault(1);
    describe_fault(with_frame, text);
    printf("fault %s\n", text);
    const FaultRecord without_frame = fault(0);
    describe_fault(without_frame, text);
    printf("fault %s\n", text);
    const FaultRecord empty = {};
    FaultRecord erased;
    memset(&erased, 0xFF, sizeof(erased));
    printf("records %d %d %d %d\n", is_fault_record(with_frame), survives_a_flipped_bit(with_frame), is_fault_record(empty),
           is_fault_record(erased));
    FaultRecord told = with_frame;
    mark_fault_as_told(told);
    FaultRecord forgotten = told;
    forget_faults(forgotten);
    printf("row %u %u %u %u %d\n", faults_in_a_row(with_frame), faults_in_a_row(told), faults_in_a_row(forgotten),
           faults_in_a_row(erased), is_fault_record(told));
}

// A DMA controller that writes byte by byte; its interrupt comes `late` bytes after a half is full.
bool follows_the_dma(uint32_t late) {
    constexpr uint32_t kRingBytes = 16;
    uint32_t halves = 0;
    for (uint32_t total = 0; total < 10 * kRingBytes; ++total) {
        if (total >= late && (total - late) % (kRingBytes / 2) == 0 && total > late) {
            ++halves;
        }
        const uint32_t remaining = kRingBytes - total % kRingBytes;
        if (received_total<kRingBytes>(halves, remaining) != total) {
            return false;
        }
    }
    return true;
}

void push_ramp(Recording& recording, uint32_t first, uint32_t count) {
    for (uint32_t index = 0; index < count; ++index) {
        // 24 bits: the sample and eight bits that are cut off.
        const uint32_t word = (first + index) << 16 | 0xFF00;
        recording_push(recording, &word, 1);
    }
}

void print_recordings() {
    static Recording recording;
    static int16_t samples[kRecordingSamples];
    constexpr uint32_t kExtra = 100;
    recording.written = 0xFFFFFFF0;  // the counters wrap around
    recording.read = 0xFFFFFFF0;
    recording_restart(recording);
    printf("recording %d\n", recording_has_news(recording));
    push_ramp(recording, 0, kRecordingSamples + kExtra);
    // Nothing is told of the gap before what is in front of it was read.
    printf("recording %d %" PRIu32, recording_has_news(recording), recording_take_lost(recording));
    const uint32_t first = recording_read(recording, samples, 5);
    push_ramp(recording, 30000, 7);  // there is room again, but it would lie behind the gap
    const uint32_t rest = recording_read(recording, samples + first, kRecordingSamples);
    bool in_order = first == 5 && first + rest == kRecordingSamples;
    for (uint32_t index = 0; index < kRecordingSamples; ++index) {
        in_order = in_order && samples[index] == static_cast<int16_t>(index);
    }
    printf(" %d %d", in_order, recording_has_news(recording));
    printf(" %" PRIu32, recording_take_lost(recording));
    printf(" %" PRIu32 "\n", recording_take_lost(recording));
    push_ramp(recording, 500, 3);
    recording_lose(recording, 9);
    const uint32_t count = recording_read(recording, samples, 8);
    printf("recording %" PRIu32 " %d %d %" PRIu32 "\n", count, samples[0], samples[2], recording_take_lost(recording));
    const uint32_t negative = 0x80017F00;
    recording_push(recording, &negative, 1);
    recording_read(recording, samples, 1);
    printf("recording %d\n", samples[0]);
}

}  // namespace

int main() {
    print_addresses();
    print_faults();
    printf("receive %d %d %d %d\n", follows_the_dma(0), follows_the_dma(1), follows_the_dma(7), follows_the_dma(9));
    print_recordings();
    return 0;
}
