// What a fault leaves behind for the next boot to tell.
#ifndef TINYAUDIO_STM32H7_FAULT_RECORD_H_
#define TINYAUDIO_STM32H7_FAULT_RECORD_H_

#include <stdint.h>

namespace tinyaudio {
namespace stm32h7 {

struct FaultRecord {
    uint32_t magic;
    uint32_t exception;  // number of the exception: 3 hard fault, 4 memory management, 5 bus, 6 usage, 16 + interrupt
    uint32_t has_frame;  // 0: the stack overflowed, so that there was no room to keep pc and lr
    uint32_t pc;
    uint32_t lr;
    uint32_t cfsr;
    uint32_t hfsr;
    uint32_t mmfar;
    uint32_t bfar;
    uint32_t check;  // see seal_fault_record
};

constexpr uint32_t kFaultTextBytes = 176;

// Completes a record whose fields from `exception` to `bfar` are filled in.
void seal_fault_record(volatile FaultRecord& record);

// Whether `record` is whole: memory that merely survived, or came up with anything in it, is not.
bool is_fault_record(const volatile FaultRecord& record);

// Writes `record` as a line of text.
void describe_fault(const volatile FaultRecord& record, char (&text)[kFaultTextBytes]);

}  // namespace stm32h7
}  // namespace tinyaudio

#endif  // TINYAUDIO_STM32H7_FAULT_RECORD_H_
