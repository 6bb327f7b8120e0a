#include "tinyaudio/model_application.h"

#include <string.h>

#include "counter.h"
#include "session.h"
#include "tinyaudio/crc32.h"
#include "tinyaudio/port.h"

namespace tinyaudio {

namespace {

using wire::FaultCode;
using wire::MessageType;
using wire::MessageView;

uint32_t smaller(uint32_t one, uint32_t other) { return one < other ? one : other; }

void forget_run(ModelApplication& application, ModelPhase phase) {
    application.phase = phase;
    application.received_bytes = 0;
    application.told = 0;
}

void refuse(ModelApplication& application, FaultCode code, const char* text) {
    forget_run(application, ModelPhase::kRefused);
    tell_fault(application.link, code, text);
}

void refuse(ModelApplication& application, const char* text) { refuse(application, FaultCode::kBadRequest, text); }

void open_session(ModelApplication& application, const MessageView& view) {
    wire::HelloRequest request;
    if (!wire::decode(view.payload, view.payload_bytes, &request)) {
        return;
    }
    forget_run(application, ModelPhase::kIdle);
    const ModelConfig& config = *application.config;
    wire::Hello hello = {};
    hello.protocol_version = wire::kProtocolVersion;
    hello.nonce = request.nonce;
    hello.boot_id = port_boot_id();
    hello.retransmit_bytes = application.buffers.link.retransmit_bytes;
    put_text(config.board_id, wire::Hello::kMaxBoardId, hello.board_id, &hello.board_id_count);
    hello.chip_id_count = static_cast<uint16_t>(port_chip_id(hello.chip_id, wire::Hello::kMaxChipId));
    memcpy(hello.firmware_fingerprint, config.firmware_fingerprint, sizeof(hello.firmware_fingerprint));
    memcpy(hello.model_sha256, config.model_sha256, sizeof(hello.model_sha256));
    put_text(config.runtime, wire::Hello::kMaxRuntime, hello.runtime, &hello.runtime_count);
    hello.counter_frequency_hz = config.counter_frequency_hz;
    hello.counter_unit = config.counter_unit;
    hello.arena_bytes = config.model.arena_bytes;
    const BareModel& model = config.model;
    const bool is_use_known = model.arena_used_bytes != nullptr && !port_only_talks();
    hello.arena_used_bytes = is_use_known ? model.arena_used_bytes() : model.arena_bytes;
    if (model.kernels != nullptr) {
        put_text(model.kernels(), wire::Hello::kMaxModelKernels, hello.model_kernels, &hello.model_kernels_count);
    }
    hello.capabilities = wire::kCapabilityBareModel | wire::kCapabilityReset;
    wire::link_send_message(application.link, hello);
    tell_notes(application.link);
    if (application.fault != nullptr) {
        refuse(application, FaultCode::kSelfCheck, application.fault);
    }
    port_host_is_here();
}

void take_input(ModelApplication& application, const MessageView& view) {
    static wire::ModelInput piece;
    const BareModel& model = application.config->model;
    if (!wire::decode(view.payload, view.payload_bytes, &piece)) {
        refuse(application, "ModelInput does not decode");
    } else if (piece.offset_bytes != application.received_bytes) {
        refuse(application, "ModelInput does not continue the input");
    } else if (piece.data_count > model.input_bytes - application.received_bytes) {
        refuse(application, "ModelInput goes beyond the end of the input");
    } else {
        memcpy(model.input() + piece.offset_bytes, piece.data, piece.data_count);
        application.received_bytes += piece.data_count;
    }
}

uint32_t run_whole(const ModelApplication& application) {
    const uint32_t start = port_counter_start();
    application.config->model.invoke();
    return ticks_since(start, application.timing_ticks);
}

// The ticks of the steps under way, where they are told one by one.
struct Watch {
    ModelApplication* application;
    uint32_t start;
};

void begin_step(void* context, uint32_t) { static_cast<Watch*>(context)->start = port_counter_start(); }

void end_step(void* context, uint32_t step) {
    const Watch& watch = *static_cast<const Watch*>(context);
    if (step < watch.application->config->model.steps) {
        watch.application->buffers.step_ticks[step] = ticks_since(watch.start, watch.application->timing_ticks);
    }
}

uint32_t run_steps(ModelApplication& application) {
    const BareModel& model = application.config->model;
    Watch watch = {&application, 0};
    const StepObserver observer = {&watch, begin_step, end_step};
    if (model.run_watched != nullptr) {
        memset(application.buffers.step_ticks, 0, model.steps * sizeof(uint32_t));
        model.run_watched(observer);
    } else {
        for (uint32_t step = 0; step < model.steps; ++step) {
            begin_step(&watch, step);
            model.run_step(step);
            end_step(&watch, step);
        }
    }
    uint32_t sum = 0;
    for (uint32_t step = 0; step < model.steps; ++step) {
        sum += application.buffers.step_ticks[step];
    }
    return sum;
}

void run(ModelApplication& application, const MessageView& view) {
    const BareModel& model = application.config->model;
    if (!wire::decode(view.payload, view.payload_bytes, &application.request)) {
        refuse(application, "ModelRun does not decode");
        return;
    }
    if (application.received_bytes != model.input_bytes) {
        refuse(application, "ModelRun came before the whole input");
        return;
    }
    const bool is_stepwise = (application.request.options & wire::kModelRunOptionStepTicks) != 0;
    wire::ModelResult& result = application.result;
    result = {application.request.run_id, crc32_update(0, model.input(), model.input_bytes), 0, model.output_bytes,
              model.logits_bytes,         static_cast<uint16_t>(is_stepwise ? model.steps : 0)};
    if ((application.request.options & wire::kModelRunOptionForget) != 0) {
        model.reset();
    }
    result.counter_ticks = is_stepwise ? run_steps(application) : run_whole(application);
    if (model.fault != nullptr && model.fault() != nullptr) {
        application.fault = model.fault();
        refuse(application, FaultCode::kSelfCheck, application.fault);
        return;
    }
    forget_run(application, ModelPhase::kOutput);
}

bool take_message(ModelApplication& application) {
    wire::Link& link = application.link;
    if (!link.hello_pending && !wire::link_can_send(link, wire::DeviceFault::kMaxBytes)) {
        return false;
    }
    MessageView view;
    if (!wire::link_next_message(link, &view)) {
        return false;
    }
    if (view.type == MessageType::kHelloRequest) {
        open_session(application, view);
    } else if (view.type == MessageType::kResetRequest) {
        reset_on_request(view, application.config->counter_frequency_hz);
    } else if (application.phase == ModelPhase::kRefused) {
        return true;
    } else if (view.type == MessageType::kModelInput) {
        take_input(application, view);
    } else if (view.type == MessageType::kModelRun) {
        run(application, view);
    } else {
        refuse(application, "a message that firmware of a model alone does not know");
    }
    return true;
}

// Tells the next piece of `values`; behind the last one goes on with `next`.
bool tell_data(ModelApplication& application, wire::ModelPart part, const uint8_t* values, uint32_t bytes,
               ModelPhase next) {
    if (!wire::link_can_send(application.link, wire::ModelData::kMaxBytes)) {
        return false;
    }
    static wire::ModelData piece;
    const uint32_t count = smaller(bytes - application.told, wire::ModelData::kMaxData);
    piece.run_id = application.request.run_id;
    piece.part = part;
    piece.offset_bytes = application.told;
    piece.data_count = static_cast<uint16_t>(count);
    memcpy(piece.data, values + application.told, count);
    wire::link_send_message(application.link, piece);
    application.told += count;
    if (application.told == bytes) {
        application.told = 0;
        application.phase = next;
    }
    return true;
}

bool tell_ticks(ModelApplication& application) {
    if (application.told == application.result.steps) {
        application.phase = ModelPhase::kResult;
        return true;
    }
    if (!wire::link_can_send(application.link, wire::ModelTicks::kMaxBytes)) {
        return false;
    }
    static wire::ModelTicks piece;
    const uint32_t count = smaller(application.result.steps - application.told, wire::ModelTicks::kMaxTicks);
    piece.run_id = application.request.run_id;
    piece.first_step = static_cast<uint16_t>(application.told);
    piece.ticks_count = static_cast<uint16_t>(count);
    memcpy(piece.ticks, application.buffers.step_ticks + application.told, count * sizeof(uint32_t));
    wire::link_send_message(application.link, piece);
    application.told += count;
    return true;
}

bool tell_result(ModelApplication& application) {
    if (!wire::link_can_send(application.link, wire::ModelResult::kMaxBytes)) {
        return false;
    }
    wire::link_send_message(application.link, application.result);
    forget_run(application, ModelPhase::kIdle);
    return true;
}

// A host that went away is no failure of the firmware.
void write_to_port(void*, const uint8_t* data, uint32_t bytes) {
    if (!port_write(data, bytes)) {
        port_exit(0);
    }
}

}  // namespace

void model_application_init(ModelApplication& application, const ModelConfig& config, const ModelBuffers& buffers,
                            const wire::LinkOutput& output) {
    application.config = &config;
    application.buffers = buffers;
    application.timing_ticks = measure_timing();
    application.fault = only_talks_fault();
    if (application.fault == nullptr && config.model.start != nullptr) {
        application.fault = config.model.start();
    }
    forget_run(application, ModelPhase::kIdle);
    if (!wire::link_init(application.link, buffers.link, output)) {
        port_exit(1);  // nobody could be told
    }
}

bool model_application_step(ModelApplication& application) {
    if (application.link.hello_pending) {  // a new session begins: whatever goes on is of no interest any more
        return take_message(application);
    }
    const BareModel& model = application.config->model;
    switch (application.phase) {
        case ModelPhase::kIdle:
        case ModelPhase::kRefused:
            return take_message(application);
        case ModelPhase::kOutput:
            return tell_data(application, wire::ModelPart::kOutput, model.output(), model.output_bytes,
                             ModelPhase::kLogits);
        case ModelPhase::kLogits:
            return tell_data(application, wire::ModelPart::kLogits, model.logits(), model.logits_bytes,
                             ModelPhase::kTicks);
        case ModelPhase::kTicks:
            return tell_ticks(application);
        case ModelPhase::kResult:
            return tell_result(application);
    }
    return false;
}

int run_model_application(const ModelConfig& config, const ModelBuffers& buffers, int argument_count,
                          char** arguments) {
    constexpr uint32_t kReadBytes = 2048;
    constexpr int kExitNoLink = 1;
    static ModelApplication application;
    static uint8_t received[kReadBytes];
    if (!port_open(argument_count, arguments)) {
        return kExitNoLink;
    }
    model_application_init(application, config, buffers, {nullptr, write_to_port});
    for (;;) {
        while (model_application_step(application)) {
        }
        const int32_t count = port_read(received, kReadBytes, PortWait::kBytes);
        if (count < 0) {
            return 0;
        }
        wire::link_receive(application.link, received, static_cast<uint32_t>(count));
    }
}

}  // namespace tinyaudio
