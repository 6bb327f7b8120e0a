// 3x3 depthwise convolution, strides 1 and 2 along a row; channels last. Also the 3x3 convolution of a single channel,
// whose outputs all read the same plane.
//
// A strip of rows is spread into int16 planes, one a channel, with its padding: there one instruction multiplies two
// neighbours of a row, no pixel is a border case, and the output may overwrite the input wherever the compiler has shown
// that no unread row is hit.
//
// All that belongs to the weights lies in one stream, channel by channel; w0 w1 w2 is a row of the kernel:
//   kBytes: three rows of int8 w1, w0, 0, w2 (instead of the first 0: shift), int32 256 * bias, multiplier; with a shift
//           that all channels share, instead of the first 0: addend, see ShortRequantizer
//   kWide:  three rows of int16 w0, w1, w1, w2, int32 bias, multiplier, addend; weights and bias times 2^j
// Bias with the input's zero point folded in; the rest see FineRequantizer; j is 8 for kBytes.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/armv7em_depthwise.h"
#include "tinyaudio/nn/avx2_depthwise.h"
#include "tinyaudio/nn/dsp.h"
#include "tinyaudio/nn/requantize.h"
#include "tinyaudio/nn/rows.h"

namespace tinyaudio {
namespace nn {

// What follows from a Shape for depthwise_3x3.
template <typename Shape>
struct DepthwiseStrip {
    static constexpr int32_t kRows = (Shape::kStripRows - 1) * Shape::kStrideHeight + 3;
    static constexpr int32_t kColumns = ((Shape::kOutputWidth - 1) * Shape::kStrideWidth + 4) / 2 * 2;
    static constexpr int32_t kPlane = kRows * kColumns;  // values
    static constexpr int32_t kSharedRows = Shape::kStrideHeight < 3 ? 3 - Shape::kStrideHeight : 0;  // with the next strip
    static constexpr int32_t kStep = Shape::kInputChannels == 1 ? 0 : kPlane;  // from the plane of one output to the next one's
    static constexpr bool kWide = Shape::kWeights == WeightFormat::kWide;
    static constexpr int32_t kChannelWords = kWide ? 9 : 5;
};

// One channel's weights and requantization, as the stream holds them.
template <typename Shape>
struct DepthwiseChannel {
    int32_t weights[9];
    int32_t bias;
    FineRequantizer<Shape> requantize;

