// Storage that loses power in the middle of what it does: the port's functions over an array, and what they leave behind.
#ifndef TESTS_HOST_CPP_SETTINGS_TORN_FLASH_H_
#define TESTS_HOST_CPP_SETTINGS_TORN_FLASH_H_

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tinyaudio/port.h"
#include "tinyaudio/settings.h"

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            describe();                                                        \
            exit(1);                                                           \
        }                                                                      \
    } while (false)

// What a unit is left as when power fails while it is programmed.
enum class Torn : uint8_t {
    kUntouched,   // the step had not begun
    kBlankDirty,  // it reads blank, but what is programmed on it comes out wrong
    kPrefix,      // the first half of it is there
    kScattered,   // some bits of it are there
    kUnreadable,  // it cannot be read
    kFlaky,       // whether it reads right or not differs from start to start
    kDone,        // the step was through, but nobody was told
    kCount
};

constexpr uint32_t kMaxStorageBytes = 4096;

struct Flash {
    tinyaudio::PortStorage geometry;
    uint8_t bytes[kMaxStorageBytes];
    bool is_programmed[kMaxStorageBytes];  // by unit, as those below
    bool is_dirty[kMaxStorageBytes];
    bool is_unreadable[kMaxStorageBytes];
    bool is_flaky[kMaxStorageBytes];
    uint8_t steady[kMaxStorageBytes];  // of flaky units: what reads right
    uint32_t steps;
    uint32_t cut_at;  // the step in which power fails
    Torn torn;
    bool is_dead;
    bool is_powered;   // a cut is no more than a step that fails
    bool is_silent;    // and the flash does not say so
    uint32_t erases;
    uint32_t programs;
    uint32_t random;
};

extern Flash flash;
extern const char* scenario;  // what is tried, for the message of a CHECK

void describe();
uint32_t unit_count();
void format(const tinyaudio::PortStorage& geometry);  // blank, power on, no cut ahead
void scramble(uint32_t unit);                         // anything may be read from it
void start(tinyaudio::Settings& settings);            // power comes back: flaky units read right, blank or anything

#endif  // TESTS_HOST_CPP_SETTINGS_TORN_FLASH_H_
