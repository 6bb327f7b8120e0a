// Inner loops by hand for Armv7E-M, where the compiler's register allocation would spill. The C++ next to each use
// computes the same and is what the host's sanitizers run.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/dsp.h"

// The block of four pixels takes all 14 free registers, so it needs an optimizing compiler (no frame pointer), a function
// of its own around it, and a floating-point register to keep the end of its loop.
#if defined(TINYAUDIO_NN_ASSEMBLY)
// as the build says: 0 for builds with -fno-omit-frame-pointer
#elif defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__ARM_FP) && defined(__OPTIMIZE__) && TINYAUDIO_NN_DSP
#define TINYAUDIO_NN_ASSEMBLY 1
#else
#define TINYAUDIO_NN_ASSEMBLY 0
#endif
