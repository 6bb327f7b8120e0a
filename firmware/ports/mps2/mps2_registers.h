// Registers of the Arm MPS2 FPGA image AN500 (Cortex-M7) that this port uses.
// Sources: Arm DAI0500 (AN500), DDI0479 (CMSDK: APB UART, APB timer), DDI0403 (Armv7-M: system control block).
#ifndef TINYAUDIO_MPS2_REGISTERS_H_
#define TINYAUDIO_MPS2_REGISTERS_H_

#include <stdint.h>

namespace tinyaudio {
namespace mps2 {

inline volatile uint32_t& register_at(uint32_t address) {
    return *reinterpret_cast<volatile uint32_t*>(address);
}

// CMSDK APB timer 0: counts down from RELOAD at the system clock of 25 MHz.
constexpr uint32_t kTimer0Control = 0x40000000;
constexpr uint32_t kTimer0Value = 0x40000004;
constexpr uint32_t kTimer0Reload = 0x40000008;
constexpr uint32_t kTimerEnable = 1U << 0;

// CMSDK APB UART 0.
constexpr uint32_t kUart0Data = 0x40004000;
constexpr uint32_t kUart0State = 0x40004004;
constexpr uint32_t kUart0Control = 0x40004008;
constexpr uint32_t kUart0BaudDivider = 0x40004010;
constexpr uint32_t kUartTransmitFull = 1U << 0;
constexpr uint32_t kUartReceiveFull = 1U << 1;
constexpr uint32_t kUartTransmitEnable = 1U << 0;
constexpr uint32_t kUartReceiveEnable = 1U << 1;
constexpr uint32_t kBaudDivider = 217;  // 25 MHz / 217 = 115,207 Bd; an emulated line is as fast as it is read

// Serial communication controller of the FPGA image: which image it is.
constexpr uint32_t kImageId = 0x4002FFFC;

// System control block.
constexpr uint32_t kCpuId = 0xE000ED00;
constexpr uint32_t kApplicationInterruptControl = 0xE000ED0C;
constexpr uint32_t kSystemResetRequest = 0x05FA0004;  // key 0x05FA, SYSRESETREQ

// Memory protection unit, Armv7-M.
constexpr uint32_t kProtectionControl = 0xE000ED94;
constexpr uint32_t kProtectionRegion = 0xE000ED98;
constexpr uint32_t kProtectionBase = 0xE000ED9C;
constexpr uint32_t kProtectionAttributes = 0xE000EDA0;
constexpr uint32_t kEnableProtection = (1U << 2) | (1U << 0);  // PRIVDEFENA: elsewhere the default map; ENABLE
constexpr uint32_t kReadOnly512Megabytes = (6U << 24) | (1U << 17) | (28U << 1) | (1U << 0);  // AP, C, SIZE, ENABLE

}  // namespace mps2
}  // namespace tinyaudio

#endif  // TINYAUDIO_MPS2_REGISTERS_H_
