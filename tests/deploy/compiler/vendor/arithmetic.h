// What both fake libraries compute with: TensorFlow Lite's requantization, and windows slid position by position.
#pragma once

#include <stdint.h>

namespace fake {

inline int32_t clamped(int32_t value, int32_t low, int32_t high) { return value < low ? low : (value > high ? high : value); }

// value * multiplier / 2^31 * 2^shift, rounded twice: to the nearest, ties up, then to the nearest, ties away from zero.
inline int32_t rescaled(int32_t value, int32_t multiplier, int32_t shift) {
    const int64_t raised = static_cast<int64_t>(value) * (shift > 0 ? int64_t{1} << shift : 1);
    const int64_t high = (static_cast<int64_t>(static_cast<int32_t>(raised)) * multiplier + (int64_t{1} << 30)) >> 31;
    const int32_t right = shift > 0 ? 0 : -shift;
    if (right == 0) {
        return static_cast<int32_t>(high);
    }
    const int64_t half = int64_t{1} << (right - 1);
    return static_cast<int32_t>(high >= 0 ? (high + half) >> right : -((-high + half) >> right));
}

struct Size {
    int32_t height;
    int32_t width;
    int32_t channels;
};

struct Pair {
    int32_t height;
    int32_t width;
};

struct Window {
    Size input;
    Size output;
    Pair kernel;
    Pair stride;
    Pair padding;
    Pair dilation;
};

// Calls visit(input values of a position, position in the kernel) for each position of a window that lies in the image.
template <typename Visit>
void for_each_tap(const Window& window, const int8_t* input, int32_t row, int32_t column, Visit visit) {
    for (int32_t y = 0; y < window.kernel.height; ++y) {
        for (int32_t x = 0; x < window.kernel.width; ++x) {
            const int32_t from_row = row * window.stride.height - window.padding.height + y * window.dilation.height;
            const int32_t from_column = column * window.stride.width - window.padding.width + x * window.dilation.width;
            if (from_row >= 0 && from_row < window.input.height && from_column >= 0 && from_column < window.input.width) {
                visit(input + (from_row * window.input.width + from_column) * window.input.channels, y * window.kernel.width + x);
            }
        }
    }
}

// Calls make(row, column, channel) for each output and stores what it returns.
template <typename Make>
void for_each_output(const Size& size, int8_t* output, Make make) {
    for (int32_t row = 0; row < size.height; ++row) {
        for (int32_t column = 0; column < size.width; ++column) {
            for (int32_t channel = 0; channel < size.channels; ++channel) {
                *output++ = static_cast<int8_t>(make(row, column, channel));
            }
        }
    }
}

struct Finish {
    int32_t offset;
    int32_t low;
    int32_t high;
    const int32_t* multipliers;
    const int32_t* shifts;

    int32_t operator()(int32_t sum, int32_t channel) const {
        return clamped(rescaled(sum, multipliers[channel], shifts[channel]) + offset, low, high);
    }
};

inline void convolve(const Window& window, const int8_t* input, int32_t input_offset, const int8_t* weights, const int32_t* bias,
                     const Finish& finish, int8_t* output) {
    const int32_t channels = window.input.channels;
    for_each_output(window.output, output, [&](int32_t row, int32_t column, int32_t channel) {
        const int8_t* const own = weights + channel * window.kernel.height * window.kernel.width * channels;
        int32_t sum = bias[channel];
        for_each_tap(window, input, row, column, [&](const int8_t* values, int32_t tap) {
            for (int32_t index = 0; index < channels; ++index) {
                sum += (values[index] + input_offset) * own[tap * channels + index];
            }
        });
        return finish(sum, channel);
    });
}

inline void depthwise(const Window& window, const int8_t* input, int32_t input_offset, const int8_t* weights, const int32_t* bias,
                      const Finish& finish, int8_t* output) {
    const int32_t channels = window.output.channels;
    const int32_t multiplier = channels / window.input.channels;
    for_each_output(window.output, output, [&](int32_t row, int32_t column, int32_t channel) {
        int32_t sum = bias[channel];
        for_each_tap(window, input, row, column, [&](const int8_t* values, int32_t tap) {
            sum += (values[channel / multiplier] + input_offset) * weights[tap * channels + channel];
        });
        return finish(sum, channel);
    });
}

inline void dense(int32_t inputs, int32_t outputs, const int8_t* input, int32_t input_offset, const int8_t* weights, const int32_t* bias,
                  const Finish& finish, int8_t* output) {
    const Window window = {{1, 1, inputs}, {1, 1, outputs}, {1, 1}, {1, 1}, {0, 0}, {1, 1}};
    convolve(window, input, input_offset, weights, bias, finish, output);
}

inline void average(const Window& window, const int8_t* input, int32_t low, int32_t high, int8_t* output) {
    for_each_output(window.output, output, [&](int32_t row, int32_t column, int32_t channel) {
        int32_t sum = 0;
        int32_t count = 0;
        for_each_tap(window, input, row, column, [&](const int8_t* values, int32_t) {
            sum += values[channel];
            ++count;
        });
        return clamped((sum >= 0 ? sum + count / 2 : sum - count / 2) / count, low, high);
    });
}

inline void maximum(const Window& window, const int8_t* input, int32_t low, int32_t high, int8_t* output) {
    for_each_output(window.output, output, [&](int32_t row, int32_t column, int32_t channel) {
        int32_t largest = INT8_MIN;
        for_each_tap(window, input, row, column,
                     [&](const int8_t* values, int32_t) { largest = values[channel] > largest ? values[channel] : largest; });
        return clamped(largest, low, high);
    });
}

}  // namespace fake
