#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Declared only, for compiling.
int snprintf(char* target, size_t capacity, const char* format, ...);

#ifdef __cplusplus
}
#endif
