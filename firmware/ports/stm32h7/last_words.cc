#include "last_words.h"

#include "registers/scb.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace stm32h7 {

namespace {

constexpr uint32_t kBackupRam = 0x38800000;  // RM0433 2.3

char text[kFaultTextBytes];

}  // namespace

volatile FaultRecord& stored_fault() {
    return block_at<volatile FaultRecord>(kBackupRam);
}

void take_last_words() {
    volatile FaultRecord& record = stored_fault();
    if (is_fault_record(record)) {
        describe_fault(record, text);
    }
    record.magic = 0;
}

void reset_chip() {
    __asm volatile("dsb" ::: "memory");
    scb().AIRCR = Scb::AIRCR_SYSRESETREQ;
    __asm volatile("dsb" ::: "memory");
    for (;;) {
    }
}

}  // namespace stm32h7

const char* port_last_words() {
    return stm32h7::text[0] == '\0' ? nullptr : stm32h7::text;
}

}  // namespace tinyaudio
