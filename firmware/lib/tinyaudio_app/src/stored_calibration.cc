#include "stored_calibration.h"

#include <string.h>

#include "tinyaudio/crc32.h"

namespace tinyaudio {

namespace {

using wire::CalibrationState;

constexpr int32_t kLeastThreshold = -128;
constexpr int32_t kNever = 128;  // which no mean reaches

// The values of kCalibrationKey. They are bound to the model, the front end and the smoothing that they were made with: with
// others the same threshold means something else.
constexpr uint8_t kCommonFormat = 2;   // one threshold for all labels; 1 was a bare threshold
constexpr uint8_t kByLabelFormat = 3;  // one for each label, in the settings from first_key on

struct CommonRecord {
    uint8_t format;
    uint8_t smoothing_patches;
    int16_t threshold;         // a mean int8 score
    uint8_t model_sha256[16];  // the first bytes of it, as of the following
    uint8_t frontend_fingerprint[12];
    uint8_t calibration_fingerprint[32];
};

struct ByLabelRecord {
    uint8_t format;
    uint8_t smoothing_patches;
    uint16_t first_key;
    uint8_t model_sha256[12];
    uint32_t crc32;  // of the settings that hold the thresholds, one behind the other
    uint8_t frontend_fingerprint[12];
    uint8_t calibration_fingerprint[32];
};

static_assert(sizeof(CommonRecord) == kMaxSettingBytes, "the record must fill a setting, without padding");
static_assert(sizeof(ByLabelRecord) == kMaxSettingBytes, "the record must fill a setting, without padding");

// A part holds a byte of each label, then a bit of each: 1 for a threshold of kNever, whose byte is 0, as 257 values do not
// fit a byte.
constexpr uint32_t kPartLabels = 56;
static_assert(kPartLabels + label_set_bytes(kPartLabels) <= kMaxSettingBytes, "a part must fit a setting");
static_assert(kMostParts * kPartLabels >= kMaxLabels, "the parts must hold all labels");

uint32_t labels_of_part(const ApplicationConfig& config, uint32_t part) {
    const uint32_t first = part * kPartLabels;
    const uint32_t labels = config.model.output_elements;
    return first >= labels ? 0 : (labels - first < kPartLabels ? labels - first : kPartLabels);
}

uint32_t part_bytes(uint32_t labels) {
    return labels + label_set_bytes(labels);
}

// Reads the thresholds that are stored from `first_key` on to `thresholds`, [labels], or only looks at them where that is
// null. False if they are not those that `crc32` was computed of.
bool read_thresholds(const Application& application, uint16_t first_key, uint32_t crc32, int16_t* thresholds) {
    uint8_t value[kMaxSettingBytes];
    uint32_t found_crc32 = 0;
    uint32_t part = 0;
    for (uint32_t labels; (labels = labels_of_part(*application.config, part)) > 0; ++part) {
        const uint32_t bytes = settings_read(application.settings, static_cast<uint16_t>(first_key + part), value);
        if (bytes != part_bytes(labels)) {
            return false;
        }
        found_crc32 = crc32_update(found_crc32, value, bytes);
        for (uint32_t label = 0; thresholds != nullptr && label < labels; ++label) {
            const bool is_never = has_label(value + labels, label);
            thresholds[part * kPartLabels + label] = is_never ? kNever : static_cast<int8_t>(value[label]);
        }
    }
    return found_crc32 == crc32;
}

bool is_place(uint16_t first_key) {
    return is_part_key(first_key) && (first_key - kFirstPartKey) % kMostParts == 0;
}

template <typename Record>
bool is_of_this_firmware(const ApplicationConfig& config, const Record& record) {
    return record.smoothing_patches == config.smoothing_patches &&
           memcmp(record.model_sha256, config.model_sha256, sizeof(record.model_sha256)) == 0 &&
           memcmp(record.frontend_fingerprint, config.frontend->fingerprint, sizeof(record.frontend_fingerprint)) == 0;
}

void judge_common(const Application& application, const uint8_t* value, StoredCalibration* stored) {
    CommonRecord record;
    memcpy(&record, value, sizeof(record));
    if (!is_of_this_firmware(*application.config, record)) {
        return;
    }
    const bool is_possible = record.threshold >= kLeastThreshold && record.threshold <= kNever;
    stored->state = is_possible ? CalibrationState::kStored : CalibrationState::kCorrupt;
    stored->threshold = record.threshold;
    memcpy(stored->fingerprint, record.calibration_fingerprint, sizeof(stored->fingerprint));
}

void judge_by_label(const Application& application, const uint8_t* value, int16_t* thresholds, StoredCalibration* stored) {
    ByLabelRecord record;
    memcpy(&record, value, sizeof(record));
    if (!is_of_this_firmware(*application.config, record)) {
        return;
    }
    const bool is_whole = is_place(record.first_key) && read_thresholds(application, record.first_key, record.crc32, thresholds);
    stored->state = is_whole ? CalibrationState::kStored : CalibrationState::kCorrupt;
    stored->first_key = record.first_key;
    memcpy(stored->fingerprint, record.calibration_fingerprint, sizeof(stored->fingerprint));
}

// What a value of kCalibrationKey comes to; thresholds for each label go to `thresholds` unless that is null.
StoredCalibration judge(const Application& application, const uint8_t* value, uint32_t bytes, int16_t* thresholds) {
    StoredCalibration stored = {};
    stored.state = bytes == 0 ? CalibrationState::kBuiltIn : CalibrationState::kForeign;
    if (bytes == kMaxSettingBytes && value[0] == kCommonFormat) {
        judge_common(application, value, &stored);
    } else if (bytes == kMaxSettingBytes && value[0] == kByLabelFormat) {
        judge_by_label(application, value, thresholds, &stored);
    }
    return stored;
}

}  // namespace

void obey_calibration(Application& application) {
    uint8_t value[kMaxSettingBytes];
    const uint32_t bytes = settings_read(application.settings, kCalibrationKey, value);
    application.stored = judge(application, value, bytes, application.buffers.stored_thresholds);
    if (settings_is_doubtful(application.settings, kCalibrationKey)) {
        application.stored.state = CalibrationState::kCorrupt;  // there may have been a later one
    }
}

bool is_calibration_allowed(const Application& application, const uint8_t* value, uint32_t bytes) {
    return bytes == 0 || judge(application, value, bytes, nullptr).state == CalibrationState::kStored;
}

bool is_part_allowed(const Application& application, uint16_t key, uint32_t bytes) {
    const uint32_t part = (key - kFirstPartKey) % kMostParts;
    const uint32_t labels = labels_of_part(*application.config, part);
    const StoredCalibration& stored = application.stored;
    const bool holds = stored.state == CalibrationState::kStored && stored.first_key == key - part;
    return !holds && (bytes == 0 || (labels > 0 && bytes == part_bytes(labels)));
}

}  // namespace tinyaudio
