// The phases of a transposed convolution whose kernels are two columns wide: four multiply-accumulates at once.
//
// A word holds two neighbours of a row, x0 + x1 2^21, or the two weights that meet a value, w1 + w0 2^21, where output n is
// w0 x[n-1] + w1 x[n]. Their product, 64 bits long, holds three sums 21 bits apart, and so does a sum of products:
//   low:    w1 x0               what x0 gives to its own output
//   middle: w0 x0 + w1 x1       all of x1's output
//   high:   w0 x1               what x1 gives to the output behind it, which the next word completes
// The low and the middle sum start at 2^20, so that neither is ever negative and none borrows from its neighbour; the
// compiler proves that both stay below 2^21. The bias takes the 2^20 back: each output contains it exactly once.
//
// The stream, phase by phase, pair of output channels (a, b) by pair:
//   int32 start a, b              of the first word's low sums: 2^20, and the high sum of the padding in front of it
//   int32 weights[kernel rows * input channels][2 channels]
//   int32 bias, 2^j, multiplier, addend of a; the same of b    bias times 2^j, the input's zero point folded in;
//                                                              for the others see FineRequantizer
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em_twins.h"
#include "tinyaudio/nn/dsp.h"
#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {

constexpr int32_t kTwinBits = 21;
constexpr int32_t kTwinBlockPixels = 4;    // two words of a channel side by side
constexpr int32_t kTwinConstantWords = 10;  // of a pair: two in front of its weights, eight behind them

// What follows from a Shape for the multiplication, and nothing else: shapes that agree in it share the code.
template <Requantization kWay, int32_t kMin, int32_t kMax, int32_t kFineShift, int32_t kRows, int32_t kStep>
struct TwinOutputs {
    static constexpr Requantization kRequantization = kWay;
    static constexpr int32_t kActivationMin = kMin;
    static constexpr int32_t kActivationMax = kMax;
    static constexpr int32_t kShift = kFineShift;
    static constexpr int32_t kKernelRows = kRows;
    static constexpr int32_t kColumnStep = kStep;  // from one output to its neighbour
};

// `count` values of padding, in words of two.
inline void fill_twins(int32_t* target, int32_t count, int32_t zero_point) {
    for (int32_t word = 0; word < count / 2; ++word) {
        target[word] = zero_point + zero_point * (1 << kTwinBits);
    }
}

// A row of `blocks` times four pixels with `channels` values each, a multiple of four. One function for all shapes.
__attribute__((noinline)) inline void load_twins(const int8_t* source, int32_t blocks, int32_t channels, int32_t* target) {
    const auto value = [](uint32_t word, int32_t place) { return static_cast<int32_t>(static_cast<int8_t>(word >> (8 * place))); };
    for (; blocks != 0; --blocks) {
        for (const int8_t* const end = source + channels; source != end; source += 4) {
            const uint32_t first = load_word(source);
            const uint32_t second = load_word(source + channels);
            const uint32_t third = load_word(source + 2 * channels);
            const uint32_t fourth = load_word(source + 3 * channels);
#pragma GCC unroll 4
            for (int32_t place = 0; place < 4; ++place) {
                target[2 * place] = value(first, place) + value(second, place) * (1 << kTwinBits);
                target[2 * place + 1] = value(third, place) + value(fourth, place) * (1 << kTwinBits);
            }
            target += 8;
        }
        source += (kTwinBlockPixels - 1) * channels;
    }
}

// The three sums in one of 64 bits; the high one has a sign.
inline uint32_t low_twin(uint64_t sums) { return static_cast<uint32_t>(sums) & ((1u << kTwinBits) - 1u); }
inline uint32_t middle_twin(uint64_t sums) { return low_twin(sums >> kTwinBits); }
inline int32_t high_twin(uint64_t sums) { return static_cast<int32_t>(sums >> 32) >> (2 * kTwinBits - 32); }

// The four outputs of a block in one channel, from the sums of its two words and the channel's four constants.
template <typename Outputs>
inline void finish_twins(uint64_t first, uint64_t second, const int32_t* constants, int8_t* output) {
    const FineRequantizer<Outputs> requantize(constants[2], constants[3], Outputs::kShift);
    const uint32_t sums[kTwinBlockPixels] = {low_twin(first), middle_twin(first), low_twin(second) + static_cast<uint32_t>(high_twin(first)),
                                             middle_twin(second)};
    for (int32_t pixel = 0; pixel < kTwinBlockPixels; ++pixel) {
        const uint32_t scaled = sums[pixel] * static_cast<uint32_t>(constants[1]) + static_cast<uint32_t>(constants[0]);
        output[pixel * Outputs::kColumnStep] = requantize(static_cast<int32_t>(scaled));
    }
}

