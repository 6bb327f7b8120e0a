/* CMSIS-DSP's own real FFT. `rfft N`: int32 frames of N samples from standard input -> N / 2 + 1 complex bins each.
 * `twiddles N`: the table of the complex FFT of N points. `split`: the tables A and B of the split. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm_common_tables.h"
#include "arm_const_structs.h"
#include "dsp/transform_functions.h"

static const arm_cfft_instance_q31* complex_instance(unsigned points) {
    switch (points) {
        case 32: return &arm_cfft_sR_q31_len32;
        case 64: return &arm_cfft_sR_q31_len64;
        case 128: return &arm_cfft_sR_q31_len128;
        case 256: return &arm_cfft_sR_q31_len256;
        case 512: return &arm_cfft_sR_q31_len512;
        case 1024: return &arm_cfft_sR_q31_len1024;
        case 2048: return &arm_cfft_sR_q31_len2048;
        default: exit(2);
    }
}

int main(int argument_count, char** arguments) {
    static q31_t input[4096];
    static q31_t output[8192];
    arm_rfft_instance_q31 instance;
    if (argument_count == 2 && strcmp(arguments[1], "split") == 0) {
        fwrite(realCoefAQ31, sizeof(q31_t), 8192, stdout);
        fwrite(realCoefBQ31, sizeof(q31_t), 8192, stdout);
        return 0;
    }
    if (argument_count != 3) {
        return 2;
    }
    const unsigned length = (unsigned)atoi(arguments[2]);
    if (strcmp(arguments[1], "twiddles") == 0) {
        fwrite(complex_instance(length)->pTwiddle, sizeof(q31_t), length / 2 * 3, stdout);
        return 0;
    }
    if (arm_rfft_init_q31(&instance, length, 0, 1) != ARM_MATH_SUCCESS) {
        return 3;
    }
    while (fread(input, sizeof(q31_t), length, stdin) == length) {
        arm_rfft_q31(&instance, input, output);
        fwrite(output, sizeof(q31_t), length + 2, stdout);
    }
    return 0;
}
