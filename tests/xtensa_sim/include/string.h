// A C library as small as the programs here need: Debian's gcc-xtensa-lx106 comes without one.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void* memcpy(void* target, const void* source, size_t bytes);
void* memmove(void* target, const void* source, size_t bytes);
void* memset(void* target, int value, size_t bytes);
int memcmp(const void* a, const void* b, size_t bytes);
size_t strlen(const char* text);

// Declared only, for compiling.
size_t strspn(const char* text, const char* accepted);
#ifdef __cplusplus
}

char* strpbrk(char* text, const char* wanted);
const char* strstr(const char* text, const char* wanted);

extern "C" {
#endif

#ifdef __cplusplus
}
#endif
