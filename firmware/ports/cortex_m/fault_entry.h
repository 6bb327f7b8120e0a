// Reset and faults of an Armv7-M core, up to where a port takes over.
#ifndef TINYAUDIO_CORTEX_M_FAULT_ENTRY_H_
#define TINYAUDIO_CORTEX_M_FAULT_ENTRY_H_

#include <stdint.h>

#include "fault_record.h"

extern "C" {

// For the vector table.
[[noreturn]] void tinyaudio_reset();
void tinyaudio_fault();

// The port's. The first runs behind a reset, with access to the FPU and nothing else prepared; the second behind a fault, on
// a stack that is whole. `frame` is what the exception pushed: r0 to r3, r12, lr, pc, xpsr.
[[noreturn]] void tinyaudio_start();
[[noreturn]] void tinyaudio_report_fault(const uint32_t* frame);

}  // extern "C"

namespace tinyaudio {
namespace cortex_m {

// Gives memory management, bus and usage faults handlers of their own, below the hard fault: one that fails to stack its
// frame can still escalate and be told.
void enable_faults();

// Writes the fault that is active into `record`, as news, behind `faults_before` in a row.
void record_fault(const uint32_t* frame, uint32_t faults_before, volatile FaultRecord& record);

}  // namespace cortex_m
}  // namespace tinyaudio

#endif  // TINYAUDIO_CORTEX_M_FAULT_ENTRY_H_
