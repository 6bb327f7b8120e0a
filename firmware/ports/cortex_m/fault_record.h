// What a fault leaves behind: for the next boot to tell, or for the debugger's console.
#ifndef TINYAUDIO_CORTEX_M_FAULT_RECORD_H_
#define TINYAUDIO_CORTEX_M_FAULT_RECORD_H_

#include <stdint.h>

namespace tinyaudio {
namespace cortex_m {

struct FaultRecord {
    uint32_t state;      // see fault_record.cc
    uint32_t exception;  // number of the exception: 3 hard fault, 4 memory management, 5 bus, 6 usage, 16 + interrupt
    uint32_t has_frame;  // 0: the stack overflowed, so that there was no room to keep pc and lr
    uint32_t pc;
    uint32_t lr;
    uint32_t cfsr;
    uint32_t hfsr;
    uint32_t mmfar;
    uint32_t bfar;
    uint32_t faults_in_a_row;  // this one counted
    uint32_t check;            // see seal_fault_record
};

constexpr uint32_t kFaultTextBytes = 176;

// Completes a record whose fields from `exception` to `bfar` are filled in: a fault that is news, behind `faults_before` in
// a row.
void seal_fault_record(volatile FaultRecord& record, uint32_t faults_before);

// Whether `record` is whole and news: memory that merely survived, or came up with anything in it, is not.
bool is_fault_record(const volatile FaultRecord& record);

// Faults in a row as far as `record` knows, news or told; 0 if it is not whole.
uint32_t faults_in_a_row(const volatile FaultRecord& record);

// No news any more; the row may go on.
void mark_fault_as_told(volatile FaultRecord& record);

// The row has ended.
void forget_faults(volatile FaultRecord& record);

// Writes `record` as a line of text.
void describe_fault(const volatile FaultRecord& record, char (&text)[kFaultTextBytes]);

}  // namespace cortex_m
}  // namespace tinyaudio

#endif  // TINYAUDIO_CORTEX_M_FAULT_RECORD_H_
