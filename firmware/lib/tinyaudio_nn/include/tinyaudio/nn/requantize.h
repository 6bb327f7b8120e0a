// From an int32 accumulator to an int8 activation, as TensorFlow Lite's double-rounding reference does it.
#pragma once

#include <stdint.h>

#include "tinyaudio/nn/dsp.h"

namespace tinyaudio {
namespace nn {

// How an operator may requantize; the compiler proves the conditions for all of its channels.
enum class Requantization : uint8_t {
    kGeneral,             // any multiplier and shift
    kRounded,             // |accumulator| < 2^30, 1 <= right shift <= 21
    kClampedAtZeroPoint,  // as kRounded, and the lower clamp is the zero point: ties below it do not matter
};

// How the weights of a convolution or dense layer lie in its stream, see columns.h.
enum class WeightFormat : uint8_t {
    kBytes,
    kFolded,  // for sums that 24 bits hold: two channels' products come out of one multiplication
    kWide,
};

// Weights of a depthwise convolution.
struct ChannelWeights {
    const int8_t* weights;       // in the order its kernel documents, 4-byte aligned
    const int32_t* bias;         // [channels], the input's zero point folded in
    const int32_t* multipliers;  // [channels], Q31, 0 or 2^30 to 2^31 - 1
    const int8_t* right_shifts;  // [channels], negative: shift left
};

// round(a * b / 2^31), ties towards plus infinity: gemmlowp's SaturatingRoundingDoublingHighMul.
inline int32_t multiply_high_doubled(int32_t a, int32_t b) {
    if (a == b && a == INT32_MIN) {
        return INT32_MAX;
    }
    return static_cast<int32_t>((static_cast<int64_t>(a) * b + (1LL << 30)) >> 31);
}

// round(value / 2^shift), ties away from zero; 0 <= shift <= 31.
inline int32_t divide_by_power_of_two(int32_t value, int32_t shift) {
    const int32_t mask = static_cast<int32_t>((1LL << shift) - 1);
    const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> shift) + ((value & mask) > threshold ? 1 : 0);
}

// value * multiplier / 2^(31 + right_shift), rounded twice.
inline int32_t multiply_by_quantized_multiplier(int32_t value, int32_t multiplier, int32_t right_shift) {
    const int32_t left = right_shift < 0 ? -right_shift : 0;
    const int32_t right = right_shift < 0 ? 0 : right_shift;
    const int32_t shifted = static_cast<int32_t>(static_cast<uint32_t>(value) << left);
    return divide_by_power_of_two(multiply_high_doubled(shifted, multiplier), right);
}

// The requantization of one channel. Shape: kOutputZeroPoint, kActivationMin, kActivationMax, kRequantization.
template <typename Shape>
class Requantizer {
public:
    Requantizer(int32_t multiplier, int32_t right_shift) : multiplier_(multiplier), right_shift_(right_shift), addend_(0) {
        if constexpr (kFast) {  // half of the divisor, and the zero point in front of the division
            addend_ = (2 * Shape::kOutputZeroPoint + 1) * (1 << (right_shift_ - 1));
        }
    }

    int8_t operator()(int32_t accumulator) const {
        if constexpr (!kFast) {
            return clamp(multiply_by_quantized_multiplier(accumulator, multiplier_, right_shift_) + Shape::kOutputZeroPoint);
        } else if constexpr (Shape::kRequantization == Requantization::kClampedAtZeroPoint) {
            return clamp(smmlar(2 * accumulator, multiplier_, addend_) >> right_shift_);
        } else {
            const int32_t scaled = smmlar(2 * accumulator, multiplier_, 0);
            return clamp((scaled + (scaled >> 31) + addend_) >> right_shift_);
        }
    }

private:
    static constexpr bool kFast = TINYAUDIO_NN_DSP != 0 && Shape::kRequantization != Requantization::kGeneral;

    static int8_t clamp(int32_t value) {
        if constexpr (TINYAUDIO_NN_DSP != 0 && Shape::kActivationMin == -128 && Shape::kActivationMax == 127) {
            return static_cast<int8_t>(ssat8(value));
        }
        value = value < Shape::kActivationMin ? Shape::kActivationMin : value;
        return static_cast<int8_t>(value > Shape::kActivationMax ? Shape::kActivationMax : value);
    }

    int32_t multiplier_;
    int32_t right_shift_;
    int32_t addend_;
};

// The same in two or three instructions, for accumulators that carry j >= 2 bits behind the binary point (the weights and
// the bias are scaled by 2^j). With x = accumulator * multiplier / 2^31, unscaled, the two roundings are
//   floor((floor(x + 1/2) + 2^(s-1)) / 2^s) = floor((floor(x 2^(j-1)) + 2^(j-2) + 2^(s+j-2)) / 2^(s+j-1)),
// because floors of integers' quotients nest, and SMMLA gives floor(x 2^(j-1)). A channel with a smaller right shift s may
// have a larger j: so all channels of an operator can share the shift s + j - 1. Ties of negative values go down, by one of
// the first rounding; below a clamp at the zero point nobody sees them.
// The compiler proves: j >= 2, |scaled accumulator| < 2^31, and that the sum stays within int32.
// addend: (2 * zero point + 1) * 2^(shift-1) + 2^(j-2); shift: s + j - 1.
template <typename Shape>
class FineRequantizer {
public:
    FineRequantizer(int32_t multiplier, int32_t addend, int32_t shift)
        : multiplier_(multiplier), addend_(addend), shift_(shift), lowest_(addend & -addend) {}

    static int32_t addend_of(int32_t shift, int32_t fraction_bits) {
        return (2 * Shape::kOutputZeroPoint + 1) * (1 << (shift - 1)) + (1 << (fraction_bits - 2));
    }

    int8_t operator()(int32_t scaled) const {
        int32_t addend = addend_;
        if constexpr (Shape::kRequantization != Requantization::kClampedAtZeroPoint) {
            addend += (scaled >> 31) * 2 * lowest_;
        }
        return clamp(smmla(scaled, multiplier_, addend) >> shift_);
    }

    int32_t multiplier() const { return multiplier_; }
    int32_t addend() const { return addend_; }
    int32_t shift() const { return shift_; }

private:
    static int8_t clamp(int32_t value) {
        value = value < Shape::kActivationMin ? Shape::kActivationMin : value;
        return static_cast<int8_t>(value > Shape::kActivationMax ? Shape::kActivationMax : value);
    }

    int32_t multiplier_;
    int32_t addend_;
    int32_t shift_;
    int32_t lowest_;  // set bit of the addend: 2^(j-2)
};

constexpr int32_t kShortFractionBits = 8;

// FineRequantizer for sums without bits behind the binary point, which are given eight: channels share the shift, because
// those with a larger one have fewer bits in their multiplier. The compiler proves, step by step of the output, that no sum
// within reach is rounded another way. Only for outputs clamped at the zero point.
template <typename Shape>
class ShortRequantizer {
public:
    // `above`: what the addend has in addition to (2 * zero point + 1) * 2^(shift-1)
    ShortRequantizer(int32_t multiplier, int32_t above) : requantize_(multiplier, addend_of(above), Shape::kShift) {}

    static constexpr int32_t addend_of(int32_t above) { return (2 * Shape::kOutputZeroPoint + 1) * ((1 << Shape::kShift) / 2) + above; }

    int8_t operator()(int32_t accumulator) const { return requantize_(accumulator * (1 << kShortFractionBits)); }

private:
    FineRequantizer<Shape> requantize_;
};

}  // namespace nn
}  // namespace tinyaudio
