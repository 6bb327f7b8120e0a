// The exact integer square root of the magnitude stage.
#ifndef TINYAUDIO_FRONTEND_SQUARE_ROOT_H_
#define TINYAUDIO_FRONTEND_SQUARE_ROOT_H_

#include "tinyaudio/arithmetic.h"

namespace tinyaudio {

// sqrt((i + 1/2) * 2^24) for i = 64 to 255: the root of a 32-bit number by its highest 8 bits, within 1 in 256.
constexpr uint16_t kRoots[192] = {
    32896, 33150, 33402, 33652, 33900, 34147, 34392, 34635, 34876, 35116, 35354, 35590,
    35825, 36059, 36291, 36521, 36750, 36978, 37204, 37429, 37652, 37874, 38095, 38315,
    38533, 38750, 38966, 39181, 39394, 39606, 39818, 40028, 40237, 40445, 40652, 40857,
    41062, 41266, 41469, 41671, 41871, 42071, 42270, 42468, 42665, 42861, 43057, 43251,
    43445, 43637, 43829, 44020, 44210, 44400, 44588, 44776, 44963, 45149, 45334, 45519,
    45703, 45886, 46069, 46250, 46431, 46612, 46791, 46970, 47149, 47326, 47503, 47679,
    47855, 48030, 48204, 48378, 48551, 48723, 48895, 49067, 49237, 49407, 49577, 49746,
    49914, 50082, 50249, 50416, 50582, 50747, 50912, 51077, 51241, 51404, 51567, 51730,
    51892, 52053, 52214, 52374, 52534, 52694, 52853, 53011, 53169, 53327, 53484, 53640,
    53797, 53952, 54108, 54262, 54417, 54571, 54724, 54877, 55030, 55182, 55334, 55485,
    55636, 55787, 55937, 56087, 56236, 56385, 56534, 56682, 56830, 56977, 57124, 57271,
    57417, 57563, 57709, 57854, 57999, 58143, 58287, 58431, 58574, 58717, 58860, 59002,
    59144, 59286, 59427, 59568, 59709, 59849, 59989, 60129, 60268, 60407, 60546, 60684,
    60822, 60960, 61098, 61235, 61372, 61508, 61644, 61780, 61916, 62051, 62186, 62321,
    62456, 62590, 62724, 62857, 62991, 63124, 63256, 63389, 63521, 63653, 63785, 63916,
    64047, 64178, 64309, 64439, 64569, 64699, 64828, 64957, 65086, 65215, 65344, 65472,
};

// floor(sqrt(4 * energy)) for 1 <= energy < 2^62.
// The root of the upper half by a table and one Heron step, the lower 16 bits by one division of the remainder
// (P. Zimmermann, Karatsuba Square Root, INRIA RR-3805, 1999): two 32-bit divisions, exact.
inline uint32_t floor_square_root_of_four_times(uint64_t energy) {
    const Normalized x = normalize(energy, 2);  // [2^62, 2^64)
    // Heron never falls below the root, and its error, e^2 / 2 of 2^16 with e <= 1/256, stays below 1: floor or floor + 1.
    const uint32_t guess = kRoots[(x.high >> 24) - 64];
    uint32_t upper = (guess + x.high / guess) >> 1;
    int32_t remainder = static_cast<int32_t>(x.high - upper * upper);  // modulo 2^32; -2^17 to 2^17
    if (remainder < 0) {
        --upper;
        remainder += static_cast<int32_t>(2 * upper + 1);
    }
    // Next 16 bits: (remainder * 2^16 + next 16 bits) / (2 * upper), both halved; remainder <= 2 * upper < 2^17.
    const uint32_t dividend = (static_cast<uint32_t>(remainder) << 15) | (x.low >> 17);
    const uint32_t lower = dividend / upper;  // 0 to 2^16
    const uint32_t rest = dividend - lower * upper;
    const uint64_t rest_with_low = (static_cast<uint64_t>(rest) << 17) | (x.low & 0x1FFFFu);
    uint32_t root = (upper << 16) + lower;  // may wrap from 2^32 to 0; then the line below brings it back
    root -= rest_with_low < static_cast<uint64_t>(lower) * lower;
    return root >> (x.shift / 2 - 1);  // energy < 2^62: shift >= 2
}

}  // namespace tinyaudio

#endif  // TINYAUDIO_FRONTEND_SQUARE_ROOT_H_
