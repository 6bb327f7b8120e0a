#include "microphone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tinyaudio/microphone_ring.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

constexpr uint32_t kRingSamples = 4096;
constexpr uint32_t kBlockSamples = 128;  // what a real microphone's interrupt takes at a time

struct Microphone {
    int descriptor;
    bool is_fifo;
    bool is_running;
    bool has_begun;   // a FIFO: something has come through it
    bool has_ended;   // silence from here on
    double samples_per_second;  // 0: as fast as it is read
    timespec started;
    uint64_t position;  // of the next sample of the file, lost ones counted
    uint32_t next_gap;
    uint32_t lost;  // in the gap that is to be told
    uint8_t odd_byte;  // the first half of a sample, of which a FIFO has not given the other
    bool has_odd_byte;
    MicrophoneRing ring;  // in multiples of real time
    int16_t ring_samples[kRingSamples];
};

native::Options options;
Microphone microphone = {-1, false, false, false, false, 0, {0, 0}, 0, 0, 0, 0, false, {}, {}};

// Reads at most `capacity` samples of the file, silence behind it; 0 if a FIFO has none yet.
uint32_t play(int16_t* samples, uint32_t capacity) {
    uint8_t* const bytes = reinterpret_cast<uint8_t*>(samples);
    if (capacity == 0) {
        return 0;
    }
    if (!microphone.has_ended) {
        bytes[0] = microphone.odd_byte;
        const size_t odd_bytes = microphone.has_odd_byte ? 1 : 0;
        const ssize_t count = read(microphone.descriptor, bytes + odd_bytes, capacity * sizeof(int16_t) - odd_bytes);
        if (count > 0) {
            const size_t total_bytes = odd_bytes + static_cast<size_t>(count);
            microphone.has_begun = true;
            microphone.has_odd_byte = total_bytes % 2 != 0;
            microphone.odd_byte = bytes[total_bytes - 1];
            return static_cast<uint32_t>(total_bytes / sizeof(int16_t));
        }
        const bool is_empty = count < 0 && (errno == EAGAIN || errno == EINTR);
        if (is_empty || (microphone.is_fifo && !microphone.has_begun)) {
            return 0;
        }
        microphone.has_ended = true;
    }
    memset(samples, 0, capacity * sizeof(int16_t));
    return capacity;
}

// Reads at most `capacity` samples up to the next gap that was asked for; loses what is in it.
uint32_t play_up_to_gap(int16_t* samples, uint32_t capacity) {
    while (microphone.next_gap < options.gap_count) {
        const native::Gap& gap = options.gaps[microphone.next_gap];
        if (microphone.position < gap.position_samples) {
            const uint64_t left = gap.position_samples - microphone.position;
            capacity = left < capacity ? static_cast<uint32_t>(left) : capacity;
            break;
        }
        int16_t lost[kBlockSamples];
        const uint64_t left = gap.position_samples + static_cast<uint64_t>(gap.samples) - microphone.position;
        const uint32_t count = play(lost, left < kBlockSamples ? static_cast<uint32_t>(left) : kBlockSamples);
        microphone.position += count;
        microphone.lost += count;
        microphone.next_gap += count == left ? 1 : 0;
        if (count == left || count == 0) {
            return 0;
        }
    }
    const uint32_t count = microphone.lost > 0 ? 0 : play(samples, capacity);
    microphone.position += count;
    return count;
}

// Samples that have come by now at the asked speed.
uint64_t samples_due() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const double seconds = static_cast<double>(now.tv_sec - microphone.started.tv_sec) +
                           static_cast<double>(now.tv_nsec - microphone.started.tv_nsec) * 1e-9;
    return static_cast<uint64_t>(seconds * microphone.samples_per_second);
}

// Does what interrupts would have done meanwhile.
void catch_up() {
    const uint64_t due = samples_due();
    while (microphone.position + kBlockSamples <= due) {
        int16_t block[kBlockSamples] = {};
        for (uint32_t filled = 0; filled < kBlockSamples;) {
            const uint32_t count = play(block + filled, kBlockSamples - filled);
            filled += count > 0 ? count : kBlockSamples;  // a FIFO that is empty is silent
        }
        microphone_ring_push(microphone.ring, block, kBlockSamples);
        microphone.position += kBlockSamples;
    }
}

bool is_paced() {
    return microphone.samples_per_second > 0;
}

}  // namespace

namespace native {

bool open_microphone(const Options& chosen) {
    options = chosen;
    if (options.microphone == nullptr) {
        return true;
    }
    struct stat state;
    microphone.descriptor = open(options.microphone, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (microphone.descriptor < 0 || fstat(microphone.descriptor, &state) != 0) {
        perror(options.microphone);
        return false;
    }
    microphone.is_fifo = S_ISFIFO(state.st_mode);
    return true;
}

SampleWait wait_for_samples() {
    if (!is_paced()) {
        const bool is_waiting = microphone.is_fifo && !microphone.has_ended && microphone.lost == 0;
        return is_waiting ? SampleWait{-1, microphone.descriptor} : SampleWait{0, -1};
    }
    catch_up();
    if (microphone_ring_is_ready(microphone.ring)) {
        return {0, -1};
    }
    return {static_cast<int>(kBlockSamples * 1000 / microphone.samples_per_second) + 1, -1};
}

}  // namespace native

bool port_has_microphone() {
    return microphone.descriptor >= 0;
}

bool port_microphone_start(uint32_t sample_rate_hz) {
    if (!port_has_microphone()) {
        return false;
    }
    if (!microphone.is_fifo) {
        lseek(microphone.descriptor, 0, SEEK_SET);
        microphone.has_ended = false;
        microphone.has_odd_byte = false;
    }
    microphone.is_running = true;
    microphone.position = 0;
    microphone.next_gap = 0;
    microphone.lost = 0;
    microphone.samples_per_second = options.microphone_speed * sample_rate_hz;
    clock_gettime(CLOCK_MONOTONIC, &microphone.started);
    return microphone_ring_init(microphone.ring, microphone.ring_samples, kRingSamples);
}

void port_microphone_stop() {
    microphone.is_running = false;
}

uint32_t port_microphone_read(int16_t* samples, uint32_t capacity) {
    if (!microphone.is_running) {
        return 0;
    }
    if (!is_paced()) {
        return play_up_to_gap(samples, capacity);
    }
    catch_up();
    return microphone_ring_read(microphone.ring, samples, capacity);
}

uint32_t port_microphone_take_overruns() {
    if (is_paced()) {
        return microphone_ring_take_lost(microphone.ring);
    }
    const uint32_t lost = microphone.lost;
    microphone.lost = 0;
    return lost;
}

}  // namespace tinyaudio
