#include "microphone.h"

#include "application_task.h"
#include "block_order.h"
#include "driver/i2s_std.h"
#include "esp_timer.h"
#include "generated/board_config.h"
#include "tinyaudio/microphone_ring.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace esp32s3 {

namespace {

using tinyaudio_generated::kMicrophone;

constexpr bool kIsPresent = kMicrophone.controller >= 0;
constexpr uint32_t kRingSamples = kIsPresent ? 16384 : 1;  // 1 s at 16 kHz: longer than an inference

i2s_chan_handle_t channel;
MicrophoneRing ring;
int16_t ring_samples[kRingSamples];
BlockOrder order;
bool is_running;

// A sample stands in the upper 24 bits of a word; the upper 16 of them are what the host would find in a WAV file.
void push_block(const void* block) {
    int16_t samples[kBlockSamples];
    const int32_t* const words = static_cast<const int32_t*>(block);
    for (uint32_t index = 0; index < kBlockSamples; ++index) {
        samples[index] = static_cast<int16_t>(words[index] >> 16);
    }
    microphone_ring_push(ring, samples, kBlockSamples);
}

// From the driver's interrupt.
bool take_blocks(i2s_chan_handle_t, i2s_event_data_t* event, void*) {
    const BlockNews news = block_order_take(order, event->dma_buf, esp_timer_get_time());
    if (news.lost > 0) {
        microphone_ring_lose(ring, news.lost);
    }
    for (uint32_t index = 0; index < news.count; ++index) {
        push_block(order.blocks[(news.first + index) % kBlocks]);
    }
    return wake_application_from_interrupt();
}

bool is_offered(uint32_t sample_rate_hz) {
    uint32_t index = 0;
    while (index < kMicrophone.rate_count && kMicrophone.rates_hz[index] != sample_rate_hz) {
        ++index;
    }
    return index < kMicrophone.rate_count;
}

// The bit clock is 64 times the sample rate, and the master clock 4 times that, of 160 MHz with a fraction.
i2s_std_config_t configuration(uint32_t sample_rate_hz) {
    i2s_std_config_t config = {};
    config.clk_cfg.sample_rate_hz = sample_rate_hz;
    config.clk_cfg.clk_src = I2S_CLK_SRC_DEFAULT;
    config.clk_cfg.mclk_multiple = I2S_MCLK_MULTIPLE_256;
    config.slot_cfg.data_bit_width = I2S_DATA_BIT_WIDTH_32BIT;
    config.slot_cfg.slot_bit_width = I2S_SLOT_BIT_WIDTH_32BIT;
    config.slot_cfg.slot_mode = I2S_SLOT_MODE_MONO;
    config.slot_cfg.slot_mask = I2S_STD_SLOT_LEFT;
    config.slot_cfg.ws_width = 32;
    config.slot_cfg.bit_shift = true;  // Philips: data one bit behind the word select
    config.slot_cfg.left_align = true;
    config.gpio_cfg.mclk = I2S_GPIO_UNUSED;
    config.gpio_cfg.bclk = static_cast<gpio_num_t>(kMicrophone.sck_pin);
    config.gpio_cfg.ws = static_cast<gpio_num_t>(kMicrophone.fs_pin);
    config.gpio_cfg.dout = I2S_GPIO_UNUSED;
    config.gpio_cfg.din = static_cast<gpio_num_t>(kMicrophone.sd_pin);
    return config;
}

bool open_channel(uint32_t sample_rate_hz) {
    i2s_chan_config_t config = {};
    config.id = static_cast<i2s_port_t>(kMicrophone.controller);
    config.role = I2S_ROLE_MASTER;
    config.dma_desc_num = kBlocks;
    config.dma_frame_num = kBlockSamples;
    if (i2s_new_channel(&config, nullptr, &channel) != ESP_OK) {
        return false;
    }
    i2s_event_callbacks_t callbacks = {};
    callbacks.on_recv = take_blocks;
    const i2s_std_config_t standard = configuration(sample_rate_hz);
    if (i2s_channel_init_std_mode(channel, &standard) != ESP_OK ||
        i2s_channel_register_event_callback(channel, &callbacks, nullptr) != ESP_OK) {
        i2s_del_channel(channel);
        return false;
    }
    return true;
}

}  // namespace

bool microphone_has_news() {
    return is_running && microphone_ring_is_ready(ring);
}

}  // namespace esp32s3

using namespace esp32s3;

bool port_has_microphone() {
    return kIsPresent;
}

bool port_microphone_start(uint32_t sample_rate_hz) {
    port_microphone_stop();
    if (!kIsPresent || !is_offered(sample_rate_hz) || !open_channel(sample_rate_hz)) {
        return false;
    }
    microphone_ring_init(ring, ring_samples, kRingSamples);
    block_order_begin(order, sample_rate_hz, esp_timer_get_time());
    if (i2s_channel_enable(channel) != ESP_OK) {
        i2s_del_channel(channel);
        return false;
    }
    is_running = true;
    return true;
}

void port_microphone_stop() {
    if (!is_running) {
        return;
    }
    is_running = false;
    i2s_channel_disable(channel);
    i2s_del_channel(channel);
    microphone_ring_init(ring, ring_samples, kRingSamples);
}

uint32_t port_microphone_read(int16_t* samples, uint32_t capacity) {
    return is_running ? microphone_ring_read(ring, samples, capacity) : 0;
}

uint32_t port_microphone_take_overruns() {
    return is_running ? microphone_ring_take_lost(ring) : 0;
}

}  // namespace tinyaudio
