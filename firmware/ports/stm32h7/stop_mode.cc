#include "stop_mode.h"

#include "clocks.h"
#include "interrupts.h"
#include "registers/exti.h"
#include "registers/lptim.h"
#include "registers/nvic.h"
#include "registers/pwr.h"
#include "registers/rcc.h"
#include "registers/scb.h"
#include "uart_link.h"

namespace tinyaudio {

namespace stm32h7 {

namespace {

constexpr uint32_t kLsiHz = 32000;         // RM0433 8.5
constexpr uint32_t kPrescalerBits = 4;     // PRESC: 16
// More than one, because ARR, one less than the ticks, has to be above CMP, which is 0 (RM0433 43.7).
constexpr uint32_t kTicksPerMillisecond = (kLsiHz >> kPrescalerBits) / 1000;
static_assert(kTicksPerMillisecond == 2, "two ticks a millisecond");
constexpr uint32_t kLongestMilliseconds = 0x10000 / kTicksPerMillisecond;  // the timer has 16 bits

// ES0392 (errata, LPTIM): a timer that is switched off by its own ENABLE bit may leave the chip unable to enter Stop mode;
// a reset through the RCC is the way to end it.
void reset_timer() {
    set_bits(rcc().APB1LRSTR, Rcc::APB1LRSTR_LPTIM1RST);
    clear_bits(rcc().APB1LRSTR, Rcc::APB1LRSTR_LPTIM1RST);
}

// RM0433 43.4: interrupts are enabled while the timer is off; ARR is written while it is on, and takes a while to arrive.
void start_timer(uint32_t ticks) {
    Lptim& timer = lptim1();
    reset_timer();
    timer.CFGR = kPrescalerBits << Lptim::CFGR_PRESC_SHIFT;
    timer.IER = Lptim::IER_ARRMIE;
    timer.CR = Lptim::CR_ENABLE;
    timer.ARR = ticks - 1;
    wait_for(timer.ISR, Lptim::ISR_ARROK, Lptim::ISR_ARROK);
    timer.CR = Lptim::CR_ENABLE | Lptim::CR_SNGSTRT;
}

void prepare_timer() {
    set_bits(rcc().CSR, Rcc::CSR_LSION);
    wait_for(rcc().CSR, Rcc::CSR_LSIRDY, Rcc::CSR_LSIRDY);
    write_field(rcc().D2CCIP2R, Rcc::D2CCIP2R_LPTIM1SEL, Rcc::D2CCIP2R_LPTIM1SEL_LSI);
    open_gate({offsetof(Rcc, APB1LENR), Rcc::APB1LENR_LPTIM1EN});
    set_bits(exti().CPUIMR2, Exti::CPUIMR2_LPTIM1);
    enable_interrupt(kLptim1Interrupt);
}

// All three domains stop, not only the core's; none goes on to Standby (RM0433 6.7, 6.8). Returns whether it was the timer
// that ended it.
bool stop_until_timer() {
    const InterruptLock lock;
    stop_clocks();
    write_field(pwr().CR1, Pwr::CR1_SVOS, Pwr::CR1_SVOS_SCALE3);
    clear_bits(pwr().CPUCR, Pwr::CPUCR_PDDS | Pwr::CPUCR_RUN_D3);
    set_bits(pwr().CPUCR, Pwr::CPUCR_CSSF);
    set_bits(scb().SCR, Scb::SCR_SLEEPDEEP);
    wait_for_interrupt();
    clear_bits(scb().SCR, Scb::SCR_SLEEPDEEP);
    start_clocks();
    return (lptim1().ISR & Lptim::ISR_ARRM) != 0;
}

}  // namespace

// It only has to end Stop mode.
void wake_up_interrupt() {
    lptim1().ICR = Lptim::ICR_ARRMCF;
}

}  // namespace stm32h7

using namespace stm32h7;

bool port_stop_for(uint32_t milliseconds) {
    uart_link_flush();
    prepare_timer();
    bool is_over = true;
    while (milliseconds > 0 && is_over) {
        const uint32_t now = milliseconds < kLongestMilliseconds ? milliseconds : kLongestMilliseconds;
        start_timer(now * kTicksPerMillisecond);
        is_over = stop_until_timer();
        milliseconds -= now;
    }
    reset_timer();
    return is_over;
}

}  // namespace tinyaudio
