// Universal synchronous and asynchronous receiver transmitter. RM0433 chapter 48, registers in 48.7.
#ifndef TINYAUDIO_STM32H7_USART_H_
#define TINYAUDIO_STM32H7_USART_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Usart {
    Register CR1;
    Register CR2;
    Register CR3;
    Register BRR;
    Register GTPR;
    Register RTOR;
    Register RQR;
    Register ISR;
    Register ICR;
    Register RDR;
    Register TDR;
    Register PRESC;

    static constexpr uint32_t CR1_UE = 1U << 0;
    static constexpr uint32_t CR1_RE = 1U << 2;
    static constexpr uint32_t CR1_TE = 1U << 3;
    static constexpr uint32_t CR1_IDLEIE = 1U << 4;
    static constexpr uint32_t CR1_FIFOEN = 1U << 29;
    static constexpr uint32_t CR3_EIE = 1U << 0;
    static constexpr uint32_t CR3_DMAR = 1U << 6;
    static constexpr uint32_t CR3_DMAT = 1U << 7;
    static constexpr uint32_t ISR_PE = 1U << 0;
    static constexpr uint32_t ISR_FE = 1U << 1;
    static constexpr uint32_t ISR_NE = 1U << 2;
    static constexpr uint32_t ISR_ORE = 1U << 3;
    static constexpr uint32_t ISR_IDLE = 1U << 4;
    static constexpr uint32_t ISR_TC = 1U << 6;
    // ICR clears PE to IDLE and TC by the bits that show them in ISR.
};
static_assert(offsetof(Usart, CR3) == 0x8);
static_assert(offsetof(Usart, BRR) == 0xc);
static_assert(offsetof(Usart, ISR) == 0x1c);
static_assert(offsetof(Usart, ICR) == 0x20);
static_assert(offsetof(Usart, RDR) == 0x24);
static_assert(offsetof(Usart, TDR) == 0x28);
static_assert(offsetof(Usart, PRESC) == 0x2c);

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_USART_H_
