// First in, first out, of samples between an interrupt that records them and the application; knows where samples were lost.
#ifndef TINYAUDIO_MICROPHONE_RING_H_
#define TINYAUDIO_MICROPHONE_RING_H_

#include <stdint.h>

namespace tinyaudio {

// One writer (an interrupt, or another thread), one reader. What finds no room is lost, and so is all that comes until the
// reader has read what is there and was told of the loss: then the next sample is the first behind the gap. A ring that
// went on where room came up again could not say where its gaps are.
//
// Counters rise for ever and wrap around at 2^32.
struct MicrophoneRing {
    int16_t* samples;   // [capacity]
    uint32_t capacity;  // power of two, at most 2^31
    uint32_t written;   // the writer's
    uint32_t lost;      // the writer's
    uint32_t read;      // the reader's
    uint32_t told;      // the reader's: of `lost`; a gap is open while they differ
};

// Empties the ring; not while a writer may come. False if `capacity` is no power of two.
bool microphone_ring_init(MicrophoneRing& ring, int16_t* samples, uint32_t capacity);

// The writer's: takes all `count` samples, or loses all of them.
void microphone_ring_push(MicrophoneRing& ring, const int16_t* samples, uint32_t count);

// The writer's: tells of `count` samples (1 or more) that were lost before they could be pushed.
void microphone_ring_lose(MicrophoneRing& ring, uint32_t count);

// The reader's: whether there is anything to read or to be told.
bool microphone_ring_is_ready(const MicrophoneRing& ring);

// The reader's: copies and removes the oldest samples, at most `capacity`; returns how many.
uint32_t microphone_ring_read(MicrophoneRing& ring, int16_t* samples, uint32_t capacity);

// The reader's: samples lost behind the last one read, since the last call; 0 while there are samples to read.
uint32_t microphone_ring_take_lost(MicrophoneRing& ring);

}  // namespace tinyaudio

#endif  // TINYAUDIO_MICROPHONE_RING_H_
