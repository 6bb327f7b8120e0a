#include "last_words.h"

#include "registers/scb.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace stm32h7 {

namespace {

using cortex_m::FaultRecord;

constexpr uint32_t kBackupRam = 0x38800000;  // RM0433 2.3
constexpr uint32_t kMostFaultsInARow = 3;

char text[cortex_m::kFaultTextBytes];
bool only_talks;

}  // namespace

volatile FaultRecord& stored_fault() {
    return block_at<volatile FaultRecord>(kBackupRam);
}

// A boot behind anything but a fault, as a host's request or power, begins a new row.
void take_last_words() {
    volatile FaultRecord& record = stored_fault();
    if (!is_fault_record(record)) {
        forget_faults(record);
        return;
    }
    describe_fault(record, text);
    only_talks = faults_in_a_row(record) >= kMostFaultsInARow;
    mark_fault_as_told(record);
}

void reset_chip() {
    __asm volatile("dsb" ::: "memory");
    scb().AIRCR = Scb::AIRCR_SYSRESETREQ;
    __asm volatile("dsb" ::: "memory");
    for (;;) {
    }
}

}  // namespace stm32h7

using namespace stm32h7;

const char* port_last_words() {
    return text[0] == '\0' ? nullptr : text;
}

bool port_only_talks() {
    return only_talks;
}

void port_host_is_here() {
    forget_faults(stored_fault());
}

}  // namespace tinyaudio
