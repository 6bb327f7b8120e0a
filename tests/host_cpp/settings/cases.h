// What is tried of the settings log; each ends the program where something is not as it should be.
#ifndef TESTS_HOST_CPP_SETTINGS_CASES_H_
#define TESTS_HOST_CPP_SETTINGS_CASES_H_

#include <stdint.h>

#include "tinyaudio/port.h"

// Power fails once, at every step of the story.
void one_cut(const tinyaudio::PortStorage& geometry, uint32_t writes);

// Power fails at every step, and again at every one of the next steps, those of the recovery.
void two_cuts(const tinyaudio::PortStorage& geometry, uint32_t writes, uint32_t further_steps);

// One step fails, the power stays. What is told to be done is; what is told to have failed has not changed anything.
void one_failure(const tinyaudio::PortStorage& geometry, uint32_t writes);

// Everything but cuts: wear, limits, foreign content, damage.
void small_cases();

#endif  // TESTS_HOST_CPP_SETTINGS_CASES_H_
