// The device's side of the reliable link. No clock, no heap, no interrupts: it acts on received bytes alone.
//
// What the host sends arrives in order and once, or not at all: frames ahead of the one expected are dropped and the host
// sends them again. What the device sends is kept in the retransmit ring until the host has acknowledged it. The host has
// the clock: when nothing comes it polls, and the device answers, sending again what is missing.
//
// Use, in one thread (never from an interrupt):
//
//     static uint8_t receive_buffer[4096], retransmit_buffer[8192];
//     static Link link;
//     link_init(link, {receive_buffer, sizeof receive_buffer, retransmit_buffer, sizeof retransmit_buffer}, {context, write});
//     for (;;) {
//         link_receive(link, bytes, port_read(bytes));       // whatever came, in any pieces
//         while (more results wait && link_can_send(link, M::kMaxBytes)) link_send_message(link, result);
//         MessageView message;
//         if (no result waits && link_next_message(link, &message)) handle(message);
//     }
//
// Back pressure: an application whose results do not fit (link_can_send is false) stops taking messages, goes on calling
// link_receive, and so gets the acknowledge that makes room. The host stops by itself when its credit is used up.
//
// Sizes: `receive_bytes` is the credit the host has. Where an interrupt collects bytes for link_receive, its ring must
// hold receive_bytes + kControlReserveBytes: then it can not overflow.

#ifndef TINYAUDIO_LINK_H
#define TINYAUDIO_LINK_H

#include <stdint.h>

#include "tinyaudio/framing.h"
#include "tinyaudio/protocol.h"

namespace tinyaudio {
namespace wire {

constexpr uint32_t kControlReserveBytes = 128;                   // polls that may come beyond the credit
constexpr uint32_t kMinReceiveBytes = 2 * kMaxFrameBytes;        // less and the host might stall
constexpr uint32_t kMaxReceiveBytes = 65535;                     // the credit is a u16
constexpr uint32_t kRingHeaderBytes = 3;                         // type and length in front of a payload in a ring
constexpr uint32_t kMinRetransmitBytes = 2 * (kMaxPayloadBytes + kRingHeaderBytes);

// Static memory of the caller; the link keeps the pointers.
struct LinkBuffers {
    uint8_t* receive;
    uint32_t receive_bytes;  // kMinReceiveBytes to kMaxReceiveBytes
    uint8_t* retransmit;
    uint32_t retransmit_bytes;  // at least kMinRetransmitBytes; 4096 to 8192 serve well
};

// Where frames go: `write` takes one whole encoded frame a call and returns when it may be overwritten.
struct LinkOutput {
    void* context;
    void (*write)(void* context, const uint8_t* data, uint32_t bytes);
};

// A received message; `payload` is the link's and holds until the next call of link_next_message.
struct MessageView {
    MessageType type;
    const uint8_t* payload;
    uint32_t payload_bytes;
};

struct LinkStatistics {
    uint32_t duplicate_frames;      // received again and dropped
    uint32_t gap_frames;            // ahead of the one expected and dropped
    uint32_t foreign_frames;        // of a session that is not open
    uint32_t retransmitted_frames;  // sent again
};

// First in, first out, of {type, length u16, payload}; entries wrap around the end.
struct MessageRing {
    uint8_t* data;
    uint32_t capacity;
    uint32_t head;  // position of the oldest entry
    uint32_t used;  // bytes
};

// Read `statistics` and `decoder.malformed_frames` freely; everything else belongs to the link_* functions.
struct Link {
    LinkOutput output;
    FrameDecoder decoder;
    MessageRing received;         // accepted, not yet taken by the application
    MessageRing sent;             // not yet acknowledged by the host
    uint8_t session;              // 0: none is open
    uint32_t nonce;               // of the open session
    bool hello_pending;           // HelloRequest was not yet taken by the application
    bool gap_reported;            // since the last frame in order
    uint16_t expected_sequence;   // of the host's next frame
    uint16_t next_sequence;       // of our next frame
    uint16_t oldest_sequence;     // of the first frame in `sent`
    uint32_t unreported_bytes;    // credit regained since the host was last told
    LinkStatistics statistics;
    uint8_t message[kMaxPayloadBytes];  // what MessageView points to
    uint8_t frame[kMaxRawFrameBytes];   // the frame being built
    uint8_t encoded[kMaxFrameBytes];    // the same on the wire
};

// Prepares `link`, with no session open. False (and `link` unusable) if a buffer is too small or too large.
bool link_init(Link& link, const LinkBuffers& buffers, const LinkOutput& output);

// Takes received bytes in any pieces. Answers polls, repetitions and foreign sessions at once, through output.write.
void link_receive(Link& link, const uint8_t* data, uint32_t bytes);

// Hands out the next message in order; false if there is none. On MessageType::kHelloRequest a new session began: drop
// everything of the old one and send Hello, as the first message.
bool link_next_message(Link& link, MessageView* message);

// Whether a message of `payload_bytes` can be sent now: a session is open, its HelloRequest was taken, there is room.
bool link_can_send(const Link& link, uint32_t payload_bytes);

// Sends a message, reliably and in order; false if link_can_send is, with nothing sent.
bool link_send(Link& link, MessageType type, const uint8_t* payload, uint32_t payload_bytes);

// Encodes `message` and sends it; false as link_send, or if a count in it is out of bounds.
template <typename Message>
inline bool link_send_message(Link& link, const Message& message) {
    uint8_t payload[Message::kMaxBytes];
    const uint32_t bytes = encode(message, payload, sizeof payload);
    return bytes != 0 && link_send(link, Message::kType, payload, bytes);
}

}  // namespace wire
}  // namespace tinyaudio

#endif  // TINYAUDIO_LINK_H
