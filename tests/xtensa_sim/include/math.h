#pragma once

// Declared only: nothing here is linked with floating point.
#ifdef __cplusplus
extern "C" {
#endif

float cosf(float angle);
float sinf(float angle);

#ifdef __cplusplus
}
#endif
