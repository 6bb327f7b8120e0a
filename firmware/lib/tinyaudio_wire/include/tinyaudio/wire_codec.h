// What the generated message types are encoded and decoded with: bounded, little-endian, no heap.
//
// A writer or reader that once ran out of room stays failed (`ok` is false) and touches nothing any more, so that a
// caller checks once, at the end.

#ifndef TINYAUDIO_WIRE_CODEC_H
#define TINYAUDIO_WIRE_CODEC_H

#include <stdint.h>
#include <string.h>

namespace tinyaudio {
namespace wire {

struct PayloadWriter {
    uint8_t* data;      // owned by the caller
    uint32_t capacity;  // bytes
    uint32_t position;  // bytes written
    bool ok;
};

struct PayloadReader {
    const uint8_t* data;  // owned by the caller
    uint32_t size;        // bytes
    uint32_t position;    // bytes taken
    bool ok;
};

// All supported targets are little-endian, as the protocol is: arrays go over as they lie in memory.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire codec copies little-endian memory");

template <typename Element>
inline void put_array(PayloadWriter& writer, const Element* values, uint32_t count) {
    const uint32_t bytes = count * static_cast<uint32_t>(sizeof(Element));
    if (!writer.ok || bytes > writer.capacity - writer.position) {
        writer.ok = false;
        return;
    }
    memcpy(writer.data + writer.position, values, bytes);
    writer.position += bytes;
}

template <typename Element>
inline void get_array(PayloadReader& reader, Element* values, uint32_t count) {
    const uint32_t bytes = count * static_cast<uint32_t>(sizeof(Element));
    if (!reader.ok || bytes > reader.size - reader.position) {
        reader.ok = false;
        return;
    }
    memcpy(values, reader.data + reader.position, bytes);
    reader.position += bytes;
}

template <typename Scalar>
inline void put(PayloadWriter& writer, Scalar value) {
    put_array(writer, &value, 1);
}

template <typename Scalar>
inline void get(PayloadReader& reader, Scalar* value) {
    get_array(reader, value, 1);
}

template <typename Enum>
inline void get_enum(PayloadReader& reader, Enum* value, uint32_t value_count) {
    static_assert(sizeof(Enum) == 1, "enumerations are u8 on the wire");
    uint8_t raw = 0;
    get(reader, &raw);
    if (raw >= value_count) {
        reader.ok = false;
        return;
    }
    *value = static_cast<Enum>(raw);
}

template <typename Element>
inline void put_bounded(PayloadWriter& writer, const Element* values, uint16_t count, uint32_t max_count) {
    if (count > max_count) {
        writer.ok = false;
        return;
    }
    put(writer, count);
    put_array(writer, values, count);
}

template <typename Element>
inline void get_bounded(PayloadReader& reader, Element* values, uint16_t* count, uint32_t max_count) {
    uint16_t found = 0;
    get(reader, &found);
    if (found > max_count) {
        reader.ok = false;
        return;
    }
    *count = found;
    get_array(reader, values, found);
}

// Copies a C string into a message's bounded string; what is longer is cut.
template <typename Count, uint32_t kCapacity>
inline void set_string(char (&field)[kCapacity], Count* count, const char* text) {
    uint32_t length = 0;
    while (length < kCapacity && text[length] != '\0') {
        field[length] = text[length];
        ++length;
    }
    *count = static_cast<Count>(length);
}

}  // namespace wire
}  // namespace tinyaudio

#endif  // TINYAUDIO_WIRE_CODEC_H
