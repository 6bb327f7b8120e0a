// The calibration that the settings hold: what it says, whether it is one of this firmware, and what may be written of it.
#ifndef TINYAUDIO_STORED_CALIBRATION_H_
#define TINYAUDIO_STORED_CALIBRATION_H_

#include "tinyaudio/application.h"

namespace tinyaudio {

// The application's own keys; docs/wire_protocol.md has their table. Thresholds for each label take up to kMostParts settings
// in one of two places, so that new ones can be written whole before they replace the old ones: setting 1 says which hold.
constexpr uint16_t kCalibrationKey = 1;
constexpr uint16_t kFirstPartKey = 2;
constexpr uint16_t kMostParts = 19;
constexpr uint16_t kPlaces = 2;

inline bool is_part_key(uint16_t key) {
    return key >= kFirstPartKey && key < kFirstPartKey + kPlaces * kMostParts;
}

// Takes what is stored over into the application.
void obey_calibration(Application& application);

// Whether this firmware would go by `bytes` of setting 1 with the parts that are stored now.
bool is_calibration_allowed(const Application& application, const uint8_t* value, uint32_t bytes);

// Whether a part may be written or forgotten: it is as long as this firmware's labels make it, and not one of those that hold.
bool is_part_allowed(const Application& application, uint16_t key, uint32_t bytes);

}  // namespace tinyaudio

#endif  // TINYAUDIO_STORED_CALIBRATION_H_
