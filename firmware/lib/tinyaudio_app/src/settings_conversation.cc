#include "settings_conversation.h"

#include "conversation.h"
#include "stored_calibration.h"

namespace tinyaudio {

namespace {

using wire::CalibrationState;
using wire::FaultCode;
using wire::MessageView;
using wire::SettingStatus;

constexpr uint16_t kFirstFreeKey = 256;

static_assert(wire::SettingsWrite::kMaxValue == kMaxSettingBytes, "the protocol must carry what can be stored");
static_assert(wire::SettingsKeys::kMaxKeys == kMaxSettings, "the protocol must carry all keys");

bool is_allowed(const Application& application, uint16_t key, const uint8_t* value, uint32_t bytes) {
    if (key == kCalibrationKey) {
        return is_calibration_allowed(application, value, bytes);
    }
    if (is_part_key(key)) {
        return is_part_allowed(application, key, bytes);
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

// What a read of the calibration is answered with.
SettingStatus calibration_status(const Application& application) {
    switch (application.stored.state) {
        case CalibrationState::kBuiltIn:
            return SettingStatus::kAbsent;
        case CalibrationState::kStored:
            return SettingStatus::kStored;
        case CalibrationState::kCorrupt:
            return SettingStatus::kCorrupt;
        case CalibrationState::kForeign:
            break;
    }
    return SettingStatus::kForeign;
}

// Answers with the value that is stored now; `status` is kStored unless a write was refused.
void tell_value(Application& application, uint16_t key, SettingStatus status) {
    wire::SettingsValue answer = {};
    answer.key = key;
    answer.value_count = static_cast<uint16_t>(settings_read(application.settings, key, answer.value));
    if (status == SettingStatus::kStored && key == kCalibrationKey) {
        status = calibration_status(application);
    } else if (status == SettingStatus::kStored && answer.value_count == 0) {
        status = SettingStatus::kAbsent;
    }
    answer.status = status;
    wire::link_send_message(application.link, answer);
}

}  // namespace

void obey_settings(Application& application) {
    obey_calibration(application);
}

const char* calibration_note(const Application& application) {
    switch (application.stored.state) {
        case CalibrationState::kCorrupt:
            return "the stored detection threshold is damaged: the one compiled in holds";
        case CalibrationState::kForeign:
            return "the stored detection threshold is for another model, front end or smoothing: the one compiled in holds";
        default:
            return nullptr;
    }
}

void write_setting(Application& application, const MessageView& view) {
    wire::SettingsWrite request;
    if (!wire::decode(view.payload, view.payload_bytes, &request)) {
        refuse(application, FaultCode::kBadRequest, "SettingsWrite does not decode");
        return;
    }
    SettingStatus status = SettingStatus::kRefused;
    if (is_allowed(application, request.key, request.value, request.value_count)) {
        const auto write = request.key == kCalibrationKey ? settings_write_sealed : settings_write;
        status = status_of(write(application.settings, request.key, request.value, request.value_count));
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
