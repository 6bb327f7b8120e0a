// The native port with runs that ended in faults behind it: with ONLY_TALKS in the environment as often as firmware puts up
// with. GREETED names a file that is made when a host was greeted.
#include <stdio.h>
#include <stdlib.h>

#define port_only_talks native_port_only_talks
#define port_host_is_here native_port_host_is_here
#include "port.cc"
#undef port_only_talks
#undef port_host_is_here

namespace tinyaudio {

bool port_only_talks() {
    return getenv("ONLY_TALKS") != nullptr;
}

void port_host_is_here() {
    if (const char* const path = getenv("GREETED")) {
        fclose(fopen(path, "w"));
    }
}

}  // namespace tinyaudio
