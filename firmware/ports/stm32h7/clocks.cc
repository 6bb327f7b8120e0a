#include "clocks.h"

#include "generated/board_config.h"
#include "registers/dbgmcu.h"
#include "registers/flash.h"
#include "registers/gpio.h"
#include "registers/pwr.h"
#include "registers/rcc.h"
#include "registers/syscfg.h"

namespace tinyaudio {
namespace stm32h7 {

namespace {

using tinyaudio_generated::kClock;
using tinyaudio_generated::kLink;
using tinyaudio_generated::kMicrophone;

constexpr uint32_t kPllCount = 3;

// RM0433 6.6: the supply is chosen once after power-on, and the voltage scale may be changed when it is ready.
void raise_voltage() {
    if (kClock.overdrive) {
        // Revision Y has no voltage scale 0. Without its clock there is no link to say so over: a debugger finds it here.
        while (dbgmcu().IDC >> Dbgmcu::IDC_REV_ID_SHIFT <= Dbgmcu::REV_ID_Y) {
        }
    }
    write_field(pwr().CR3, Pwr::CR3_BYPASS | Pwr::CR3_LDOEN | Pwr::CR3_SDEN, kClock.supply);
    wait_for(pwr().CSR1, Pwr::CSR1_ACTVOSRDY, Pwr::CSR1_ACTVOSRDY);
    write_field(pwr().D3CR, Pwr::D3CR_VOS, kClock.voltage_scale << Pwr::D3CR_VOS_SHIFT);
    wait_for(pwr().D3CR, Pwr::D3CR_VOSRDY, Pwr::D3CR_VOSRDY);
    if (kClock.overdrive) {
        open_gate({offsetof(Rcc, APB4ENR), Rcc::APB4ENR_SYSCFGEN});
        set_bits(syscfg().PWRCR, Syscfg::PWRCR_ODEN);
        static_cast<void>(static_cast<uint32_t>(syscfg().PWRCR));  // it has arrived before readiness is looked at
        wait_for(pwr().D3CR, Pwr::D3CR_VOSRDY, Pwr::D3CR_VOSRDY);
    }
}

// Returns whether the oscillator that the board is meant to have runs. A crystal takes 2 ms as a rule (DS12110, HSE); a
// round is four clocks of the internal oscillator at least, so that this is patient for 30 ms and more.
bool start_oscillator() {
    constexpr uint32_t kPatience = 500000;
    if (!kClock.uses_hse) {
        return true;
    }
    if (kClock.hse_is_bypassed) {
        set_bits(rcc().CR, Rcc::CR_HSEBYP);
    }
    set_bits(rcc().CR, Rcc::CR_HSEON);
    for (uint32_t round = 0; round < kPatience; ++round) {
        if ((rcc().CR & Rcc::CR_HSERDY) != 0) {
            return true;
        }
    }
    clear_bits(rcc().CR, Rcc::CR_HSEON);
    return false;
}

// RM0433 8.5: a PLL is configured while it is off.
void start_plls(const PllSource& source) {
    constexpr uint32_t kOutputs[kPllCount] = {Rcc::PLLCFGR_DIVP1EN, Rcc::PLLCFGR_DIVP2EN, Rcc::PLLCFGR_DIVQ3EN};
    uint32_t selection = source.selection;
    uint32_t configuration = 0;
    uint32_t on = 0;
    for (uint32_t index = 0; index < kPllCount; ++index) {
        const PllSettings& pll = source.plls[index];
        if (pll.divm == 0) {
            continue;
        }
        selection |= pll.divm << (Rcc::PLLCKSELR_DIVM1_SHIFT + 8 * index);
        configuration |= pll.reference_range << (Rcc::PLLCFGR_PLL1RGE_SHIFT + 4 * index);
        configuration |= pll.vco_is_medium ? Rcc::PLLCFGR_PLL1VCOSEL << (4 * index) : 0;
        configuration |= pll.fraction != 0 ? Rcc::PLLCFGR_PLL1FRACEN << (4 * index) : 0;
        configuration |= kOutputs[index];
        rcc().PLLxR[2 * index] = (pll.divn - 1) << Rcc::PLLDIVR_DIVN_SHIFT |
                                 (pll.output_divider - 1) << Rcc::PLLDIVR_DIVP_SHIFT |
                                 (pll.output_divider - 1) << Rcc::PLLDIVR_DIVQ_SHIFT |
                                 (pll.output_divider - 1) << Rcc::PLLDIVR_DIVR_SHIFT;
        rcc().PLLxR[2 * index + 1] = pll.fraction << Rcc::PLLFRACR_FRACN_SHIFT;
        on |= Rcc::CR_PLL1ON << (2 * index);
    }
    rcc().PLLCKSELR = selection;
    rcc().PLLCFGR = configuration;
    set_bits(rcc().CR, on);
    wait_for(rcc().CR, on << 1, on << 1);  // each RDY is the bit above its ON
}

void set_flash_timing() {
    FlashBank& flash = flash_bank(0);
    const uint32_t timing = kClock.flash_latency | kClock.flash_write_delay << FlashBank::ACR_WRHIGHFREQ_SHIFT;
    flash.ACR = timing;
    wait_for(flash.ACR, FlashBank::ACR_LATENCY | FlashBank::ACR_WRHIGHFREQ, timing);
}

void set_prescalers() {
    const uint32_t peripheral = kClock.peripheral_prescaler;
    rcc().D1CFGR = kClock.bus_prescaler << Rcc::D1CFGR_HPRE_SHIFT | peripheral << Rcc::D1CFGR_D1PPRE_SHIFT;
    rcc().D2CFGR = peripheral << Rcc::D2CFGR_D2PPRE1_SHIFT | peripheral << Rcc::D2CFGR_D2PPRE2_SHIFT;
    rcc().D3CFGR = peripheral << Rcc::D3CFGR_D3PPRE_SHIFT;
}

void select_kernel_clocks() {
    constexpr uint32_t kFieldMask = 7;
    write_field(rcc().D2CCIP2R, kFieldMask << kLink.kernel_clock_shift, kLink.kernel_clock << kLink.kernel_clock_shift);
    if (kMicrophone.interface != MicrophoneInterface::kNone) {
        write_field(rcc().D2CCIP1R, kFieldMask << kMicrophone.kernel_clock_shift,
                    Rcc::D2CCIP1R_PLL2P << kMicrophone.kernel_clock_shift);
    }
}

}  // namespace

void start_clocks() {
    raise_voltage();
    start_plls(start_oscillator() ? kClock.source : kClock.spare);
    // Slower flash and slower buses first: at no moment is anything faster than it may be.
    set_flash_timing();
    set_prescalers();
    write_field(rcc().CFGR, Rcc::CFGR_SW, Rcc::CFGR_SW_PLL1);
    wait_for(rcc().CFGR, Rcc::CFGR_SWS, Rcc::CFGR_SWS_PLL1);
    select_kernel_clocks();
}

bool is_on_spare_oscillator() {
    return kClock.uses_hse && (rcc().PLLCKSELR & Rcc::PLLCKSELR_PLLSRC) == kClock.spare.selection;
}

void stop_clocks() {
    constexpr uint32_t kAllPlls = Rcc::CR_PLL1ON | Rcc::CR_PLL1ON << 2 | Rcc::CR_PLL1ON << 4;
    write_field(rcc().CFGR, Rcc::CFGR_SW, Rcc::CFGR_SW_HSI);
    wait_for(rcc().CFGR, Rcc::CFGR_SWS, Rcc::CFGR_SWS_HSI);
    clear_bits(rcc().CR, kAllPlls);
    wait_for(rcc().CR, kAllPlls << 1, 0);
    if (kClock.overdrive) {
        clear_bits(syscfg().PWRCR, Syscfg::PWRCR_ODEN);
        static_cast<void>(static_cast<uint32_t>(syscfg().PWRCR));
        wait_for(pwr().D3CR, Pwr::D3CR_VOSRDY, Pwr::D3CR_VOSRDY);
    }
}

void open_gate(const ClockGate& gate) {
    Register& enable = (&rcc().CR)[gate.offset / sizeof(Register)];
    set_bits(enable, gate.mask);
    static_cast<void>(static_cast<uint32_t>(enable));  // a gate is open two clocks later
}

void connect_pin(const PinSettings& pin, bool pull_up) {
    open_gate({offsetof(Rcc, AHB4ENR), 1U << pin.port});
    Gpio& port = gpio(pin.port);
    const uint32_t pair = 2 * pin.pin;
    const uint32_t nibble = 4 * (pin.pin % 8);
    write_field(port.AFR[pin.pin / 8], 0xFU << nibble, pin.function << nibble);
    write_field(port.OSPEEDR, 3U << pair, Gpio::OSPEEDR_HIGH << pair);
    write_field(port.PUPDR, 3U << pair, (pull_up ? Gpio::PUPDR_UP : 0) << pair);
    clear_bits(port.OTYPER, 1U << pin.pin);
    write_field(port.MODER, 3U << pair, Gpio::MODER_ALTERNATE << pair);
}

}  // namespace stm32h7
}  // namespace tinyaudio