    static DepthwiseChannel read(const int32_t* words) {
        if constexpr (DepthwiseStrip<Shape>::kWide) {
            DepthwiseChannel channel = {{}, words[6], {words[7], words[8], Shape::kShift}};
            for (int32_t row = 0; row < 3; ++row) {
                channel.weights[3 * row] = static_cast<int16_t>(words[2 * row]);
                channel.weights[3 * row + 1] = static_cast<int16_t>(words[2 * row + 1]);
                channel.weights[3 * row + 2] = words[2 * row + 1] >> 16;
            }
            return channel;
        } else {
            const int32_t byte = words[0] >> 16 & 0xff;
            const int32_t shift = Shape::kShift != 0 ? Shape::kShift : byte;
            const int32_t addend = Shape::kShift != 0 ? ShortRequantizer<Shape>::addend_of(byte)
                                                      : FineRequantizer<Shape>::addend_of(shift, kShortFractionBits);
            DepthwiseChannel channel = {{}, words[3], {words[4], addend, shift}};
            for (int32_t row = 0; row < 3; ++row) {
                channel.weights[3 * row] = 256 * static_cast<int8_t>(words[row] >> 8);
                channel.weights[3 * row + 1] = 256 * static_cast<int8_t>(words[row]);
                channel.weights[3 * row + 2] = 256 * (words[row] >> 24);
            }
            return channel;
        }
    }
};

// All channels of `rows` rows of outputs.
template <typename Shape>
inline void depthwise_strip_plain(const int16_t* plane, int8_t* output, const int32_t* stream, int32_t rows) {
    using Strip = DepthwiseStrip<Shape>;
    for (int32_t index = 0; index < Shape::kOutputChannels; ++index) {
        const DepthwiseChannel<Shape> channel = DepthwiseChannel<Shape>::read(stream);
        for (int32_t pixel = 0; pixel < rows * Shape::kOutputWidth; ++pixel) {
            const int32_t y = pixel / Shape::kOutputWidth * Shape::kStrideHeight;
            const int32_t x = pixel % Shape::kOutputWidth * Shape::kStrideWidth;
            int32_t sum = channel.bias;
            for (int32_t place = 0; place < 9; ++place) {
                sum += channel.weights[place] * plane[(y + place / 3) * Strip::kColumns + x + place % 3];
            }
            output[pixel * Shape::kOutputChannels] = channel.requantize(sum);
        }
        plane += Strip::kStep;
        stream += Strip::kChannelWords;
        ++output;
    }
}

// How many channels are spread at once: SXTB16 unpacks four.
template <typename Shape>
constexpr int32_t kSpreadChannels = Shape::kInputChannels % 4 == 0 ? 4 : 1;

// Those channels of two neighbouring pixels of a row, each of the image or of its padding: a pair of values for each
// channel's plane.
template <typename Shape, bool kFirstInside, bool kSecondInside>
inline void spread_channels(const int8_t* first, int16_t* target) {
    constexpr int32_t kPlane = DepthwiseStrip<Shape>::kPlane;
    const int8_t* const second = first + Shape::kInputChannels;
    if constexpr (kSpreadChannels<Shape> == 4) {
        constexpr uint32_t kPadding = (static_cast<uint32_t>(Shape::kInputZeroPoint) & 0xffu) * 0x01010101u;
        const uint32_t a = kFirstInside ? load_word(first) : kPadding;
        const uint32_t b = kSecondInside ? load_word(second) : kPadding;
        const uint32_t even[2] = {sxtb16(a), sxtb16(b)};
        const uint32_t odd[2] = {sxtb16_ror8(a), sxtb16_ror8(b)};
        store_word(target, pack_bottoms(even[0], even[1]));
        store_word(target + kPlane, pack_bottoms(odd[0], odd[1]));
        store_word(target + 2 * kPlane, pack_tops(even[0], even[1]));
        store_word(target + 3 * kPlane, pack_tops(odd[0], odd[1]));
    } else {
        target[0] = kFirstInside ? first[0] : Shape::kInputZeroPoint;
        target[1] = kSecondInside ? second[0] : Shape::kInputZeroPoint;
    }
}

// All channels of them. Written out as often as the channels allow, so that nothing is left over.
template <typename Shape, bool kFirstInside, bool kSecondInside>
inline void spread_two_pixels(const int8_t* first, int16_t* target) {
    constexpr int32_t kGroup = kSpreadChannels<Shape>;
    constexpr int32_t kGroups = Shape::kInputChannels / kGroup;
    constexpr int32_t kTogether = kGroups % 4 == 0 ? 4 : (kGroups % 2 == 0 ? 2 : 1);
    for (int32_t group = 0; group < kGroups; group += kTogether) {
#pragma GCC unroll 4
        for (int32_t index = 0; index < kTogether; ++index) {
            spread_channels<Shape, kFirstInside, kSecondInside>(first + index * kGroup, target + index * kGroup * DepthwiseStrip<Shape>::kPlane);
        }
        first += kTogether * kGroup;
        target += kTogether * kGroup * DepthwiseStrip<Shape>::kPlane;
    }
}

// Columns `first` to `end`, both even, of a padded row of all planes, as padding.
template <typename Shape>
inline void pad_columns(int32_t first, int32_t end, int16_t* target) {
    if (first >= end) {
        return;
    }
    constexpr uint32_t kHalf = static_cast<uint32_t>(Shape::kInputZeroPoint) & 0xffffu;
    for (int32_t channel = 0; channel < Shape::kInputChannels; ++channel) {
#pragma GCC unroll 4
        for (int32_t column = first; column < end; column += 2) {
            store_word(target + column, kHalf | kHalf << 16);
        }
        target += DepthwiseStrip<Shape>::kPlane;
    }
}

// A row of the image, or of padding if it is null, into the planes, pair of columns by pair.
template <typename Shape>
inline void load_strip_row(const int8_t* row, int16_t* target) {
    constexpr int32_t kColumns = DepthwiseStrip<Shape>::kColumns;
    constexpr int32_t kLeft = Shape::kPaddingLeft < kColumns ? Shape::kPaddingLeft : kColumns;
    constexpr int32_t kEnd = Shape::kPaddingLeft + Shape::kInputWidth < kColumns ? Shape::kPaddingLeft + Shape::kInputWidth : kColumns;
    constexpr int32_t kWholeStart = kLeft + kLeft % 2;  // from here on, pairs of columns lie in the image
    constexpr int32_t kWholeEnd = kEnd / 2 * 2;
    if (row == nullptr) {
        return pad_columns<Shape>(0, kColumns, target);
    }
    const int8_t* source = row - kLeft * Shape::kInputChannels;  // of the first column
    pad_columns<Shape>(0, kLeft / 2 * 2, target);
    if constexpr (kLeft % 2 != 0) {
        spread_two_pixels<Shape, false, (kLeft < kEnd)>(source + (kLeft - 1) * Shape::kInputChannels, target + kLeft - 1);
    }
    for (int32_t column = kWholeStart; column < kWholeEnd; column += 2) {
        spread_two_pixels<Shape, true, true>(source + column * Shape::kInputChannels, target + column);
    }
    if constexpr (kEnd % 2 != 0 && kEnd > kWholeStart) {
        spread_two_pixels<Shape, true, false>(source + (kEnd - 1) * Shape::kInputChannels, target + kEnd - 1);
    }
    constexpr int32_t kBehind = kEnd + kEnd % 2 > kWholeStart ? kEnd + kEnd % 2 : kWholeStart;
    pad_columns<Shape>(kBehind, kColumns, target);
}

// The last rows of a full strip are the first ones of the next.
template <typename Shape>
inline void keep_shared_rows(int16_t* strip) {
    using Strip = DepthwiseStrip<Shape>;
    for (int32_t channel = 0; channel < Shape::kInputChannels; ++channel) {
        move_words_down<Strip::kSharedRows * Strip::kColumns / 2>(strip + Shape::kStripRows * Shape::kStrideHeight * Strip::kColumns, strip);
        strip += Strip::kPlane;
    }
}

// Output rows `y` to y + `rows` - 1, for rising y; the first y is 0. `input`: see rows.h.
template <typename Shape, typename Input>
inline void depthwise_strip(Input& input, int32_t y, int32_t rows, int8_t* output, const int32_t* stream, int16_t* planes) {
    using Strip = DepthwiseStrip<Shape>;
    const int32_t kept = y == 0 ? 0 : Strip::kSharedRows;
    if (kept != 0) {
        keep_shared_rows<Shape>(planes);
    }
    for (int32_t row = kept; row < (rows - 1) * Shape::kStrideHeight + 3; ++row) {
        const int32_t input_y = y * Shape::kStrideHeight + row - Shape::kPaddingTop;
        const bool inside = input_y >= 0 && input_y < Shape::kInputHeight;
        load_strip_row<Shape>(inside ? input.row(input_y) : nullptr, planes + row * Strip::kColumns);
    }
#if TINYAUDIO_NN_ASSEMBLY
    if constexpr (DepthwiseBlocks<Shape, Strip>::kFits) {
        DepthwiseBlocks<Shape, Strip>::multiply(planes, output, stream, rows);
    } else
#endif
    {
#if TINYAUDIO_NN_AVX2
        depthwise_strip_by_eight<Shape, Strip, DepthwiseChannel<Shape>>(planes, output, stream, rows);
#else
        depthwise_strip_plain<Shape>(planes, output, stream, rows);
#endif
    }
}

// The output, as many rows at a time as the strip holds. `Input`: see rows.h.
template <typename Shape, typename Input>
class DepthwiseMaker {
public:
    static constexpr int32_t kRows = Shape::kOutputHeight;
    static constexpr int32_t kRowBytes = Shape::kOutputWidth * Shape::kOutputChannels;
    static constexpr int32_t kBatchRows = Shape::kStripRows;

