// A small device over standard input and output: the true link, and an application that says of each hop of 160 samples
// only its CRC-32. Arguments: size of the receive and of the retransmit buffer, then the number of received bytes after
// which it resets itself, once for each further argument.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tinyaudio/crc32.h"
#include "tinyaudio/link.h"

namespace {

using namespace tinyaudio::wire;

constexpr uint32_t kHopSamples = 160;
constexpr uint32_t kPatchFrames = 4;
constexpr uint32_t kMaxBufferBytes = 65536;

struct Application {
    Link link;
    uint32_t boots;
    bool in_clip;
    ClipBegin clip;
    uint32_t samples;
    uint32_t frames;
    uint32_t held;  // samples of the Pcm that are not yet processed
    Pcm pcm;
    int16_t hop[kHopSamples];
    uint32_t hop_samples;
    LinkBuffers buffers;
};

Application application;

void write_all(void*, const uint8_t* data, uint32_t bytes) {
    while (bytes > 0) {
        const ssize_t written = write(STDOUT_FILENO, data, bytes);
        if (written <= 0) _exit(0);  // the host has gone
        data += written;
        bytes -= static_cast<uint32_t>(written);
    }
}

void boot() {
    ++application.boots;
    application.in_clip = false;
    application.held = 0;
    if (!link_init(application.link, application.buffers, {nullptr, write_all})) {
        fprintf(stderr, "buffers refused\n");
        _exit(3);
    }
}

void say_hello(const MessageView& view) {
    HelloRequest request;
    if (!decode(view.payload, view.payload_bytes, &request)) return;
    static Hello hello;
    memset(&hello, 0, sizeof hello);
    hello.protocol_version = kProtocolVersion;
    hello.nonce = request.nonce;
    hello.boot_id = application.boots;
    hello.retransmit_bytes = application.buffers.retransmit_bytes;
    set_string(hello.board_id, &hello.board_id_count, "host test");
    set_string(hello.runtime, &hello.runtime_count, "aot");
    set_string(hello.kernel, &hello.kernel_count, "a name that is far too long for its field");
    memset(hello.model_sha256, 0xAB, sizeof hello.model_sha256);
    hello.window_samples = kHopSamples;
    hello.hop_samples = kHopSamples;
    hello.patch_frames = kPatchFrames;
    hello.patch_hop_frames = kPatchFrames;
    hello.label_count = 2;
    hello.counter_unit = CounterUnit::kNanoseconds;
    hello.capabilities = kCapabilityStageTrace | kCapabilityReset;
    link_send_message(application.link, hello);
}

// Everything that one hop can lead to must fit, or the hop waits.
bool has_room() { return link_can_send(application.link, StageTrace::kMaxBytes + PatchResult::kMaxBytes + 16); }

void finish_hop() {
    StageTrace trace = {application.clip.clip_id, application.frames, {0, 0, 0, 0, 0, 0}, application.frames};
    for (uint32_t& crc : trace.stage_crc32) crc = tinyaudio::crc32_update(application.frames, application.hop, sizeof application.hop);
    if (!link_send_message(application.link, trace)) abort();
    ++application.frames;
    application.hop_samples = 0;
    if (application.frames % kPatchFrames == 0) {
        static PatchResult patch;
        patch = {};
        patch.clip_id = application.clip.clip_id;
        patch.patch_index = application.frames / kPatchFrames - 1;
        patch.is_last = 1;
        patch.scores_count = PatchResult::kMaxScores;
        if (!link_send_message(application.link, patch)) abort();
    }
}

// Works on what is held; false when there is nothing to do or no room for results.
bool step() {
    if (!application.in_clip || !has_room()) return false;
    if (application.held > 0) {
        const int16_t* next = application.pcm.samples + application.pcm.samples_count - application.held;
        application.hop[application.hop_samples++] = *next;
        --application.held;
        ++application.samples;
        if (application.hop_samples == kHopSamples) finish_hop();
        return true;
    }
    if (application.samples < application.clip.total_samples) return false;
    ClipResult result = {};
    result.clip_id = application.clip.clip_id;
    result.samples_received = application.samples;
    result.frames = application.frames;
    result.patches = application.frames / kPatchFrames;
    result.label_index = -1;
    result.is_last = 1;
    if (!link_send_message(application.link, result)) abort();
    application.in_clip = false;
    return true;
}

void handle(const MessageView& view) {
    if (view.type == MessageType::kHelloRequest) {
        application.in_clip = false;
        application.held = 0;
        say_hello(view);
    } else if (view.type == MessageType::kClipBegin) {
        application.in_clip = decode(view.payload, view.payload_bytes, &application.clip);
        application.samples = application.frames = application.hop_samples = application.held = 0;
    } else if (view.type == MessageType::kPcm) {
        if (!decode(view.payload, view.payload_bytes, &application.pcm)) abort();
        if (application.pcm.offset_samples != application.samples) abort();  // lost or taken twice
        application.held = application.pcm.samples_count;
    } else if (view.type == MessageType::kResetRequest) {
        boot();
    }
}

void work() {
    for (;;) {
        if (application.link.hello_pending) application.in_clip = false;
        while (step()) {
        }
        MessageView view;
        const bool waits = application.in_clip && (application.held > 0 || application.samples == application.clip.total_samples);
        if (waits || !link_next_message(application.link, &view)) return;
        handle(view);
    }
}

}  // namespace

int main(int count, char** arguments) {
    static uint8_t receive[kMaxBufferBytes];
    static uint8_t retransmit[kMaxBufferBytes];
    application.buffers = {receive, static_cast<uint32_t>(atoi(arguments[1])), retransmit, static_cast<uint32_t>(atoi(arguments[2]))};
    boot();
    int next_reset = 3;
    uint32_t received = 0;
    static uint8_t data[777];
    for (;;) {
        const ssize_t bytes = read(STDIN_FILENO, data, sizeof data);
        if (bytes <= 0) return 0;
        received += static_cast<uint32_t>(bytes);
        if (next_reset < count && received >= static_cast<uint32_t>(atoi(arguments[next_reset]))) {
            ++next_reset;
            boot();
            continue;  // what was just received is lost with everything else
        }
        link_receive(application.link, data, static_cast<uint32_t>(bytes));
        work();
    }
}
