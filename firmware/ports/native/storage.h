// A file in place of flash for settings.
#ifndef TINYAUDIO_NATIVE_STORAGE_H_
#define TINYAUDIO_NATIVE_STORAGE_H_

namespace tinyaudio {
namespace native {

// Opens it, or makes it, erased; null: there is no storage. False, and a line on standard error, if it is no such file.
bool open_storage(const char* path);

}  // namespace native
}  // namespace tinyaudio

#endif  // TINYAUDIO_NATIVE_STORAGE_H_
