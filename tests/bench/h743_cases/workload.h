// Work whose instructions both emulators count: a bit of everything a kernel does.
#ifndef H743_CASES_WORKLOAD_H_
#define H743_CASES_WORKLOAD_H_

#include <stdint.h>

uint32_t work(uint32_t rounds);

#endif
