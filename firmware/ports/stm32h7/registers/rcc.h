// Reset and clock control. RM0433 chapter 8, registers in 8.7; base address in 2.3.
#ifndef TINYAUDIO_STM32H7_RCC_H_
#define TINYAUDIO_STM32H7_RCC_H_

#include <stddef.h>
#include <stdint.h>

#include "register.h"

namespace tinyaudio {
namespace stm32h7 {

struct Rcc {
    Register CR;
    uint32_t reserved_4[3];
    Register CFGR;
    uint32_t reserved_14;
    Register D1CFGR;
    Register D2CFGR;
    Register D3CFGR;
    uint32_t reserved_24;
    Register PLLCKSELR;
    Register PLLCFGR;
    Register PLLxR[6];
    uint32_t reserved_48;
    Register D1CCIPR;
    Register D2CCIP1R;
    Register D2CCIP2R;
    Register D3CCIPR;
    uint32_t reserved_5c[6];
    Register CSR;
    uint32_t reserved_78[6];
    Register APB1LRSTR;
    uint32_t reserved_94[15];
    Register RSR;
    Register AHB3ENR;
    Register AHB1ENR;
    Register AHB2ENR;
    Register AHB4ENR;
    Register APB3ENR;
    Register APB1LENR;
    Register APB1HENR;
    Register APB2ENR;
    Register APB4ENR;

    static constexpr uint32_t CR_HSION = 1U << 0;
    static constexpr uint32_t CR_HSIRDY = 1U << 2;
    static constexpr uint32_t CR_HSI48ON = 1U << 12;
    static constexpr uint32_t CR_HSI48RDY = 1U << 13;
    static constexpr uint32_t CR_HSEON = 1U << 16;
    static constexpr uint32_t CR_HSERDY = 1U << 17;
    static constexpr uint32_t CR_HSEBYP = 1U << 18;
    static constexpr uint32_t CR_PLL1ON = 1U << 24;  // PLL2ON and PLL3ON follow two bits apart, each with its RDY behind it
    static constexpr uint32_t CR_PLL1RDY = 1U << 25;
    static constexpr uint32_t CFGR_SW = 7U << 0;
    static constexpr uint32_t CFGR_SW_HSI = 0U << 0;
    static constexpr uint32_t CFGR_SW_PLL1 = 3U << 0;
    static constexpr uint32_t CFGR_SWS = 7U << 3;
    static constexpr uint32_t CFGR_SWS_HSI = 0U << 3;
    static constexpr uint32_t CFGR_SWS_PLL1 = 3U << 3;
    static constexpr uint32_t D1CFGR_HPRE_SHIFT = 0;
    static constexpr uint32_t D1CFGR_D1PPRE_SHIFT = 4;
    static constexpr uint32_t D1CFGR_D1CPRE_SHIFT = 8;
    static constexpr uint32_t D2CFGR_D2PPRE1_SHIFT = 4;
    static constexpr uint32_t D2CFGR_D2PPRE2_SHIFT = 8;
    static constexpr uint32_t D3CFGR_D3PPRE_SHIFT = 4;
    // PLLxR holds PLL1DIVR, PLL1FRACR, PLL2DIVR, PLL2FRACR, PLL3DIVR, PLL3FRACR.
    static constexpr uint32_t PLLCKSELR_PLLSRC = 3U << 0;
    static constexpr uint32_t PLLCKSELR_DIVM1_SHIFT = 4;  // DIVM2 and DIVM3 8 and 16 bits further up
    static constexpr uint32_t PLLCFGR_PLL1FRACEN = 1U << 0;  // the fields of PLL2 and PLL3 4 and 8 bits further up
    static constexpr uint32_t PLLCFGR_PLL1VCOSEL = 1U << 1;
    static constexpr uint32_t PLLCFGR_PLL1RGE_SHIFT = 2;
    static constexpr uint32_t PLLCFGR_DIVP1EN = 1U << 16;
    static constexpr uint32_t PLLCFGR_DIVP2EN = 1U << 19;
    static constexpr uint32_t PLLCFGR_DIVQ3EN = 1U << 23;
    static constexpr uint32_t PLLDIVR_DIVN_SHIFT = 0;  // each field holds its divider less 1
    static constexpr uint32_t PLLDIVR_DIVP_SHIFT = 9;
    static constexpr uint32_t PLLDIVR_DIVQ_SHIFT = 16;
    static constexpr uint32_t PLLDIVR_DIVR_SHIFT = 24;
    static constexpr uint32_t PLLFRACR_FRACN_SHIFT = 3;
    static constexpr uint32_t D2CCIP1R_PLL2P = 1U;  // code of pll2_p_ck in SAI1SEL and SAI23SEL
    static constexpr uint32_t D2CCIP2R_RNGSEL = 3U << 8;
    static constexpr uint32_t D2CCIP2R_LPTIM1SEL = 7U << 28;
    static constexpr uint32_t D2CCIP2R_LPTIM1SEL_LSI = 4U << 28;
    static constexpr uint32_t CSR_LSION = 1U << 0;
    static constexpr uint32_t CSR_LSIRDY = 1U << 1;
    static constexpr uint32_t APB1LRSTR_LPTIM1RST = 1U << 9;
    static constexpr uint32_t AHB1ENR_DMA1EN = 1U << 0;
    static constexpr uint32_t AHB2ENR_RNGEN = 1U << 6;
    static constexpr uint32_t AHB2ENR_SRAM1EN = 1U << 29;
    static constexpr uint32_t AHB2ENR_SRAM2EN = 1U << 30;
    static constexpr uint32_t AHB2ENR_SRAM3EN = 1U << 31;
    static constexpr uint32_t AHB4ENR_BKPRAMEN = 1U << 28;
    static constexpr uint32_t APB1LENR_LPTIM1EN = 1U << 9;
    static constexpr uint32_t APB4ENR_SYSCFGEN = 1U << 1;
};
static_assert(offsetof(Rcc, CFGR) == 0x10);
static_assert(offsetof(Rcc, D1CFGR) == 0x18);
static_assert(offsetof(Rcc, D3CFGR) == 0x20);
static_assert(offsetof(Rcc, PLLCKSELR) == 0x28);
static_assert(offsetof(Rcc, PLLCFGR) == 0x2c);
static_assert(offsetof(Rcc, PLLxR) == 0x30);
static_assert(offsetof(Rcc, D2CCIP1R) == 0x50);
static_assert(offsetof(Rcc, D2CCIP2R) == 0x54);
static_assert(offsetof(Rcc, CSR) == 0x74);
static_assert(offsetof(Rcc, APB1LRSTR) == 0x90);
static_assert(offsetof(Rcc, RSR) == 0xd0);
static_assert(offsetof(Rcc, AHB1ENR) == 0xd8);
static_assert(offsetof(Rcc, AHB2ENR) == 0xdc);
static_assert(offsetof(Rcc, AHB4ENR) == 0xe0);
static_assert(offsetof(Rcc, APB1LENR) == 0xe8);
static_assert(offsetof(Rcc, APB2ENR) == 0xf0);
static_assert(offsetof(Rcc, APB4ENR) == 0xf4);

inline Rcc& rcc() {
    return block_at<Rcc>(0x58024400);
}

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_RCC_H_