// A row of `blocks` times four outputs of a pair of channels. `rows`: inputs [block][channel][2], `block_words` a block.
template <typename Outputs>
inline void multiply_twins_plain(const int32_t* const* rows, int32_t block_words, int32_t blocks, const int32_t* stream, int8_t* output) {
    constexpr uint64_t kMiddle = 1ull << (2 * kTwinBits - 1);
    constexpr uint64_t kStart = kMiddle + (1ull << (kTwinBits - 1));
    uint64_t starts[2] = {kMiddle + static_cast<uint32_t>(stream[0]), kMiddle + static_cast<uint32_t>(stream[1])};
    for (int32_t block = 0; block < blocks; ++block) {
        uint64_t sums[2][2] = {{starts[0], starts[1]}, {kStart, kStart}};  // [word][channel of the pair]
        const int32_t* weights = stream + 2;
        for (int32_t kernel_row = 0; kernel_row < Outputs::kKernelRows; ++kernel_row) {
            const int32_t* const words = rows[kernel_row] + block * block_words;
            for (int32_t word = 0; word < block_words; word += 2) {
                for (int32_t place = 0; place < 4; ++place) {
                    const int64_t product = static_cast<int64_t>(words[word + place / 2]) * weights[word + place % 2];
                    sums[place / 2][place % 2] += static_cast<uint64_t>(product);
                }
            }
            weights += block_words;
        }
        for (int32_t lane = 0; lane < 2; ++lane) {
            finish_twins<Outputs>(sums[0][lane], sums[1][lane], weights + 4 * lane, output + lane);
            starts[lane] = kStart + static_cast<uint64_t>(static_cast<int64_t>(high_twin(sums[1][lane])));
        }
        output += kTwinBlockPixels * Outputs::kColumnStep;
    }
}

// A row of outputs, pair of channels by pair; see multiply_twins_plain.
template <typename Outputs>
inline void multiply_twins(const int32_t* const* rows, int32_t block_words, int32_t blocks, const int32_t* stream, int8_t* output,
                           int32_t channels) {
#if TINYAUDIO_NN_ASSEMBLY
    if constexpr (TwinBlocks<Outputs>::kFits) {
        constexpr int32_t kRows = Outputs::kKernelRows;
        const TwinJob job = {
            static_cast<int32_t>(sizeof(int32_t)) * block_words, stream, kTwinBlockPixels * blocks * Outputs::kColumnStep,
            {rows[0], rows[kRows > 1 ? 1 : 0], rows[kRows > 2 ? 2 : 0]}, output, output + channels,
        };
        return TwinBlocks<Outputs>::multiply(&job);
    }
#endif
    for (int32_t channel = 0; channel < channels; channel += 2) {
        multiply_twins_plain<Outputs>(rows, block_words, blocks, stream, output + channel);
        stream += Outputs::kKernelRows * block_words + kTwinConstantWords;
    }
}

// Rows of outputs that take `rows` rows of inputs each, from row `first` of those under the kernel.
struct TwinPhase {
    int32_t first;
    int32_t rows;
};

struct TwinPhases {
    int32_t count;
    TwinPhase at[4];
};

// The rows of outputs, a phase each, over one row of inputs. `rows`: all that the kernel covers.
template <typename Shape, int32_t kPhase = 0>
inline void multiply_twin_phases(const int32_t* const* rows, const int32_t* stream, int8_t* output) {
    constexpr TwinPhase kHere = Shape::kPhases.at[kPhase];
    constexpr int32_t kBlockWords = 2 * Shape::kInputChannels;
    using Outputs = TwinOutputs<Shape::kRequantization, Shape::kActivationMin, Shape::kActivationMax, Shape::kShift, kHere.rows,
                                Shape::kOutputColumnStep>;
    multiply_twins<Outputs>(rows + kHere.first, kBlockWords, Shape::kInputWidth / kTwinBlockPixels, stream, output, Shape::kOutputChannels);
    if constexpr (kPhase + 1 < Shape::kPhases.count) {
        constexpr int32_t kWords = Shape::kOutputChannels / 2 * (kHere.rows * kBlockWords + kTwinConstantWords);
        multiply_twin_phases<Shape, kPhase + 1>(rows, stream + kWords, output + Shape::kOutputRowStep / Shape::kPhases.count);
    }
}

// Shape: kInputHeight, kInputWidth (a multiple of four, and the number of outputs in a row), kInputChannels (a multiple of
// eight), kInputZeroPoint, kKernelHeight (at most three rows that all phases together take), kPaddingTop, kPhases,
// kOutputHeight (of each phase), kOutputChannels (even), kOutputColumnStep and kOutputRowStep (from one output to the next
// one of its phase, in values), kShift, and Requantizer's. One column of padding on the left.
// `ring`: int32[kKernelHeight * kInputWidth / 2 * kInputChannels].
template <typename Shape>
void conv_twins(const int8_t* input, int8_t* output, const int32_t* stream, void* ring) {
    static_assert(Shape::kKernelHeight <= 3 && Shape::kInputWidth % kTwinBlockPixels == 0, "see above");
    static_assert(Shape::kInputChannels % 8 == 0 && Shape::kOutputChannels % 2 == 0, "see above");
    constexpr int32_t kRowValues = Shape::kInputWidth * Shape::kInputChannels;
    int32_t* const loaded_rows = static_cast<int32_t*>(ring);
    int32_t loaded = 0;  // padded rows below this index are in the ring
    for (int32_t y = 0; y < Shape::kOutputHeight; ++y) {
        const int32_t* rows[Shape::kKernelHeight];
        for (; loaded < y + Shape::kKernelHeight; ++loaded) {
            int32_t* const target = loaded_rows + loaded % Shape::kKernelHeight * (kRowValues / 2);
            const int32_t source = loaded - Shape::kPaddingTop;
            if (source >= 0 && source < Shape::kInputHeight) {
                load_twins(input + source * kRowValues, Shape::kInputWidth / kTwinBlockPixels, Shape::kInputChannels, target);
            } else {
                fill_twins(target, kRowValues, Shape::kInputZeroPoint);
            }
        }
        for (int32_t row = 0; row < Shape::kKernelHeight; ++row) {
            rows[row] = loaded_rows + (y + row) % Shape::kKernelHeight * (kRowValues / 2);
        }
        multiply_twin_phases<Shape>(rows, stream, output + y * Shape::kOutputRowStep);
    }
}

}  // namespace nn
}  // namespace tinyaudio
