// Cases for the emulated STM32H743, one a letter: the host sends it, and gets words back.
#include "chip.h"
#include "workload.h"

extern char stack_top[];

__attribute__((section(".sram3"), aligned(32))) static uint8_t reachable[64];
__attribute__((section(".axi"), aligned(32))) static uint8_t cached[64];
static uint8_t unreachable[64];
static uint32_t trace[16];
static volatile uint32_t traced;
static volatile uint32_t repeats;
static volatile uint32_t ticks;
static volatile uint32_t tick_at[2];

static void note(uint32_t value) {
    trace[traced++] = value;
}

static void send(uint8_t byte) {
    while (!(USART3_ISR & 1 << 7)) {
    }
    USART3_TDR = byte;
}

static void answer(uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) {
        send((uint8_t)(word >> shift));
    }
}

static uint8_t receive(void) {
    while (!(USART3_ISR & 1 << 5)) {
    }
    return (uint8_t)USART3_RDR;
}

static uint32_t cycles(void) {
    return DWT_CYCCNT;
}

// -- exceptions ------------------------------------------------------------------------------------------------------

static void low_interrupt(void) {  // interrupt 60, priority 0x80
    note('l');
    NVIC_ISPR(1) = 1 << (61 - 32);  // the other one, at once
    __asm volatile("dsb\nisb");
    note('L');
}

static void high_interrupt(void) {  // interrupt 61, priority 0x40
    note('h');
    ICSR = 1 << 28;  // PendSV, priority 0xF0: after both
    if (repeats) {
        repeats = 0;
        NVIC_ISPR(1) = 1 << (60 - 32);  // is active, so it comes again
    }
    __asm volatile("dsb");
    note('H');
}

__attribute__((naked)) static void pend_sv(void) {
    __asm volatile(
        "push {r4, lr}\n"
        "movs r0, #'p'\n"
        "bl %c0\n"
        "vmov.f32 s0, #1.0\n"
        "vmov.f32 s15, s0\n"
        "movs r0, #0\n"
        "vmsr fpscr, r0\n"
        "pop {r4, pc}\n" ::"i"(note));
}

static void system_tick(void) {
    if (ticks < 2) {
        tick_at[ticks] = cycles();
    }
    ticks = ticks + 1;
}

static void supervisor_call(void) {
    note('s');
}

static void dma_interrupt(void) {
    note(DMA1_LISR);
    DMA1_LIFCR = 0x3D;
}

static void wake_up(void) {
    LPTIM1_ICR = 3;
    note('w');
}

// Tells the fault, and goes on behind the instruction of 32 bits that was its cause.
__attribute__((used)) static void tell_fault(uint32_t* frame) {
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    answer(exception);
    answer(CFSR);
    answer(HFSR);
    answer(CFSR & 0x80 ? MMFAR : BFAR);
    CFSR = 0xFFFFFFFF;
    HFSR = 0xFFFFFFFF;
    frame[6] += 4;
}

__attribute__((naked)) static void fault(void) {
    __asm volatile("mov r0, sp\npush {r4, lr}\nbl tell_fault\npop {r4, pc}");
}

// -- cases -----------------------------------------------------------------------------------------------------------

static void nesting(void) {
    NVIC_IPR(60) = 0x80;
    NVIC_IPR(61) = 0x40;
    SHPR(14) = 0xF0;
    NVIC_ISER(1) = 3u << (60 - 32);
    traced = 0;
    repeats = 1;
    __asm volatile("cpsid i");
    NVIC_ISPR(1) = 1 << (60 - 32);
    __asm volatile("dsb");
    note('-');
    __asm volatile("cpsie i\nisb");
    note('=');
    uint32_t priority = 0x80;
    __asm volatile("msr basepri, %0" ::"r"(priority));
    NVIC_ISPR(1) = 1 << (60 - 32);
    __asm volatile("dsb");
    note('#');
    priority = 0;
    __asm volatile("msr basepri, %0\nisb" ::"r"(priority));
    __asm volatile("svc 1" ::: "memory");
    answer(traced);
    for (uint32_t index = 0; index < traced; ++index) {
        send((uint8_t)trace[index]);
    }
}

static void fpu_frame(void) {
    uint32_t first, last, status;
    traced = 0;
    __asm volatile(
        "vmov.f32 s0, #3.0\n"
        "vmov.f32 s15, #5.0\n"
        "ldr r0, =0x03000000\n"
        "vmsr fpscr, r0\n"
        "ldr r0, =0xE000ED04\n"
        "mov r1, #0x10000000\n"
        "str r1, [r0]\n"
        "dsb\n"
        "isb\n"
        "b 1f\n"
        "1: vmov %0, s0\n"
        "vmov %1, s15\n"
        "vmrs %2, fpscr\n"
        : "=r"(first), "=r"(last), "=r"(status)
        :
        : "r0", "r1", "s0", "s15", "memory");
    status = status & 0x03000000;
    __asm volatile("vmsr fpscr, %0" ::"r"(0));
    answer(first);
    answer(last);
    answer(status);
    answer(traced);
}

