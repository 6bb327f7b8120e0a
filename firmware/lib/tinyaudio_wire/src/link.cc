#include "tinyaudio/link.h"

#include <string.h>

#include "message_ring.h"

namespace tinyaudio {
namespace wire {
namespace {

// Sequence numbers count modulo 65536; `later` counts from `earlier` on.
uint16_t distance(uint16_t earlier, uint16_t later) { return static_cast<uint16_t>(later - earlier); }

constexpr uint16_t kHalfOfSequence = 0x8000;  // a distance from here on means "behind"

// Writes the frame whose payload lies at link.frame + kHeaderBytes; it tells the host our acknowledge and credit.
void write_frame(Link& link, MessageType type, uint8_t session, uint16_t sequence, uint32_t payload_bytes) {
    const FrameHeader header = {static_cast<uint8_t>(type), session, sequence, link.expected_sequence,
                                static_cast<uint16_t>(link.received.capacity - link.received.used)};
    const uint32_t raw_bytes = finish_frame(header, payload_bytes, link.frame);
    const uint32_t encoded_bytes = cobs_encode(link.frame, raw_bytes, link.encoded);
    link.output.write(link.output.context, link.encoded, encoded_bytes);
    link.unreported_bytes = 0;
}

void write_status(Link& link, uint16_t token, bool gap) {
    const uint32_t bytes = encode(LinkStatus{token, gap}, link.frame + kHeaderBytes, kMaxPayloadBytes);
    write_frame(link, MessageType::kLinkStatus, link.session, link.next_sequence, bytes);
}

void write_notice(Link& link, uint8_t foreign_session) {
    const uint32_t bytes = encode(SessionNotice{link.session}, link.frame + kHeaderBytes, kMaxPayloadBytes);
    write_frame(link, MessageType::kSessionNotice, foreign_session, 0, bytes);
}

void resend_all(Link& link) {
    uint16_t sequence = link.oldest_sequence;
    uint32_t offset = 0;
    while (offset < link.sent.used) {
        uint8_t type = 0;
        uint32_t bytes = 0;
        offset = ring_read(link.sent, offset, &type, link.frame + kHeaderBytes, &bytes);
        write_frame(link, static_cast<MessageType>(type), link.session, sequence++, bytes);
        ++link.statistics.retransmitted_frames;
    }
}

void take_acknowledge(Link& link, uint16_t acknowledge) {
    uint16_t count = distance(link.oldest_sequence, acknowledge);
    if (count > distance(link.oldest_sequence, link.next_sequence)) return;  // of a frame that came late, or never sent
    for (; count > 0; --count) {
        ring_pop(link.sent);
        ++link.oldest_sequence;
    }
}

void open_session(Link& link, uint8_t session, uint32_t nonce) {
    ring_clear(link.received);
    ring_clear(link.sent);
    link.session = session;
    link.nonce = nonce;
    link.hello_pending = true;
    link.gap_reported = false;
    link.expected_sequence = 0;
    link.next_sequence = 0;
    link.oldest_sequence = 0;
    link.unreported_bytes = 0;
}

// HelloRequest is the same in every version: whether the version suits is for the two ends to say after Hello.
void take_hello_request(Link& link, uint8_t session, const uint8_t* payload, uint32_t payload_bytes) {
    HelloRequest request;
    if (session == 0 || !decode(payload, payload_bytes, &request)) return;
    if (session == link.session && request.nonce == link.nonce) {
        resend_all(link);  // the host has not seen our Hello yet
        return;
    }
    open_session(link, session, request.nonce);
    ring_push(link.received, static_cast<uint8_t>(MessageType::kHelloRequest), payload, payload_bytes);
}

void take_poll(Link& link, const uint8_t* payload, uint32_t payload_bytes) {
    LinkPoll poll;
    if (!decode(payload, payload_bytes, &poll)) return;
    if (poll.resend != 0) resend_all(link);
    write_status(link, poll.token, false);
}

void report_gap(Link& link) {
    ++link.statistics.gap_frames;
    if (link.gap_reported) return;
    link.gap_reported = true;
    write_status(link, 0, true);
}

void take_sequenced(Link& link, const FrameHeader& header, const uint8_t* payload, uint32_t payload_bytes) {
    const uint16_t ahead = distance(link.expected_sequence, header.sequence);
    if (ahead >= kHalfOfSequence) {
        ++link.statistics.duplicate_frames;
    } else if (ahead > 0 || !ring_fits(link.received, payload_bytes)) {
        report_gap(link);  // lost on the way, or sent beyond the credit: the host has to send it again
    } else {
        ring_push(link.received, header.type, payload, payload_bytes);
        ++link.expected_sequence;
        link.gap_reported = false;
    }
}

void take_frame(Link& link, const FrameHeader& header, const uint8_t* payload, uint32_t payload_bytes) {
    const MessageType type = static_cast<MessageType>(header.type);
    if (type == MessageType::kHelloRequest) {
        take_hello_request(link, header.session, payload, payload_bytes);
        return;
    }
    if (header.session != link.session || link.session == 0) {
        ++link.statistics.foreign_frames;
        write_notice(link, header.session);
        return;
    }
    take_acknowledge(link, header.acknowledge);
    if (type == MessageType::kLinkPoll) {
        take_poll(link, payload, payload_bytes);
    } else if (type != MessageType::kLinkStatus && type != MessageType::kSessionNotice) {
        take_sequenced(link, header, payload, payload_bytes);
    }
}

}  // namespace

bool link_init(Link& link, const LinkBuffers& buffers, const LinkOutput& output) {
    if (buffers.receive_bytes < kMinReceiveBytes || buffers.receive_bytes > kMaxReceiveBytes ||
        buffers.retransmit_bytes < kMinRetransmitBytes) {
        return false;
    }
    memset(&link, 0, sizeof link);
    link.output = output;
    link.received = {buffers.receive, buffers.receive_bytes, 0, 0};
    link.sent = {buffers.retransmit, buffers.retransmit_bytes, 0, 0};
    decoder_init(link.decoder);
    return true;
}

void link_receive(Link& link, const uint8_t* data, uint32_t bytes) {
    FrameHeader header;
    uint32_t payload_bytes = 0;
    while (decoder_next(link.decoder, &data, &bytes, &header, &payload_bytes) == DecodeResult::kFrame) {
        take_frame(link, header, link.decoder.data + kHeaderBytes, payload_bytes);
    }
}

bool link_next_message(Link& link, MessageView* message) {
    if (link.received.used == 0) return false;
    uint8_t type = 0;
    ring_read(link.received, 0, &type, link.message, &message->payload_bytes);
    ring_pop(link.received);
    message->type = static_cast<MessageType>(type);
    message->payload = link.message;
    if (message->type == MessageType::kHelloRequest) link.hello_pending = false;
    link.unreported_bytes += frame_bytes(message->payload_bytes);
    // The host stops when less than a frame of credit is left; half a buffer regained is told before it can stop for good.
    if (link.unreported_bytes >= link.received.capacity / 2 && !link.hello_pending) write_status(link, 0, false);
    return true;
}

bool link_can_send(const Link& link, uint32_t payload_bytes) {
    return link.session != 0 && !link.hello_pending && payload_bytes <= kMaxPayloadBytes && ring_fits(link.sent, payload_bytes);
}

bool link_send(Link& link, MessageType type, const uint8_t* payload, uint32_t payload_bytes) {
    if (!link_can_send(link, payload_bytes)) return false;
    ring_push(link.sent, static_cast<uint8_t>(type), payload, payload_bytes);
    memcpy(link.frame + kHeaderBytes, payload, payload_bytes);
    write_frame(link, type, link.session, link.next_sequence++, payload_bytes);
    return true;
}

}  // namespace wire
}  // namespace tinyaudio
