#pragma once

// fake_esp_idf.cc keeps what lies in this section over the end of the program.
#define RTC_NOINIT_ATTR __attribute__((section("rtc_noinit")))
