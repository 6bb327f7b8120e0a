#include "self_test_conversation.h"

#include <string.h>

#include "conversation.h"
#include "tinyaudio/self_test.h"

namespace tinyaudio {

namespace {

constexpr uint32_t kOperatorsAtOnce = 5;  // a runtime that runs whole inferences repeats one for as many operators
constexpr uint32_t kOperatorMessageBytes = wire::SelfTestOperator::kMaxBytes + wire::kRingHeaderBytes;
constexpr uint32_t kRoomBytes =
    kOperatorsAtOnce * kOperatorMessageBytes + wire::SelfTestResult::kMaxBytes + wire::kRingHeaderBytes;
static_assert(kRoomBytes <= wire::kMaxPayloadBytes, "link_can_send answers for one payload");

void tell_outcome(void* context, const OperatorOutcome& outcome) {
    Application& application = *static_cast<Application*>(context);
    SelfTestProgress& progress = application.self_test;
    wire::SelfTestOperator message = {};
    message.vector_index = static_cast<uint16_t>(progress.vector);
    message.operator_index = static_cast<uint16_t>(outcome.operator_index);
    const size_t length = strlen(outcome.name);
    message.operator_name_count =
        static_cast<uint16_t>(length < wire::SelfTestOperator::kMaxOperatorName ? length : wire::SelfTestOperator::kMaxOperatorName);
    memcpy(message.operator_name, outcome.name, message.operator_name_count);
    message.elements = outcome.elements;
    message.mismatches = outcome.mismatches;
    message.first_element = outcome.first_element;
    message.expected = outcome.expected;
    message.actual = outcome.actual;
    message.counter_ticks =
        outcome.counter_ticks > application.timing_ticks ? outcome.counter_ticks - application.timing_ticks : 0;
    progress.failed += outcome.mismatches > 0 ? 1 : 0;
    wire::link_send_message(application.link, message);
}

void tell_result(Application& application) {
    const SelfTestProgress& progress = application.self_test;
    wire::SelfTestResult result;
    result.vectors = static_cast<uint16_t>(progress.vectors);
    result.operators = static_cast<uint16_t>(application.config->self_test->operators);
    result.failed = progress.failed;
    wire::link_send_message(application.link, result);
    application.phase = Phase::kIdle;
}

}  // namespace

void begin_self_test(Application& application, const wire::MessageView& view) {
    wire::SelfTestRequest request;
    const SelfTest* const test = application.config->self_test;
    if (application.fault != nullptr) {
        refuse(application, wire::FaultCode::kSelfCheck, application.fault);
    } else if (!wire::decode(view.payload, view.payload_bytes, &request)) {
        refuse(application, wire::FaultCode::kBadRequest, "SelfTestRequest does not decode");
    } else if (test == nullptr) {
        refuse(application, wire::FaultCode::kBadRequest, "this firmware carries no golden vectors");
    } else {
        const bool is_all = request.vector_count == 0 || request.vector_count > test->vectors;
        application.self_test = {is_all ? test->vectors : request.vector_count, 0, 0, 0};
        application.phase = Phase::kSelfTest;
    }
}

bool run_self_test(Application& application) {
    const SelfTest& test = *application.config->self_test;
    SelfTestProgress& progress = application.self_test;
    if (!wire::link_can_send(application.link, kRoomBytes)) {
        return false;
    }
    if (progress.vector == progress.vectors) {
        tell_result(application);
        return true;
    }
    test.run(progress.vector, progress.first_operator, kOperatorsAtOnce, {&application, tell_outcome});
    const Model& model = application.config->model;
    if (model.fault != nullptr && model.fault() != nullptr) {
        application.fault = model.fault();
        refuse(application, wire::FaultCode::kSelfCheck, application.fault);
        return true;
    }
    progress.first_operator += kOperatorsAtOnce;
    if (progress.first_operator >= test.operators) {
        progress.first_operator = 0;
        ++progress.vector;
    }
    return true;
}

}  // namespace tinyaudio
