#include "tinyaudio/nn/elementwise.h"

#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {
namespace {

constexpr int32_t kRaised = 20;       // bits by which both summands are raised before they are rescaled
constexpr int32_t kSquareRaised = 7;  // the same for a difference that is squared
constexpr Bounds kAnyByte = {-128, 127};

int8_t bounded(int32_t value, const Bounds& bounds) {
    value = value < bounds.low ? bounds.low : value;
    return static_cast<int8_t>(value > bounds.high ? bounds.high : value);
}

// The multiplier's sign is kept out of the rounding.
int32_t summand(int8_t value, const Rescaling& rescaling) {
    const int32_t raised = (value - rescaling.zero_point) * (1 << kRaised);
    const bool negative = rescaling.multiplier < 0;
    const int32_t size = negative ? -rescaling.multiplier : rescaling.multiplier;
    const int32_t scaled = multiply_by_quantized_multiplier(raised, size, rescaling.right_shift);
    return negative ? -scaled : scaled;
}

struct Add {
    const Sum& sum;

    int8_t operator()(int8_t first, int8_t second) const {
        const int32_t total = summand(first, sum.first) + summand(second, sum.second);
        const int32_t scaled = multiply_by_quantized_multiplier(total, sum.output.multiplier, sum.output.right_shift);
        return bounded(scaled + sum.output.zero_point, sum.bounds);
    }
};

struct Multiply {
    const Product& product;

    int8_t operator()(int8_t first, int8_t second) const {
        const int32_t raw = (first - product.first_zero_point) * (second - product.second_zero_point);
        const int32_t scaled = multiply_by_quantized_multiplier(raw, product.output.multiplier, product.output.right_shift);
        return bounded(scaled + product.output.zero_point, product.bounds);
    }
};

struct Maximum {
    int8_t operator()(int8_t first, int8_t second) const { return first > second ? first : second; }
};

struct Minimum {
    int8_t operator()(int8_t first, int8_t second) const { return first < second ? first : second; }
};

struct SquareDifference {
    const SquaredDifference& difference;

    int8_t operator()(int8_t first, int8_t second) const {
        const int32_t between = raised(first, difference.first) - raised(second, difference.second);
        const Rescaling& output = difference.output;
        return bounded(multiply_by_quantized_multiplier(between * between, output.multiplier, output.right_shift) + output.zero_point, kAnyByte);
    }

    // Within 2^15, so that the square of a difference fits 32 bits.
    static int32_t raised(int8_t value, const Rescaling& rescaling) {
        return multiply_by_quantized_multiplier((value - rescaling.zero_point) * (1 << kSquareRaised), rescaling.multiplier, rescaling.right_shift);
    }
};

struct LeakByTensor {
    const Prelu& parameters;

    int8_t operator()(int8_t first, int8_t second) const {
        const int32_t value = first - parameters.first_zero_point;
        const int32_t scaled = value >= 0 ? multiply_by_quantized_multiplier(value, parameters.rising_multiplier, parameters.rising_right_shift)
                                          : multiply_by_quantized_multiplier(value * (second - parameters.second_zero_point),
                                                                             parameters.product_multiplier, parameters.product_right_shift);
        return bounded(scaled + parameters.output_zero_point, kAnyByte);
    }
};

template <typename Operation>
void for_each_pair(const int8_t* first, const int8_t* second, int8_t* output, const Grid& grid, const Operation& operation) {
    for (int32_t a = 0; a < grid.sizes[0]; ++a) {
        for (int32_t b = 0; b < grid.sizes[1]; ++b) {
            for (int32_t c = 0; c < grid.sizes[2]; ++c) {
                const int8_t* left = first + a * grid.first_strides[0] + b * grid.first_strides[1] + c * grid.first_strides[2];
                const int8_t* right = second + a * grid.second_strides[0] + b * grid.second_strides[1] + c * grid.second_strides[2];
                for (int32_t d = 0; d < grid.sizes[3]; ++d) {
                    *output++ = operation(*left, *right);
                    left += grid.first_strides[3];
                    right += grid.second_strides[3];
                }
            }
        }
    }
}

}  // namespace

void add(const int8_t* first, const int8_t* second, int8_t* output, const Sum& sum) {
    for_each_pair(first, second, output, sum.grid, Add{sum});
}

void multiply(const int8_t* first, const int8_t* second, int8_t* output, const Product& product) {
    for_each_pair(first, second, output, product.grid, Multiply{product});
}

void maximum(const int8_t* first, const int8_t* second, int8_t* output, const Grid& grid) {
    for_each_pair(first, second, output, grid, Maximum{});
}

void minimum(const int8_t* first, const int8_t* second, int8_t* output, const Grid& grid) {
    for_each_pair(first, second, output, grid, Minimum{});
}

void squared_difference(const int8_t* first, const int8_t* second, int8_t* output, const SquaredDifference& difference) {
    for_each_pair(first, second, output, difference.grid, SquareDifference{difference});
}

void prelu(const int8_t* first, const int8_t* second, int8_t* output, const Prelu& parameters) {
    for_each_pair(first, second, output, parameters.grid, LeakByTensor{parameters});
}

}  // namespace nn
}  // namespace tinyaudio
