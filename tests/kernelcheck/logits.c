#include "tests/kernelcheck/kernelcheck.h"

#include "engine/reference/logits.h"

static void logits_case(struct check *check, uint32_t batch, uint32_t classes, uint32_t first_count,
                        uint32_t second_count, bool per_class)
{
    check_case_begin(check, "batch %u, classes %u, %u + %u%s", batch, classes, first_count, second_count,
                     per_class ? " each" : "");
    uint32_t stride = first_count + 5, rows = per_class ? batch * classes : batch;
    const struct check_array *first = check_input(check, ELEMENT_F32, (size_t)batch * stride, 1);
    const struct check_array *second = check_input(check, ELEMENT_F32, (size_t)rows * second_count, 1);
    const struct check_array *weights =
        check_input(check, ELEMENT_F32, (size_t)classes * (first_count + second_count), 1);
    const struct check_array *bias = check_input(check, ELEMENT_F32, classes, 1);
    struct check_array *out = check_output(check, "out", ELEMENT_F32, (size_t)batch * classes);
    const struct logits_params params = {.first = first->address,
                                         .second = second->address,
                                         .weights = weights->address,
                                         .bias = bias->address,
                                         .out = out->address,
                                         .batch = batch,
                                         .classes = classes,
                                         .first_count = first_count,
                                         .first_stride = stride,
                                         .second_count = second_count,
                                         .per_class = per_class};
    logits_record(check->kernels, check->recorder, "logits", &params);
    double bytes = 4.0 * (double)(first->count + second->count + weights->count);
    if (check_run(check, &(struct check_work){.bytes = bytes}))
        reference_logits(first->values, second->values, weights->values, bias->values, out->expected, batch,
                         classes, first_count, stride, second_count, per_class);
    check_case_end(check);
}

void check_logits(struct check *check)
{
    if (check->bench) {
        logits_case(check, 8, 40, 4096, 768, true);
        return;
    }
    logits_case(check, 1, 1, 64, 0, false);
    logits_case(check, 3, 5, 0, 384, true);
    logits_case(check, 2, 40, 4096, 768, true);
    logits_case(check, 3, 13, 4096, 1024, false);
}
