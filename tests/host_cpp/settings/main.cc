#include <stdio.h>
#include <string.h>

#include "cases.h"

namespace {

// None takes more than a few seconds.
constexpr struct {
    const char* name;
    void (*run)();
} kParts[] = {
    {"small cases", small_cases},
    {"one cut, two sectors", [] { one_cut({1024, 2, 32}, 50); }},
    {"one cut, three sectors", [] { one_cut({512, 3, 32}, 50); }},
    {"one cut, small units",
     [] {
         constexpr uint32_t kUnitBytes[] = {8, 4, 16, 1};
         for (const uint32_t unit_bytes : kUnitBytes) {
             one_cut({512, 2, unit_bytes}, 12);
         }
     }},
    {"one failure", [] { one_failure({512, 2, 32}, 50); }},
    {"two cuts", [] { two_cuts({512, 2, 32}, 12, 10); }},
    {"two cuts, hardly any room", [] { two_cuts({416, 2, 32}, 10, 6); }},
};

}  // namespace

// Without an argument, tells the names of the parts; with one, runs that part.
int main(int argc, char** argv) {
    for (const auto& part : kParts) {
        if (argc == 1) {
            puts(part.name);
        } else if (strcmp(argv[1], part.name) == 0) {
            part.run();
            puts("ok");
        }
    }
    return 0;
}
