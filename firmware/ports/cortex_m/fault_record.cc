#include "fault_record.h"

namespace tinyaudio {
namespace cortex_m {

namespace {

constexpr uint32_t kNews = 0x746C6166;
constexpr uint32_t kTold = 0x646C6F74;

uint32_t check_of(const volatile FaultRecord& record) {
    const uint32_t words[] = {record.state, record.exception, record.has_frame, record.pc,   record.lr,
                              record.cfsr,  record.hfsr,      record.mmfar,     record.bfar, record.faults_in_a_row};
    uint32_t check = 0x811C9DC5;  // FNV-1a over words
    for (const uint32_t word : words) {
        check = (check ^ word) * 0x01000193;
    }
    return check;
}

// Neither is worth a copy for each of its callers: this happens once, at the end.
[[gnu::noinline]] void append(char*& end, const char* text) {
    while (*text != '\0') {
        *end++ = *text++;
    }
}

[[gnu::noinline]] void append_hexadecimal(char*& end, const char* name, uint32_t value) {
    append(end, name);
    for (int shift = 28; shift >= 0; shift -= 4) {
        *end++ = "0123456789abcdef"[(value >> shift) & 0xF];
    }
}

}  // namespace

void seal_fault_record(volatile FaultRecord& record, uint32_t faults_before) {
    record.state = kNews;
    record.faults_in_a_row = faults_before + 1;
    record.check = check_of(record);
}

bool is_fault_record(const volatile FaultRecord& record) {
    return record.state == kNews && record.check == check_of(record);
}

uint32_t faults_in_a_row(const volatile FaultRecord& record) {
    const bool is_whole = (record.state == kNews || record.state == kTold) && record.check == check_of(record);
    return is_whole ? record.faults_in_a_row : 0;
}

void mark_fault_as_told(volatile FaultRecord& record) {
    record.state = kTold;
    record.check = check_of(record);
}

void forget_faults(volatile FaultRecord& record) {
    record.state = 0;
}

void describe_fault(const volatile FaultRecord& record, char (&text)[kFaultTextBytes]) {
    char* end = text;
    append(end, "fault");
    if (record.has_frame != 0) {
        append_hexadecimal(end, " at pc=0x", record.pc);
        append_hexadecimal(end, " lr=0x", record.lr);
    } else {
        append(end, ", the stack overflowed,");
    }
    append_hexadecimal(end, " exception=0x", record.exception);
    append_hexadecimal(end, " cfsr=0x", record.cfsr);
    append_hexadecimal(end, " hfsr=0x", record.hfsr);
    append_hexadecimal(end, " mmfar=0x", record.mmfar);
    append_hexadecimal(end, " bfar=0x", record.bfar);
    *end = '\0';
}

}  // namespace cortex_m
}  // namespace tinyaudio