    DepthwiseMaker(Input input, const int32_t* stream, void* strip)
        : input_(input), stream_(stream), planes_(static_cast<int16_t*>(strip)) {}

    void make(int8_t* target) {
        const int32_t left = kRows - y_;
        depthwise_strip<Shape>(input_, y_, left < kBatchRows ? left : kBatchRows, target, stream_, planes_);
        y_ += kBatchRows;
    }

private:
    Input input_;
    const int32_t* const stream_;
    int16_t* const planes_;
    int32_t y_ = 0;
};

// depthwise_3x3 as a maker of rows.
template <typename Shape, typename Source>
DepthwiseMaker<Shape, NumberedRows<Source>> rows_of_depthwise_3x3(Source source, const int32_t* stream, void* strip) {
    return DepthwiseMaker<Shape, NumberedRows<Source>>(NumberedRows<Source>(source), stream, strip);
}

// Shape: sizes, kOutputChannels (as many as inputs, or any number for one input), strides, paddings, kStripRows (rows of
// outputs at a time), kInputZeroPoint, kWeights, kShift (all channels'; 0: each has its own), and Requantizer's.
// `strip`: int16[kInputChannels * DepthwiseStrip<Shape>::kPlane], 4-byte aligned.
template <typename Shape>
void depthwise_3x3(const int8_t* input, int8_t* output, const int32_t* stream, void* strip) {
    using Image = WholeImage<Shape::kInputWidth * Shape::kInputChannels>;
    make_rows(DepthwiseMaker<Shape, Image>(Image{input}, stream, strip), output);
}

}  // namespace nn
}  // namespace tinyaudio
