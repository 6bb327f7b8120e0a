#include "generated/board_config.h"
#include "pcm_peripherals.h"
#include "registers/sai.h"

namespace tinyaudio {
namespace stm32h7 {

namespace {

SaiBlock& block() {
    return block_at<SaiBlock>(tinyaudio_generated::kMicrophone.base);
}

}  // namespace

const volatile void* sai_data() {
    return &block().DR;
}

// I2S: frames of 64 bit clocks; the word select line falls one bit before the left slot begins; bits are taken at the
// rising edge. Slots of 32 bits, of which only the left one is kept.
void sai_start(const SampleRateSettings& rate) {
    constexpr uint32_t kFrameBits = 64;
    SaiBlock& sai = block();
    sai.CR2 = SaiBlock::CR2_FFLUSH;
    sai.FRCR = (kFrameBits - 1) << SaiBlock::FRCR_FRL_SHIFT | (kFrameBits / 2 - 1) << SaiBlock::FRCR_FSALL_SHIFT |
               SaiBlock::FRCR_FSDEF | SaiBlock::FRCR_FSOFF;
    sai.SLOTR = SaiBlock::SLOTR_SLOTSZ_32_BITS | SaiBlock::SLOTR_NBSLOT_2 | SaiBlock::SLOTR_SLOTEN_FIRST;
    sai.CLRFR = SaiBlock::CLRFR_COVRUDR;
    sai.IM = SaiBlock::IM_OVRUDRIE;
    sai.CR1 = SaiBlock::CR1_MODE_MASTER_RECEIVER | SaiBlock::CR1_DS_32_BITS | SaiBlock::CR1_CKSTR |
              SaiBlock::CR1_NODIV | SaiBlock::CR1_DMAEN | rate.divider << SaiBlock::CR1_MCKDIV_SHIFT;
    set_bits(sai.CR1, SaiBlock::CR1_SAIEN);
}

// The block goes off at the end of the frame under way.
void sai_stop() {
    SaiBlock& sai = block();
    clear_bits(sai.CR1, SaiBlock::CR1_SAIEN);
    wait_for(sai.CR1, SaiBlock::CR1_SAIEN, 0);
    clear_bits(sai.CR1, SaiBlock::CR1_DMAEN);
    sai.IM = 0;
}

bool sai_take_overrun() {
    const bool is_overrun = (block().SR & SaiBlock::SR_OVRUDR) != 0;
    block().CLRFR = SaiBlock::CLRFR_COVRUDR;
    return is_overrun;
}

}  // namespace stm32h7
}  // namespace tinyaudio
