// The UART to the host: both ways through DMA, so that the processor may compute or sleep meanwhile.
#ifndef TINYAUDIO_STM32H7_UART_LINK_H_
#define TINYAUDIO_STM32H7_UART_LINK_H_

#include <stdint.h>

namespace tinyaudio {
namespace stm32h7 {

// What went wrong so far. None of it is lost silently: frames carry a checksum, and the host sends again what is missing.
struct LinkErrors {
    uint32_t overruns;   // bytes came faster than the DMA took them
    uint32_t framing;    // no stop bit where one had to be
    uint32_t noise;      // samples of a bit that differ
    uint32_t dma;        // transfers that the DMA controller gave up
    uint32_t lost_bytes;  // overwritten in the ring because nobody read them
};

void uart_link_open();

// Bytes that wait to be read. Under an InterruptLock.
uint32_t uart_link_available();

// Copies at most `capacity` of them; returns how many.
uint32_t uart_link_read(uint8_t* bytes, uint32_t capacity);

// Sends all of `bytes`; sleeps while there is no room.
void uart_link_write(const uint8_t* bytes, uint32_t count);

// Sleeps until the last byte has left the chip.
void uart_link_flush();

LinkErrors uart_link_errors();

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_UART_LINK_H_
