// What the assembly kernels share that compute blocks of pixels for pairs of channels (a, b). Operands, all registers:
//   p0a to p3b sums, a column each for lane a and b of every pixel; stream, see columns.h
//   x, y, a, column: free once the sums are complete
// and in floating-point registers, named where they are used: `output` (the first pixel's channel a) and `stream_end`.
// Constants: step from a pixel's output to the next one's, shift of FineRequantizer.
#pragma once

// The sums start with the first pixel's: the bias.
#define TINYAUDIO_NN_COPY(pixel) "mov %[" pixel "a], %[p0a]\n\t" "mov %[" pixel "b], %[p0b]\n\t"
#define TINYAUDIO_NN_OTHERS_2(one) one("p1")
#define TINYAUDIO_NN_OTHERS_3(one) one("p1") one("p2")
#define TINYAUDIO_NN_OTHERS_4(one) one("p1") one("p2") one("p3")

#define TINYAUDIO_NN_EACH_2(one, lane) one("p0" lane) one("p1" lane)
#define TINYAUDIO_NN_EACH_3(one, lane) one("p0" lane) one("p1" lane) one("p2" lane)
#define TINYAUDIO_NN_EACH_4(one, lane) one("p0" lane) one("p1" lane) one("p2" lane) one("p3" lane)

// As FineRequantizer does it: x multiplier, a addend; y what a negative sum's addend lacks, twice its lowest set bit.
#define TINYAUDIO_NN_FINE(sum)                     \
    "smmla %[" sum "], %[" sum "], %[x], %[a]\n\t" \
    "ssat %[" sum "], #8, %[" sum "], asr %[shift]\n\t"
#define TINYAUDIO_NN_FINE_SIGNED(sum)                   \
    "and %[column], %[y], %[" sum "], asr #31\n\t"      \
    "sub %[column], %[a], %[column]\n\t"                \
    "smmla %[" sum "], %[" sum "], %[x], %[column]\n\t" \
    "ssat %[" sum "], #8, %[" sum "], asr %[shift]\n\t"
#define TINYAUDIO_NN_FINE_SUMS(each)                                    \
    "ldrd %[x], %[a], [%[stream]], #8\n\t" each(TINYAUDIO_NN_FINE, "a") \
    "ldrd %[x], %[a], [%[stream]], #8\n\t" each(TINYAUDIO_NN_FINE, "b")
#define TINYAUDIO_NN_LACK "rsb %[y], %[a], #0\n\t" "and %[y], %[y], %[a]\n\t" "lsl %[y], %[y], #1\n\t"
#define TINYAUDIO_NN_FINE_SIGNED_SUMS(each)                                                      \
    "ldrd %[x], %[a], [%[stream]], #8\n\t" TINYAUDIO_NN_LACK each(TINYAUDIO_NN_FINE_SIGNED, "a") \
    "ldrd %[x], %[a], [%[stream]], #8\n\t" TINYAUDIO_NN_LACK each(TINYAUDIO_NN_FINE_SIGNED, "b")

// The outputs of a pair, and on to the next one; the first pixel comes last.
#define TINYAUDIO_NN_STORE(pixel)                              \
    "strb %[p" #pixel "a], [%[x], #" #pixel " * %c[step]]\n\t" \
    "strb %[p" #pixel "b], [%[x], #" #pixel " * %c[step] + 1]\n\t"
#define TINYAUDIO_NN_STORE_2 TINYAUDIO_NN_STORE(1)
#define TINYAUDIO_NN_STORE_3 TINYAUDIO_NN_STORE_2 TINYAUDIO_NN_STORE(2)
#define TINYAUDIO_NN_STORE_4 TINYAUDIO_NN_STORE_3 TINYAUDIO_NN_STORE(3)
#define TINYAUDIO_NN_END(stores, output, stream_end) \
    "vmov %[x], " output "\n\t" stores               \
    "strb %[p0a], [%[x]], #1\n\t"                    \
    "strb %[p0b], [%[x]], #1\n\t"                    \
    "vmov " output ", %[x]\n\t"                      \
    "vmov %[y], " stream_end "\n\t"                  \
    "cmp %[y], %[stream]\n\t"                        \
    "bne 1b\n\t"
