#include "tinyaudio/pcm_source.h"

#include <string.h>

#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

uint32_t read_serial(void* context, int16_t* samples, uint32_t capacity) {
    SerialPcm& serial = *static_cast<SerialPcm*>(context);
    const uint32_t left = serial.message.samples_count - serial.position;
    const uint32_t count = left < capacity ? left : capacity;
    memcpy(samples, serial.message.samples + serial.position, count * sizeof(int16_t));
    serial.position += count;
    return count;
}

uint32_t no_overruns(void*) {
    return 0;
}

uint32_t read_microphone(void*, int16_t* samples, uint32_t capacity) {
    return port_microphone_read(samples, capacity);
}

uint32_t microphone_overruns(void*) {
    return port_microphone_take_overruns();
}

}  // namespace

void serial_pcm_clear(SerialPcm& serial) {
    serial.message.samples_count = 0;
    serial.position = 0;
}

bool serial_pcm_take(SerialPcm& serial, const uint8_t* payload, uint32_t bytes) {
    serial.position = 0;
    if (wire::decode(payload, bytes, &serial.message)) {
        return true;
    }
    serial_pcm_clear(serial);
    return false;
}

PcmSource serial_pcm_source(SerialPcm& serial) {
    return {&serial, read_serial, no_overruns};
}

PcmSource microphone_pcm_source() {
    return {nullptr, read_microphone, microphone_overruns};
}

}  // namespace tinyaudio
