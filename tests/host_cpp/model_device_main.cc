// Firmware of a model alone, on the host: the true application, and in place of a model a running sum of its inputs. With
// a path as RESET_ONCE in the environment it resets itself once, at its third inference, and makes the file. With MUST_NOT_START
// it ends when its model is started.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tinyaudio/model_application.h"
#include "tinyaudio/port.h"

namespace {

constexpr uint32_t kBytes = 1234;
constexpr uint32_t kSteps = 70;  // more than a message of ticks holds

uint8_t values[kBytes];
uint8_t sums[kBytes];
uint32_t runs;

void add_all() {
    for (uint32_t index = 0; index < kBytes; ++index) {
        sums[index] = static_cast<uint8_t>(sums[index] + values[index]);
    }
    memset(values, 0xEE, sizeof(values));  // an inference may overwrite its input
    const char* const marker = getenv("RESET_ONCE");
    if (++runs == 3 && marker != nullptr && access(marker, F_OK) != 0) {
        fclose(fopen(marker, "w"));
        tinyaudio::port_reset();
    }
}

void run_step(uint32_t step) {
    if (step == kSteps - 1) {
        add_all();
    }
}

const char* start() {
    if (getenv("MUST_NOT_START") != nullptr) {
        abort();
    }
    return nullptr;
}

const tinyaudio::ModelConfig kConfig = {
    "host test", "aot", {1, 2, 3}, {4, 5, 6},
    {
        [] { return values; },
        add_all,
        run_step,
        [] { memset(sums, 0, sizeof(sums)); },
        [] { return static_cast<const uint8_t*>(sums); },
        [] { return static_cast<const uint8_t*>(sums + kBytes - 3); },
        kBytes,
        kBytes,
        3,
        kSteps,
        999,
        start,
        nullptr,
        nullptr,
        nullptr,
        nullptr,
    },
    1000000000,
    tinyaudio::wire::CounterUnit::kNanoseconds,
};

}  // namespace

int main(int argument_count, char** arguments) {
    static tinyaudio::ModelMemory<kSteps> memory;
    return tinyaudio::run_model_application(kConfig, memory.buffers(), argument_count, arguments);
}
