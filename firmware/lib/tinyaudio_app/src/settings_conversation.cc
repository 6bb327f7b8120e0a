#include "settings_conversation.h"

#include <string.h>

#include "conversation.h"

namespace tinyaudio {

namespace {

using wire::FaultCode;
using wire::MessageView;
using wire::SettingStatus;

// The application's own keys; docs/wire_protocol.md has their table.
constexpr uint16_t kDetectionThresholdKey = 1;  // i16, a mean int8 score
constexpr uint16_t kFirstFreeKey = 256;

constexpr int32_t kLeastThreshold = -128;
constexpr int32_t kGreatestThreshold = 128;  // which no mean reaches

static_assert(wire::SettingsWrite::kMaxValue == kMaxSettingBytes, "the protocol must carry what can be stored");
static_assert(wire::SettingsKeys::kMaxKeys == kMaxSettings, "the protocol must carry all keys");

bool decode_threshold(const uint8_t* value, uint32_t bytes, int32_t* threshold) {
    int16_t stored = 0;
    if (bytes != sizeof(stored)) {
        return false;
    }
    memcpy(&stored, value, sizeof(stored));
    *threshold = stored;
    return stored >= kLeastThreshold && stored <= kGreatestThreshold;
}

bool is_allowed(uint16_t key, const uint8_t* value, uint32_t bytes) {
    int32_t threshold = 0;
    if (key == kDetectionThresholdKey) {
        return bytes == 0 || decode_threshold(value, bytes, &threshold);
    }
    return key >= kFirstFreeKey && key <= kLastSettingKey;
}

SettingStatus status_of(SettingsResult result) {
    switch (result) {
        case SettingsResult::kDone:
            return SettingStatus::kStored;
        case SettingsResult::kFull:
            return SettingStatus::kFull;
        case SettingsResult::kFailed:
            break;
    }
    return SettingStatus::kFailed;
}

// Answers with the value that is stored now; `status` is kStored unless a write was refused.
void tell_value(Application& application, uint16_t key, SettingStatus status) {
    wire::SettingsValue answer = {};
    answer.key = key;
    answer.value_count = static_cast<uint16_t>(settings_read(application.settings, key, answer.value));
    answer.status = status == SettingStatus::kStored && answer.value_count == 0 ? SettingStatus::kAbsent : status;
    wire::link_send_message(application.link, answer);
}

}  // namespace

void obey_settings(Application& application) {
    uint8_t value[kMaxSettingBytes];
    const uint32_t bytes = settings_read(application.settings, kDetectionThresholdKey, value);
    application.has_stored_threshold = decode_threshold(value, bytes, &application.stored_threshold);
}

void write_setting(Application& application, const MessageView& view) {
    wire::SettingsWrite request;
    if (!wire::decode(view.payload, view.payload_bytes, &request)) {
        refuse(application, FaultCode::kBadRequest, "SettingsWrite does not decode");
        return;
    }
    SettingStatus status = SettingStatus::kRefused;
    if (is_allowed(request.key, request.value, request.value_count)) {
        status = status_of(settings_write(application.settings, request.key, request.value, request.value_count));
        obey_settings(application);
    }
    tell_value(application, request.key, status);
}

void read_setting(Application& application, const MessageView& view) {
    wire::SettingsRead request;
    if (!wire::decode(view.payload, view.payload_bytes, &request)) {
        refuse(application, FaultCode::kBadRequest, "SettingsRead does not decode");
        return;
    }
    tell_value(application, request.key, SettingStatus::kStored);
}

void list_settings(Application& application, const MessageView& view) {
    wire::SettingsList request;
    if (!wire::decode(view.payload, view.payload_bytes, &request)) {
        refuse(application, FaultCode::kBadRequest, "SettingsList does not decode");
        return;
    }
    uint16_t keys[kMaxSettings];
    const uint32_t count = settings_list(application.settings, keys);
    wire::SettingsKeys answer = {};
    for (uint32_t index = 0; index < count; ++index) {
        if (keys[index] >= request.first_key) {
            answer.keys[answer.keys_count++] = keys[index];
        }
    }
    wire::link_send_message(application.link, answer);
}

}  // namespace tinyaudio