static void two_ticks(void) {
    ticks = 0;
    SYST_RVR = 64000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
    while (ticks < 2) {
        __asm volatile("wfi");
    }
    SYST_CSR = 0;
    answer(tick_at[1] - tick_at[0]);
}

// Exactly 3,000 rounds of 4 instructions between the two reads, and what the compiler puts around them.
static void exact(void) {
    uint32_t begin, end;
    __asm volatile(
        "movw r2, #3000\n"
        "ldr %0, [%2]\n"
        "1: subs r2, #1\n"
        "nop\n"
        "mov r3, r3\n"
        "bne 1b\n"
        "ldr %1, [%2]\n"
        : "=&r"(begin), "=&r"(end)
        : "r"(0xE0001004)
        : "r2", "r3", "cc");
    answer(end - begin);
}

static void measured_work(void) {
    const uint32_t begin = cycles();
    const uint32_t result = work(2000);
    answer(cycles() - begin);
    answer(result);
}

static void send_by_dma(uint8_t* bytes) {
    for (uint32_t index = 0; index < 64; ++index) {
        bytes[index] = (uint8_t)(index ^ 0x5A);
    }
    traced = 0;
    RCC_AHB1ENR |= 1;
    DMAMUX1_C0CR = 46;
    DMA1_S0PAR = (uint32_t)&USART3_TDR;
    DMA1_S0M0AR = (uint32_t)bytes;
    DMA1_S0NDTR = 64;
    NVIC_ISER(0) = 1 << 11;
    USART3_CR3 |= 1 << 7;
    const uint32_t begin = cycles();
    DMA1_S0CR = 1 << 10 | 1 << 6 | 1 << 4 | 1 << 3 | 1;
    while (traced < 2) {
        __asm volatile("wfi");
    }
    const uint32_t end = cycles();
    USART3_CR3 &= ~(1 << 7);
    answer(trace[0]);
    answer(trace[1]);
    answer(DMA1_S0NDTR);
    answer(end - begin);
}

static void unlock_flash(void) {
    FLASH_KEYR2 = 0x45670123;
    FLASH_KEYR2 = 0xCDEF89AB;
}

static void program_word(uint32_t address, uint32_t first) {
    FLASH_CR2 = 3 << 4 | 2;
    for (uint32_t index = 0; index < 8; ++index) {
        REG(address + 4 * index) = first + index;
    }
    while (FLASH_SR2 & 5) {
    }
    FLASH_CR2 = 3 << 4;
}

static void flash_times(void) {
    unlock_flash();
    uint32_t begin = cycles();
    NVIC_ISER(0) = 1 << 4;
    __asm volatile("cpsid i");
    FLASH_CR2 = 3 << 4 | 4 | 6 << 8 | 1 << 7 | 1 << 16;  // EOPIE: the end of the operation wakes
    while (FLASH_SR2 & 5) {
        __asm volatile("wfi");
    }
    FLASH_CR2 = 3 << 4;
    FLASH_CCR2 = 1 << 16;
    NVIC_ICPR(0) = 1 << 4;
    __asm volatile("cpsie i");
    answer(cycles() - begin);
    begin = cycles();
    program_word(SETTINGS + 64, 0x1000);
    answer(cycles() - begin);
    for (uint32_t index = 0; index < 8; ++index) {
        answer(REG(SETTINGS + 64 + 4 * index));
    }
    FLASH_CR2 = 1;
}

static void program_twice(void) {
    unlock_flash();
    program_word(SETTINGS + 96, 0xFFFF0000);
    program_word(SETTINGS + 96, 0x12340000);
    uint32_t value;
    __asm volatile("ldr.w %0, [%1]" : "=&r"(value) : "r"(SETTINGS + 100) : "memory");
    answer(FLASH_SR2);
    CCR |= 1 << 8;  // BFHFNMIGN
    __asm volatile("cpsid f");
    value = REG(SETTINGS + 100);
    __asm volatile("cpsie f");
    CCR &= ~(1 << 8);
    answer(value & 0);
}

