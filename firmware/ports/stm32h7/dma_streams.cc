#include "dma_streams.h"

namespace tinyaudio {
namespace stm32h7 {

namespace {

// Streams 0 to 3, which LISR and LIFCR serve.
constexpr uint32_t kFlagShifts[] = {0, 6, 16, 22};

uint32_t address_of(const volatile void* target) {
    return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(target));
}

}  // namespace

void dma_start(uint32_t stream, const DmaTransfer& transfer) {
    DmaStream& registers = dma1().stream[stream];
    dmamux1().CCR[stream] = transfer.request;
    registers.PAR = address_of(transfer.peripheral);
    registers.M0AR = address_of(transfer.memory);
    registers.NDTR = transfer.count;
    registers.FCR = 0;  // direct mode: every item goes to memory at once
    registers.CR = transfer.settings;
    __asm volatile("dsb" ::: "memory");  // what is to be sent has to be in memory
    registers.CR = transfer.settings | DmaStream::CR_EN;
}

void dma_stop(uint32_t stream) {
    DmaStream& registers = dma1().stream[stream];
    clear_bits(registers.CR, DmaStream::CR_EN);
    wait_for(registers.CR, DmaStream::CR_EN, 0);
    dma_take_flags(stream);
}

uint32_t dma_take_flags(uint32_t stream) {
    const uint32_t shift = kFlagShifts[stream];
    const uint32_t flags = dma1().LISR >> shift & Dma::FLAGS;
    dma1().LIFCR = flags << shift;
    return flags;
}

}  // namespace stm32h7
}  // namespace tinyaudio
