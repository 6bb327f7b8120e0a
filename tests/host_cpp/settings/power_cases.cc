// Power fails at every step of many writes of settings, in several ways; nothing but the old or the new value may be found.
// So it is where a step fails while the power stays, whether the flash says so or not.
#include "cases.h"
#include "story.h"
#include "torn_flash.h"

using namespace tinyaudio;

namespace {

// Behind a cut in write `index`: every key has its value, the one under way the old or the new. Takes over which.
void recover(Settings& settings, Value* model, uint32_t index, bool is_flaky) {
    start(settings);
    const uint16_t key = story_key(index);
    const Value wanted = story_value(index);
    const Value old = model[key];
    if (is_flaky) {  // the old at one start and the new at another, until someone writes
        for (uint32_t round = 0; round < 6; ++round) {
            CHECK(holds(settings, key, old) || holds(settings, key, wanted));
            model[key] = holds(settings, key, wanted) ? wanted : old;
            check_all(settings, model);
            start(settings);
        }
    }
    CHECK(holds(settings, key, old) || holds(settings, key, wanted));
    model[key] = holds(settings, key, wanted) ? wanted : old;
    check_all(settings, model);
    CHECK(!settings_is_doubtful(settings, key) && !settings_is_doubtful(settings, kKeys + 1));  // a power loss is no damage
}

// Writes and starts again and again behind a cut; nothing that was written may be lost any more.
void go_on(Settings& settings, Value* model, uint32_t first, uint32_t end) {
    for (uint32_t index = first; index < end; ++index) {
        CHECK(write_on(settings, model, index, index + 1) == index + 1);
        check_all(settings, model);
        if (index % 3 == 0) {
            start(settings);
            check_all(settings, model);
        }
    }
}

uint32_t count_steps(const PortStorage& geometry, uint32_t writes) {
    Settings settings;
    Value model[kKeys + 1] = {};
    format(geometry);
    start(settings);
    CHECK(write_on(settings, model, 0, writes) == writes);
    check_all(settings, model);
    start(settings);
    check_all(settings, model);
    return flash.steps;
}

}  // namespace

void one_cut(const PortStorage& geometry, uint32_t writes) {
    scenario = "one cut";
    const uint32_t steps = count_steps(geometry, writes);
    for (uint32_t cut = 0; cut < steps; ++cut) {
        for (uint8_t torn = 0; torn < static_cast<uint8_t>(Torn::kCount); ++torn) {
            Settings settings;
            Value model[kKeys + 1] = {};
            format(geometry);
            flash.random += cut;
            flash.torn = static_cast<Torn>(torn);
            start(settings);
            flash.cut_at = cut;
            const uint32_t index = write_on(settings, model, 0, writes);
            CHECK(index < writes);
            recover(settings, model, index, flash.torn == Torn::kFlaky);
            // The very value again: what reads as done already must be as safe as what was just written.
            CHECK(write_on(settings, model, index, index + 1) == index + 1);
            start(settings);
            check_all(settings, model);
            start(settings);
            check_all(settings, model);
            go_on(settings, model, index + 1, index + 30);
        }
    }
}

void two_cuts(const PortStorage& geometry, uint32_t writes, uint32_t further_steps) {
    scenario = "two cuts";
    const uint32_t steps = count_steps(geometry, writes);
    for (uint32_t cut = 0; cut < steps; ++cut) {
        for (uint32_t further = 1; further <= further_steps; ++further) {
            for (uint8_t pair = 0; pair < 36; ++pair) {
                constexpr Torn kKinds[] = {Torn::kUntouched, Torn::kBlankDirty, Torn::kPrefix,
                                           Torn::kScattered, Torn::kUnreadable, Torn::kDone};
                Settings settings;
                Value model[kKeys + 1] = {};
                format(geometry);
                flash.random += cut * 64 + further;
                start(settings);
                flash.cut_at = cut;
                flash.torn = kKinds[pair / 6];
                const uint32_t first = write_on(settings, model, 0, writes);
                recover(settings, model, first, false);
                flash.cut_at = flash.steps + further - 1;
                flash.torn = kKinds[pair % 6];
                const uint32_t second = write_on(settings, model, first + 1, writes + 30);
                CHECK(second < writes + 30);
                recover(settings, model, second, false);
                go_on(settings, model, second + 1, second + 8);
            }
        }
    }
}

void one_failure(const PortStorage& geometry, uint32_t writes) {
    scenario = "one failure";
    const uint32_t steps = count_steps(geometry, writes);
    for (uint32_t cut = 0; cut < steps; ++cut) {
        for (uint8_t kind = 0; kind < 2 * static_cast<uint8_t>(Torn::kFlaky); ++kind) {
            Settings settings;
            Value model[kKeys + 1] = {};
            format(geometry);
            flash.random += cut;
            flash.torn = static_cast<Torn>(kind / 2);
            flash.is_silent = kind % 2 != 0;
            flash.is_powered = true;
            start(settings);
            flash.cut_at = cut;
            for (uint32_t index = 0; index < writes + 4; ++index) {
                const Value value = story_value(index);
                if (settings_write(settings, story_key(index), value.data, value.bytes) == SettingsResult::kDone) {
                    model[story_key(index)] = value;
                }
                check_all(settings, model);
                if (index % 5 == 4) {
                    start(settings);
                    check_all(settings, model);
                }
            }
        }
    }
}
