// What differs between boards of this family. The values are computed and checked on the host
// (tinyaudio/deploy/chip_config) and come as constants in generated/board_config.h.
#ifndef TINYAUDIO_STM32H7_BOARD_SETTINGS_H_
#define TINYAUDIO_STM32H7_BOARD_SETTINGS_H_

#include <stdint.h>

namespace tinyaudio {
namespace stm32h7 {

// One PLL with one output in use: P of PLL1 and PLL2, Q of PLL3.
struct PllSettings {
    uint32_t divm;  // 0: the PLL is not used
    uint32_t divn;
    uint32_t fraction;  // FRACN
    uint32_t output_divider;
    uint32_t reference_range;  // PLLxRGE
    bool vco_is_medium;        // PLLxVCOSEL
};

// Where the PLLs get their clock from, and how they make the board's clocks of it.
struct PllSource {
    uint32_t selection;  // PLLCKSELR.PLLSRC
    PllSettings plls[3];
};

struct ClockSettings {
    uint32_t core_hz;
    bool uses_hse;
    bool hse_is_bypassed;
    uint32_t supply;         // PWR_CR3
    uint32_t voltage_scale;  // PWR_D3CR.VOS
    bool overdrive;          // voltage scale 0
    uint32_t flash_latency;
    uint32_t flash_write_delay;
    uint32_t bus_prescaler;         // code of HPRE
    uint32_t peripheral_prescaler;  // code of D1PPRE, D2PPRE1, D2PPRE2, D3PPRE
    PllSource source;
    PllSource spare;  // the same clocks from the internal oscillator, for an external one that does not run
};

// A clock gate: a bit of the RCC register at this offset.
struct ClockGate {
    uint32_t offset;
    uint32_t mask;
};

struct PinSettings {
    uint32_t port;  // A is 0
    uint32_t pin;
    uint32_t function;  // AF number
};

// The UART to the host.
struct LinkSettings {
    uint32_t base;
    ClockGate gate;
    uint32_t kernel_clock_shift;  // of the field in RCC_D2CCIP2R
    uint32_t kernel_clock;        // its value
    uint32_t interrupt;
    uint32_t receive_request;  // of DMAMUX1
    uint32_t transmit_request;
    uint32_t divider;  // USART_BRR
    PinSettings tx;
    PinSettings rx;
};

struct SampleRateSettings {
    uint32_t sample_rate_hz;
    uint32_t divider;       // kernel clock -> bit clock (I2S) or clock of the microphone (PDM)
    uint32_t oversampling;  // PDM: clocks a sample
    uint32_t right_shift;   // PDM: of the filter's result
};

enum class MicrophoneInterface : uint8_t { kNone, kI2s, kPdm };

struct MicrophoneSettings {
    MicrophoneInterface interface;
    uint32_t base;     // of the SAI block, or of the DFSDM channel
    uint32_t channel;  // of the DFSDM
    ClockGate gate;
    uint32_t kernel_clock_shift;  // of the field in RCC_D2CCIP1R
    uint32_t interrupt;
    uint32_t request;  // of DMAMUX1
    const PinSettings* pins;
    uint32_t pin_count;
    const SampleRateSettings* rates;
    uint32_t rate_count;
};

// The flash sectors of the settings.
struct StorageSettings {
    uint32_t origin;
    uint32_t bank;          // 0: bank 1 of the manual
    uint32_t first_sector;  // within the bank
    uint32_t sectors;       // 0: there are none
    uint32_t sector_bytes;
};

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_BOARD_SETTINGS_H_
