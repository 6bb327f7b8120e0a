#include "tinyaudio/nn/reduce.h"

#include "tinyaudio/nn/requantize.h"

namespace tinyaudio {
namespace nn {
namespace {

struct Larger {
    int32_t operator()(int32_t one, int32_t other) const { return one > other ? one : other; }
};

struct Smaller {
    int32_t operator()(int32_t one, int32_t other) const { return one < other ? one : other; }
};

struct Both {
    int32_t operator()(int32_t one, int32_t other) const { return one + other; }
};

template <typename Join>
int32_t joined(const int8_t* input, const Reduction& reduction, int32_t start, const Join& join) {
    const int32_t* const sizes = reduction.reduced_sizes;
    const int32_t* const strides = reduction.reduced_strides;
    int32_t result = start;
    for (int32_t a = 0; a < sizes[0]; ++a) {
        for (int32_t b = 0; b < sizes[1]; ++b) {
            const int8_t* source = input + a * strides[0] + b * strides[1];
            for (int32_t c = 0; c < sizes[2]; ++c, source += strides[2]) {
                result = join(result, *source);
            }
        }
    }
    return result;
}

template <typename Join, typename Finish>
void reduce(const int8_t* input, int8_t* output, const Reduction& reduction, int32_t start, const Join& join, const Finish& finish) {
    const int32_t* const sizes = reduction.kept_sizes;
    const int32_t* const strides = reduction.kept_strides;
    for (int32_t a = 0; a < sizes[0]; ++a) {
        for (int32_t b = 0; b < sizes[1]; ++b) {
            for (int32_t c = 0; c < sizes[2]; ++c) {
                const int8_t* source = input + a * strides[0] + b * strides[1] + c * strides[2];
                *output++ = static_cast<int8_t>(finish(joined(source, reduction, start, join)));
            }
        }
    }
}

int32_t as_it_is(int32_t value) { return value; }

struct Rescale {
    const ReducedSum& parameters;

    int32_t operator()(int32_t sum) const {
        const int32_t scaled = multiply_by_quantized_multiplier(sum, parameters.multiplier, parameters.right_shift);
        const int32_t value = scaled + parameters.output_zero_point;
        return value < -128 ? -128 : (value > 127 ? 127 : value);
    }
};

}  // namespace

void reduce_max(const int8_t* input, int8_t* output, const Reduction& reduction) {
    reduce(input, output, reduction, -128, Larger{}, as_it_is);
}

void reduce_min(const int8_t* input, int8_t* output, const Reduction& reduction) {
    reduce(input, output, reduction, 127, Smaller{}, as_it_is);
}

void reduce_sum(const int8_t* input, int8_t* output, const ReducedSum& parameters) {
    reduce(input, output, parameters.reduction, parameters.sum_offset, Both{}, Rescale{parameters});
}

}  // namespace nn
}  // namespace tinyaudio
