#include "microphone.h"

#include "clocks.h"
#include "dma_streams.h"
#include "generated/board_config.h"
#include "interrupts.h"
#include "pcm_peripherals.h"
#include "recording.h"
#include "registers/nvic.h"
#include "registers/rcc.h"
#include "tinyaudio/placement.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace stm32h7 {

namespace {

using tinyaudio_generated::kMicrophone;

constexpr bool kIsPresent = kMicrophone.interface != MicrophoneInterface::kNone;
constexpr bool kIsPdm = kMicrophone.interface == MicrophoneInterface::kPdm;
constexpr uint32_t kBlockSamples = 64;  // a block is recorded while the one before it is taken: 4 ms at 16 kHz

TINYAUDIO_DMA_BUFFER uint32_t blocks[2][kBlockSamples];
Recording recording;
bool is_running;

const volatile void* data() {
    return kIsPdm ? dfsdm_data() : sai_data();
}

void start_peripheral(const SampleRateSettings& rate) {
    return kIsPdm ? dfsdm_start(rate) : sai_start(rate);
}

void stop_peripheral() {
    return kIsPdm ? dfsdm_stop() : sai_stop();
}

bool take_overrun() {
    return kIsPdm ? dfsdm_take_overrun() : sai_take_overrun();
}

const SampleRateSettings* find_rate(uint32_t sample_rate_hz) {
    for (uint32_t index = 0; index < kMicrophone.rate_count; ++index) {
        if (kMicrophone.rates[index].sample_rate_hz == sample_rate_hz) {
            return &kMicrophone.rates[index];
        }
    }
    return nullptr;
}

void start_samples() {
    dma_start(kSampleStream, {kMicrophone.request, data(), blocks, 2 * kBlockSamples,
                              DmaStream::CR_CIRC | DmaStream::CR_MINC | DmaStream::CR_PSIZE_32_BITS |
                                  DmaStream::CR_MSIZE_32_BITS | DmaStream::CR_PL_HIGH | DmaStream::CR_HTIE |
                                  DmaStream::CR_TCIE | DmaStream::CR_TEIE});
}

}  // namespace

bool microphone_has_news() {
    return kIsPresent && is_running && recording_has_news(recording);
}

// Both halves at once: the processor was away for longer than a block, and the older one is being written again.
void samples_interrupt() {
    const uint32_t flags = dma_take_flags(kSampleStream);
    if ((flags & Dma::FLAG_TE) != 0) {
        dma_stop(kSampleStream);
        recording_lose(recording, 2 * kBlockSamples);
        start_samples();
        return;
    }
    __asm volatile("dmb" ::: "memory");  // nothing is read ahead of the flags
    const bool is_first = (flags & Dma::FLAG_HT) != 0;
    const bool is_second = (flags & Dma::FLAG_TC) != 0;
    if (is_first && is_second) {
        recording_lose(recording, 2 * kBlockSamples);
    } else if (is_first || is_second) {
        recording_push(recording, blocks[is_first ? 0 : 1], kBlockSamples);
    }
}

// The peripheral drops at least one sample an overrun, and does not say how many.
void microphone_interrupt() {
    if (take_overrun()) {
        recording_lose(recording, 1);
    }
}

}  // namespace stm32h7

using namespace stm32h7;

bool port_has_microphone() {
    return kIsPresent;
}

bool port_microphone_start(uint32_t sample_rate_hz) {
    const SampleRateSettings* const rate = find_rate(sample_rate_hz);
    if (rate == nullptr) {
        return false;
    }
    port_microphone_stop();
    open_gate(kMicrophone.gate);
    for (uint32_t index = 0; index < kMicrophone.pin_count; ++index) {
        connect_pin(kMicrophone.pins[index], false);
    }
    recording_restart(recording);
    start_samples();
    enable_interrupt(kDma1Stream2Interrupt);
    enable_interrupt(kMicrophone.interrupt);
    start_peripheral(*rate);
    is_running = true;
    return true;
}

void port_microphone_stop() {
    if (!is_running) {
        return;
    }
    stop_peripheral();
    const InterruptLock lock;
    dma_stop(kSampleStream);
    recording_restart(recording);
    is_running = false;
}

uint32_t port_microphone_read(int16_t* samples, uint32_t capacity) {
    return recording_read(recording, samples, capacity);
}

uint32_t port_microphone_take_overruns() {
    const InterruptLock lock;
    return recording_take_lost(recording);
}

}  // namespace tinyaudio
