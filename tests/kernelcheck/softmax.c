#include "tests/kernelcheck/kernelcheck.h"

#include "engine/reference/softmax.h"

static void softmax_case(struct check *check, uint32_t batch, uint32_t patches, uint32_t classes,
                         float deviation)
{
    check_case_begin(check, "batch %u, patches %u, classes %u, scores %g", batch, patches, classes,
                     deviation);
    uint32_t columns = (uint32_t)round_up(classes * GLORI_HEADS, PANEL);
    const struct check_array *scores =
        check_input(check, ELEMENT_F32, (size_t)batch * patches * columns, deviation);
    struct check_array *weights = check_output(check, "weights", ELEMENT_F32, scores->count);
    struct check_array *mean = check_output(check, "mean", ELEMENT_F32, (size_t)batch * classes * patches);
    const struct softmax_params params = {.scores = scores->address,
                                          .weights = weights->address,
                                          .mean = mean->address,
                                          .batch = batch,
                                          .patches = patches,
                                          .columns = columns,
                                          .classes = classes};
    softmax_record(check->kernels, check->recorder, "softmax", &params);
    if (check_run(check, &(struct check_work){.bytes = 8.0 * (double)scores->count}))
        reference_softmax(scores->values, weights->expected, mean->expected, batch, patches, columns,
                          classes);
    check_case_end(check);
}

void check_softmax(struct check *check)
{
    if (check->bench) {
        softmax_case(check, 1, 1024, 40, 3);
        softmax_case(check, 8, 1024, 40, 3);
        return;
    }
    softmax_case(check, 1, 1, 1, 1);
    softmax_case(check, 3, 69, 5, 3);
    softmax_case(check, 2, 64, 2, 1e4f); /* exp2 of these overflows */
    softmax_case(check, 1, 1369, 14, 3);
    softmax_case(check, 1, 1024, 40, 3);
}
