#include "tinyaudio/application.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

constexpr uint32_t kReadBytes = 2048;
constexpr int kExitNoLink = 1;

// A host that went away is no failure of the firmware.
void write_to_port(void*, const uint8_t* data, uint32_t bytes) {
    if (!port_write(data, bytes)) {
        port_exit(0);
    }
}

}  // namespace

int run_application(const ApplicationConfig& config, const ApplicationBuffers& buffers, int argument_count,
                    char** arguments) {
    static Application application;
    static uint8_t received[kReadBytes];
    if (!port_open(argument_count, arguments)) {
        return kExitNoLink;
    }
    application_init(application, config, buffers, {nullptr, write_to_port});
    for (;;) {
        while (application_step(application)) {
        }
        const int32_t count = port_read(received, kReadBytes, application_wait(application));
        if (count < 0) {
            port_microphone_stop();
            return 0;
        }
        application_receive(application, received, static_cast<uint32_t>(count));
    }
}

}  // namespace tinyaudio