static void start_lptim(uint32_t last) {
    RCC_CSR = 1;
    while (!(RCC_CSR & 2)) {
    }
    RCC_D2CCIP2R = 4u << 28;
    RCC_APB1LENR |= 1 << 9;
    LPTIM1_CFGR = 0;
    LPTIM1_IER = 2;
    LPTIM1_CR = 1;
    LPTIM1_ARR = last;
    while (!(LPTIM1_ISR & 1 << 4)) {
    }
    NVIC_ISER(2) = 1 << (93 - 64);
    traced = 0;
    LPTIM1_CR = 3;
}

static void low_power_timer(void) {
    start_lptim(32 - 1);
    const uint32_t begin = cycles();
    while (!traced) {
        __asm volatile("wfi");
    }
    answer(cycles() - begin);
    LPTIM1_CR = 0;
}

static void stop_mode(void) {
    start_lptim(3200 - 1);
    SCR = 4;
    while (!traced) {
        __asm volatile("wfi");
    }
    SCR = 0;
    LPTIM1_CR = 0;
    answer(trace[0]);
}

static void forbidden_by_mpu(void) {
    MPU_RNR = 0;
    MPU_RBAR = 0x24000000;
    MPU_RASR = 1 << 28 | 0 << 24 | 11 << 1 | 1;  // 4 KB, no access
    MPU_CTRL = 5;
    __asm volatile("dsb\nisb");
    uint32_t value;
    __asm volatile("ldr.w %0, [%1]" : "=&r"(value) : "r"(0x24000010) : "memory");
    MPU_CTRL = 0;
    __asm volatile("dsb\nisb");
    answer(REG(0x24000010) & 0);
}

static void use_fpu_without_access(void) {
    CPACR = 0;
    __asm volatile("dsb\nisb\nvmov.f32 s0, #1.0");
}

static void overflow(uint32_t depth) {
    volatile uint32_t frame[64];
    frame[0] = depth;
    overflow(depth + frame[0]);
    frame[1] = depth;
}

static void run_case(uint8_t letter) {
    switch (letter) {
        case 'n': nesting(); break;
        case 'f': fpu_frame(); break;
        case 't': two_ticks(); break;
        case 'e': exact(); break;
        case 'k': measured_work(); break;
        case 'd': send_by_dma(reachable); break;
        case 'D': send_by_dma(unreachable); break;
        case 'C': CCR |= 1 << 16; send_by_dma(cached); break;
        case 'p': flash_times(); break;
        case 'P': program_twice(); break;
        case 'l': low_power_timer(); break;
        case 'S': stop_mode(); break;
        case 'm': forbidden_by_mpu(); break;
        case 'u': answer(REG(0x40000000)); break;                         // TIM2
        case 'a': REG(0x60000000) = 1; break;                            // external memory
        case 'z': answer(REG(0x40015804)); break;                        // SAI1, its clock off
        case 'F': use_fpu_without_access(); break;
        case 'U': __asm volatile("udf.w #0"); send('!'); break;
        case 'B': REG(0x1FFF0000) = 1; send('!'); break;                 // nothing there: a bus fault
        case 'K': __asm volatile("cpsid f\nudf.w #0"); break;            // no fault can be taken
        case 'h': __asm volatile("cpsid i"); for (;;) { __asm volatile("b ."); }
        case 'o': overflow(0); break;
        case 'w': REG(SETTINGS) = 1; break;                              // FLASH_CR2.PG is clear
        case 'r': answer(RCC_RSR); RCC_RSR = 1 << 16; AIRCR = 0x05FA0004; for (;;) { }
        default: send(letter);
    }
}

void reset(void) {
    CPACR |= 0xF << 20;
    __asm volatile("dsb\nisb");
    SHCSR = 7 << 16;
    DEMCR |= 1 << 24;
    DWT_LAR = 0xC5ACCE55;
    DWT_CTRL |= 1;
    RCC_AHB2ENR |= 7u << 29;
    RCC_AHB4ENR |= 1 << 3;
    RCC_APB1LENR |= 1 << 18;
    GPIOD_MODER = (GPIOD_MODER & ~(0xFu << 16)) | 0xAu << 16;
    GPIOD_AFRH = (GPIOD_AFRH & ~0xFFu) | 0x77;
    USART3_BRR = 21;  // 64 MHz / 21 = 3.05 Mbaud
    USART3_CR1 = 0xD;
    for (;;) {
        run_case(receive());
    }
}

__attribute__((section(".vectors"), used)) void (*const vectors[16 + 150])(void) = {
    (void (*)(void))stack_top, reset, 0, fault, fault, fault, fault, 0, 0, 0, 0, supervisor_call, 0, 0, pend_sv, system_tick,
    [16 + 11] = dma_interrupt, [16 + 60] = low_interrupt, [16 + 61] = high_interrupt, [16 + 93] = wake_up,
};
