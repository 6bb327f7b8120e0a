// CMSIS-DSP's sources behind arm_rfft_q31 and arm_cfft_q31, compiled where they lie: the root of CMSIS-DSP is on the
// include path. The linker drops the tables of lengths that are not used (-fdata-sections, --gc-sections).
#include "Source/BasicMathFunctions/arm_shift_q31.c"
#include "Source/CommonTables/arm_common_tables.c"
#include "Source/CommonTables/arm_const_structs.c"
#include "Source/TransformFunctions/arm_bitreversal.c"
#include "Source/TransformFunctions/arm_bitreversal2.c"
#include "Source/TransformFunctions/arm_cfft_init_q31.c"
#include "Source/TransformFunctions/arm_cfft_q31.c"
#include "Source/TransformFunctions/arm_cfft_radix4_q31.c"
#include "Source/TransformFunctions/arm_rfft_init_q31.c"
#include "Source/TransformFunctions/arm_rfft_q31.c"
