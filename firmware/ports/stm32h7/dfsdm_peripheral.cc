#include "generated/board_config.h"
#include "pcm_peripherals.h"
#include "registers/dfsdm.h"

namespace tinyaudio {
namespace stm32h7 {

using tinyaudio_generated::kMicrophone;

const volatile void* dfsdm_data() {
    return &dfsdm1_filter0().FLTRDATAR;
}

// Channel 0 holds what is common to all channels: the clock of the microphones and the switch of the whole block. The
// filter runs over one channel without pause (FAST), so that it gives one sample for each `oversampling` clocks.
void dfsdm_start(const SampleRateSettings& rate) {
    DfsdmChannel& channel = dfsdm1_channel(kMicrophone.channel);
    DfsdmChannel& common = dfsdm1_channel(0);
    DfsdmFilter& filter = dfsdm1_filter0();
    common.CHCFGR1 = DfsdmChannel::CHCFGR1_CKOUTSRC_AUDIO | (rate.divider - 1) << DfsdmChannel::CHCFGR1_CKOUTDIV_SHIFT;
    set_bits(common.CHCFGR1, DfsdmChannel::CHCFGR1_DFSDMEN);
    channel.CHCFGR2 = rate.right_shift << DfsdmChannel::CHCFGR2_DTRBS_SHIFT;
    set_bits(channel.CHCFGR1, DfsdmChannel::CHCFGR1_SPICKSEL_CKOUT);
    set_bits(channel.CHCFGR1, DfsdmChannel::CHCFGR1_CHEN);
    filter.FLTFCR = DfsdmFilter::FLTFCR_FORD_SINC4 | (rate.oversampling - 1) << DfsdmFilter::FLTFCR_FOSR_SHIFT;
    filter.FLTICR = DfsdmFilter::FLTICR_CLRROVRF;
    filter.FLTCR2 = DfsdmFilter::FLTCR2_ROVRIE;
    filter.FLTCR1 = kMicrophone.channel << DfsdmFilter::FLTCR1_RCH_SHIFT | DfsdmFilter::FLTCR1_FAST |
                    DfsdmFilter::FLTCR1_RCONT | DfsdmFilter::FLTCR1_RDMAEN;
    set_bits(filter.FLTCR1, DfsdmFilter::FLTCR1_DFEN);
    set_bits(filter.FLTCR1, DfsdmFilter::FLTCR1_RSWSTART);
}

void dfsdm_stop() {
    clear_bits(dfsdm1_filter0().FLTCR1, DfsdmFilter::FLTCR1_DFEN);
    dfsdm1_channel(kMicrophone.channel).CHCFGR1 = 0;
    dfsdm1_channel(0).CHCFGR1 = 0;
}

bool dfsdm_take_overrun() {
    DfsdmFilter& filter = dfsdm1_filter0();
    const bool is_overrun = (filter.FLTISR & DfsdmFilter::FLTISR_ROVRF) != 0;
    filter.FLTICR = DfsdmFilter::FLTICR_CLRROVRF;
    return is_overrun;
}

}  // namespace stm32h7
}  // namespace tinyaudio
