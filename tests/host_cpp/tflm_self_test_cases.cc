// The self-test of the runtime `tflm` over an interpreter of four operators that add one to what the operator before them wrote.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tinyaudio/port.h"
#include "tinyaudio/tflm/runtime.h"
#include "tinyaudio/tflm/self_test.h"

namespace {

constexpr uint32_t kElements = 3;
constexpr uint32_t kOperators = 4;

int8_t image[kElements];
int8_t tensors[kOperators][kElements];
int broken_operator = -1;
uint32_t ticks = 0;

#define REQUIRE(condition)                                             \
    do {                                                               \
        if (!(condition)) {                                            \
            printf("line %d: %s\n", __LINE__, #condition);             \
            exit(1);                                                   \
        }                                                              \
    } while (false)

}  // namespace

namespace tinyaudio {

uint32_t port_counter_start() { return ticks; }
uint32_t port_counter_ticks() { return ticks; }

namespace tflm {

OperatorObserver observer = {};

void* input() { return image; }

void invoke() {
    const int8_t* from = image;
    for (uint32_t index = 0; index < kOperators; ++index) {
        observer.begin(observer.context, index);
        for (uint32_t element = 0; element < kElements; ++element) {
            tensors[index][element] = static_cast<int8_t>(from[element] + 1);
        }
        if (static_cast<int>(index) == broken_operator) {
            tensors[index][kElements - 1] = 99;
        }
        ticks += 10 * (index + 1);
        observer.end(observer.context, index);
        from = tensors[index];
    }
}

const int8_t* tensor(uint32_t tensor_index) { return tensors[tensor_index - 1]; }

}  // namespace tflm
}  // namespace tinyaudio

namespace {

using tinyaudio::OperatorOutcome;

// Golden values of two inputs. Operator 2 has none: its output is no int8 tensor.
const int8_t kInput[2][kElements] = {{0, 0, 0}, {-128, 5, 20}};
const int8_t kAfter1[2][kElements] = {{1, 1, 1}, {-127, 6, 21}};
const int8_t kAfter2[2][kElements] = {{2, 2, 2}, {-126, 7, 22}};
const int8_t kAfter4[2][kElements] = {{4, 4, 4}, {-124, 9, 24}};
const int8_t* const kValues[4][2] = {{kInput[0], kInput[1]}, {kAfter1[0], kAfter1[1]}, {kAfter2[0], kAfter2[1]}, {kAfter4[0], kAfter4[1]}};
const tinyaudio::GoldenTensor kTensors[4] = {{kValues[0], kElements}, {kValues[1], kElements}, {kValues[2], kElements}, {kValues[3], kElements}};
const tinyaudio::GoldenOperator kGoldenOperators[3] = {
    {0, "ADD zero", 0, nullptr, 1, nullptr, 1},
    {1, "ADD one", 0, nullptr, 2, nullptr, 2},
    {3, "ADD three", 0, nullptr, 3, nullptr, 4},
};
const tinyaudio::GoldenVectors kGolden = {2, 3, kGoldenOperators, kTensors};

struct Told {
    OperatorOutcome outcomes[8];
    uint32_t count;
};

void take(void* context, const OperatorOutcome& outcome) {
    Told& told = *static_cast<Told*>(context);
    told.outcomes[told.count++] = outcome;
}

Told run(uint32_t vector, uint32_t first, uint32_t count) {
    Told told = {};
    tinyaudio::tflm::run_golden_inference(kGolden, kInput[vector], kElements, vector, first, count, {&told, take});
    return told;
}

void right_operators_are_told_with_their_cost() {
    for (uint32_t vector = 0; vector < 2; ++vector) {
        const Told told = run(vector, 0, 8);
        REQUIRE(told.count == 3);
        for (uint32_t position = 0; position < told.count; ++position) {
            REQUIRE(told.outcomes[position].mismatches == 0);
            REQUIRE(told.outcomes[position].elements == kElements);
            REQUIRE(told.outcomes[position].operator_index == kGoldenOperators[position].index);
            REQUIRE(told.outcomes[position].counter_ticks == 10u * (kGoldenOperators[position].index + 1u));
        }
    }
}

void only_the_operators_that_were_asked_for_are_told() {
    const Told told = run(1, 1, 1);
    REQUIRE(told.count == 1);
    REQUIRE(strcmp(told.outcomes[0].name, "ADD one") == 0);
    REQUIRE(run(1, 3, 5).count == 0);
}

void the_first_that_differs_is_the_broken_one() {
    broken_operator = 1;
    const Told told = run(1, 0, 8);
    broken_operator = -1;
    REQUIRE(told.count == 3);
    REQUIRE(told.outcomes[0].mismatches == 0);
    REQUIRE(told.outcomes[1].mismatches == 1);
    REQUIRE(told.outcomes[1].operator_index == 1);
    REQUIRE(told.outcomes[1].first_element == kElements - 1);
    REQUIRE(told.outcomes[1].expected == 22);
    REQUIRE(told.outcomes[1].actual == 99);
    REQUIRE(told.outcomes[2].mismatches == 1);  // because of what it was given
}

}  // namespace

int main() {
    right_operators_are_told_with_their_cost();
    only_the_operators_that_were_asked_for_are_told();
    the_first_that_differs_is_the_broken_one();
    printf("ok\n");
    return 0;
}
