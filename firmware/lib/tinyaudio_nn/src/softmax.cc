// The fixed-point formats: Qi.f has i integer bits and f = 31 - i fractional bits in an int32.
#include "tinyaudio/nn/softmax.h"

#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {
namespace {

constexpr int32_t kDifferenceFractionBits = 26;  // differences are Q5.26
constexpr int32_t kSumIntegerBits = 12;          // the sum of exponentials is Q12.19

int32_t shift_left_saturated(int32_t value, int32_t bits) {
    const int64_t shifted = static_cast<int64_t>(value) * (1LL << bits);
    if (shifted > INT32_MAX) {
        return INT32_MAX;
    }
    return shifted < INT32_MIN ? INT32_MIN : static_cast<int32_t>(shifted);
}

// e^a for a in [-1/4, 0), Q0.31 in and out: Taylor series of fourth order around -1/8.
int32_t exp_of_small(int32_t a) {
    constexpr int32_t kExpOfMinusEighth = 1895147668;
    constexpr int32_t kThird = 715827883;
    const int32_t x = a + (1 << 28);
    const int32_t x2 = multiply_high_doubled(x, x);
    const int32_t x3 = multiply_high_doubled(x2, x);
    const int32_t x4 = multiply_high_doubled(x2, x2);
    const int32_t x4_over_4 = divide_by_power_of_two(x4, 2);
    const int32_t upper_terms = divide_by_power_of_two(multiply_high_doubled(x4_over_4 + x3, kThird) + x2, 1);
    return kExpOfMinusEighth + multiply_high_doubled(kExpOfMinusEighth, x + upper_terms);
}

// e^a for a <= 0, Q5.26 in, Q0.31 out: the part below 1/4 by series, each set bit above it by one factor.
int32_t exp_of_negative(int32_t a) {
    constexpr int32_t kFactors[] = {  // e^-(2^i), i = -2 to 4
        1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242,
    };
    constexpr int32_t kQuarter = 1 << (kDifferenceFractionBits - 2);
    if (a == 0) {
        return INT32_MAX;
    }
    const int32_t below_quarter = (a & (kQuarter - 1)) - kQuarter;
    int32_t result = exp_of_small(shift_left_saturated(below_quarter, 5));
    const int32_t remainder = below_quarter - a;
    for (int32_t index = 0; index < 7; ++index) {
        if ((remainder & (kQuarter << index)) != 0) {
            result = multiply_high_doubled(result, kFactors[index]);
        }
    }
    return result;
}

// 1 / (1 + a) for a in [0, 1), Q0.31 in and out: three steps of Newton and Raphson, in Q2.29.
int32_t reciprocal_of_one_plus(int32_t a) {
    constexpr int32_t k48Over17 = 1515870810;
    constexpr int32_t kMinus32Over17 = -1010580540;
    constexpr int32_t kOne = 1 << 29;
    const int32_t half_denominator = static_cast<int32_t>((static_cast<int64_t>(a) + INT32_MAX + 1) / 2);
    int32_t x = k48Over17 + multiply_high_doubled(half_denominator, kMinus32Over17);
    for (int32_t step = 0; step < 3; ++step) {
        const int32_t error = kOne - multiply_high_doubled(half_denominator, x);
        x += shift_left_saturated(multiply_high_doubled(x, error), 2);
    }
    return shift_left_saturated(x, 1);
}

int32_t scaled_difference(int32_t difference, const SoftmaxParameters& parameters) {
    return multiply_by_quantized_multiplier(difference, parameters.input_multiplier, -parameters.input_left_shift);
}

int32_t largest(const int8_t* values, int32_t count) {
    int32_t result = values[0];
    for (int32_t index = 1; index < count; ++index) {
        result = values[index] > result ? values[index] : result;
    }
    return result;
}

template <typename Output>
void softmax_row(const int8_t* input, Output* output, const SoftmaxParameters& parameters) {
    constexpr int32_t kBits = 8 * sizeof(Output);
    constexpr int32_t kHalf = 1 << (kBits - 1);
    const int32_t maximum = largest(input, parameters.depth);
    int32_t sum = 0;
    for (int32_t index = 0; index < parameters.depth; ++index) {
        const int32_t difference = input[index] - maximum;
        if (difference >= parameters.smallest_difference) {
            sum += divide_by_power_of_two(exp_of_negative(scaled_difference(difference, parameters)), kSumIntegerBits);
        }
    }
    const int32_t headroom = __builtin_clz(static_cast<uint32_t>(sum));
    const int32_t mantissa = static_cast<int32_t>((static_cast<uint32_t>(sum) << headroom) - (1u << 31));
    const int32_t scale = reciprocal_of_one_plus(mantissa);
    const int32_t output_shift = kSumIntegerBits - headroom + 31 - kBits;
    for (int32_t index = 0; index < parameters.depth; ++index) {
        const int32_t difference = input[index] - maximum;
        int32_t value = -kHalf;
        if (difference >= parameters.smallest_difference) {
            const int32_t exponential = exp_of_negative(scaled_difference(difference, parameters));
            value += divide_by_power_of_two(multiply_high_doubled(scale, exponential), output_shift);
        }
        output[index] = static_cast<Output>(value > kHalf - 1 ? kHalf - 1 : (value < -kHalf ? -kHalf : value));
    }
}

template <typename Output>
void softmax_rows(const int8_t* input, Output* output, const SoftmaxParameters& parameters) {
    for (int32_t row = 0; row < parameters.rows; ++row) {
        softmax_row(input + row * parameters.depth, output + row * parameters.depth, parameters);
    }
}

}  // namespace

void softmax(const int8_t* input, int8_t* output, const SoftmaxParameters& parameters) { softmax_rows(input, output, parameters); }

void softmax(const int8_t* input, int16_t* output, const SoftmaxParameters& parameters) { softmax_rows(input, output, parameters); }

}  // namespace nn
}  // namespace tinyaudio
