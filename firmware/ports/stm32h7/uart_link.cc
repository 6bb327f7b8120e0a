#include "uart_link.h"

#include <string.h>

#include "clocks.h"
#include "dma_streams.h"
#include "generated/board_config.h"
#include "interrupts.h"
#include "receive_ring.h"
#include "registers/nvic.h"
#include "registers/rcc.h"
#include "registers/usart.h"
#include "tinyaudio/application.h"
#include "tinyaudio/placement.h"

namespace tinyaudio {
namespace stm32h7 {

namespace {

using tinyaudio_generated::kLink;

constexpr uint32_t kReceiveRingBytes = 16384;
constexpr uint32_t kTransmitRingBytes = 8192;
// What the host may have under way fits into the half of the ring that the DMA is not in.
static_assert(kReceiveRingBytes / 2 >= kReceiveBytes, "the ring has to hold the host's credit twice");

TINYAUDIO_DMA_BUFFER uint8_t receive_ring[kReceiveRingBytes];
TINYAUDIO_DMA_BUFFER uint8_t transmit_ring[kTransmitRingBytes];

// Counted since the start, modulo 2^32.
volatile uint32_t received_halves;
uint32_t bytes_read;
volatile uint32_t bytes_written;
volatile uint32_t bytes_sent;
volatile uint32_t bytes_in_flight;  // of the DMA transfer under way; 0: there is none
volatile bool restart_receiver;
volatile LinkErrors errors;

Usart& usart() {
    return block_at<Usart>(kLink.base);
}

void start_receiver() {
    received_halves = 0;
    bytes_read = 0;
    dma_start(kReceiveStream, {kLink.receive_request, &usart().RDR, receive_ring, kReceiveRingBytes,
                               DmaStream::CR_CIRC | DmaStream::CR_MINC | DmaStream::CR_TRBUFF | DmaStream::CR_PL_HIGH |
                                   DmaStream::CR_HTIE | DmaStream::CR_TCIE | DmaStream::CR_TEIE});
}

// Sends what waits, up to the end of the ring. With the transmitter's interrupt held off.
void send_next() {
    const uint32_t waiting = bytes_written - bytes_sent;
    if (bytes_in_flight != 0 || waiting == 0) {
        return;
    }
    const uint32_t position = bytes_sent % kTransmitRingBytes;
    const uint32_t to_end = kTransmitRingBytes - position;
    bytes_in_flight = waiting < to_end ? waiting : to_end;
    dma_start(kTransmitStream, {kLink.transmit_request, &usart().TDR, transmit_ring + position, bytes_in_flight,
                                DmaStream::CR_DIR_FROM_MEMORY | DmaStream::CR_MINC | DmaStream::CR_TRBUFF |
                                    DmaStream::CR_TCIE | DmaStream::CR_TEIE});
}

uint32_t put(const uint8_t* bytes, uint32_t count) {
    const uint32_t room = kTransmitRingBytes - (bytes_written - bytes_sent);
    const uint32_t taken = count < room ? count : room;
    const uint32_t position = bytes_written % kTransmitRingBytes;
    const uint32_t first = taken < kTransmitRingBytes - position ? taken : kTransmitRingBytes - position;
    memcpy(transmit_ring + position, bytes, first);
    memcpy(transmit_ring, bytes + first, taken - first);
    __asm volatile("dmb" ::: "memory");  // the bytes first, then the count that the interrupt sends by
    bytes_written = bytes_written + taken;
    return taken;
}

}  // namespace

void uart_link_open() {
    open_gate({offsetof(Rcc, AHB1ENR), Rcc::AHB1ENR_DMA1EN});  // and DMAMUX1 with it
    open_gate(kLink.gate);
    connect_pin(kLink.tx, false);
    connect_pin(kLink.rx, true);  // a line that nobody drives is idle
    Usart& registers = usart();
    registers.BRR = kLink.divider;
    registers.CR3 = Usart::CR3_DMAR | Usart::CR3_DMAT | Usart::CR3_EIE;
    registers.CR1 = Usart::CR1_FIFOEN | Usart::CR1_TE | Usart::CR1_RE | Usart::CR1_IDLEIE;
    set_bits(registers.CR1, Usart::CR1_UE);
    start_receiver();
    enable_interrupt(kDma1Stream0Interrupt);
    enable_interrupt(kDma1Stream1Interrupt);
    enable_interrupt(kLink.interrupt);
}

uint32_t uart_link_available() {
    if (restart_receiver) {
        restart_receiver = false;
        dma_stop(kReceiveStream);
        start_receiver();
    }
    const uint32_t total = received_total<kReceiveRingBytes>(received_halves, dma_remaining(kReceiveStream));
    const uint32_t waiting = total - bytes_read;
    if (waiting <= kReceiveRingBytes) {
        return waiting;
    }
    errors.lost_bytes = errors.lost_bytes + waiting;
    bytes_read = total;
    return 0;
}

uint32_t uart_link_read(uint8_t* bytes, uint32_t capacity) {
    uint32_t waiting;
    {
        const InterruptLock lock;
        waiting = uart_link_available();
    }
    __asm volatile("dmb" ::: "memory");  // nothing is read ahead of the DMA controller's position
    const uint32_t count = waiting < capacity ? waiting : capacity;
    const uint32_t position = bytes_read % kReceiveRingBytes;
    const uint32_t first = count < kReceiveRingBytes - position ? count : kReceiveRingBytes - position;
    memcpy(bytes, receive_ring + position, first);
    memcpy(bytes + first, receive_ring, count - first);
    bytes_read += count;
    return count;
}

void uart_link_write(const uint8_t* bytes, uint32_t count) {
    while (count > 0) {
        const uint32_t taken = put(bytes, count);
        bytes += taken;
        count -= taken;
        const InterruptLock lock;
        send_next();
        if (count > 0 && bytes_written - bytes_sent == kTransmitRingBytes) {
            wait_for_interrupt();
        }
    }
}

void uart_link_flush() {
    for (;;) {
        const InterruptLock lock;
        if (bytes_written == bytes_sent) {
            break;
        }
        wait_for_interrupt();
    }
    wait_for(usart().ISR, Usart::ISR_TC, Usart::ISR_TC);
}

LinkErrors uart_link_errors() {
    return {errors.overruns, errors.framing, errors.noise, errors.dma, errors.lost_bytes};
}

void link_interrupt() {
    constexpr uint32_t kAll = Usart::ISR_PE | Usart::ISR_FE | Usart::ISR_NE | Usart::ISR_ORE | Usart::ISR_IDLE;
    const uint32_t status = usart().ISR;
    usart().ICR = status & kAll;
    errors.overruns = errors.overruns + ((status & Usart::ISR_ORE) != 0 ? 1 : 0);
    errors.framing = errors.framing + ((status & Usart::ISR_FE) != 0 ? 1 : 0);
    errors.noise = errors.noise + ((status & Usart::ISR_NE) != 0 ? 1 : 0);
}

void link_receive_interrupt() {
    const uint32_t flags = dma_take_flags(kReceiveStream);
    received_halves = received_halves + ((flags & Dma::FLAG_HT) != 0 ? 1 : 0) + ((flags & Dma::FLAG_TC) != 0 ? 1 : 0);
    if ((flags & Dma::FLAG_TE) != 0) {
        errors.dma = errors.dma + 1;
        restart_receiver = true;
    }
}

void link_transmit_interrupt() {
    const uint32_t flags = dma_take_flags(kTransmitStream);
    if ((flags & (Dma::FLAG_TC | Dma::FLAG_TE)) == 0) {
        return;
    }
    errors.dma = errors.dma + ((flags & Dma::FLAG_TE) != 0 ? 1 : 0);
    bytes_sent = bytes_sent + bytes_in_flight;
    bytes_in_flight = 0;
    send_next();
}

}  // namespace stm32h7
}  // namespace tinyaudio
