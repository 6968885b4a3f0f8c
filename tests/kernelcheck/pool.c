#include "tests/kernelcheck/kernelcheck.h"

#include <math.h>

#include "engine/reference/pool.h"

static void pool_case(struct check *check, uint32_t batch, uint32_t patches, uint32_t classes, uint32_t width)
{
    check_case_begin(check, "batch %u, patches %u, classes %u, width %u", batch, patches, classes, width);
    uint32_t columns = (uint32_t)round_up(classes * GLORI_HEADS, PANEL);
    struct check_array *weights = check_input(check, ELEMENT_F32, (size_t)batch * columns * patches, 1);
    const struct check_array *memory = check_input_activations(check, (size_t)batch * patches, width, 1);
    struct check_array *out =
        check_output_activations(check, "out", (size_t)batch * classes, (size_t)GLORI_HEADS * width);
    for (size_t i = 0; i < weights->count; i++) /* as of a softmax: positive, their sum about 1 */
        weights->values[i] = i / patches % columns < classes * GLORI_HEADS
                                 ? fabsf(weights->values[i]) / (float)patches
                                 : NAN; /* of no class */
    const struct pool_params params = {.weights = weights->address,
                                       .memory = memory->address,
                                       .out = out->address,
                                       .batch = batch,
                                       .patches = patches,
                                       .columns = columns,
                                       .classes = classes,
                                       .width = width};
    pool_record(check->kernels, check->recorder, "pool", &params);
    if (check_run(check, &(struct check_work){.flops = 2.0 * (double)out->count * patches}))
        reference_pool(weights->values, memory->values, out->expected, batch, patches, columns, classes,
                       width);
    check_case_end(check);
}

void check_pool(struct check *check)
{
    if (check->bench) {
        pool_case(check, 1, 1024, 40, 768);
        pool_case(check, 8, 1024, 40, 768);
        return;
    }
    pool_case(check, 1, 1, 1, 16);
    pool_case(check, 3, 69, 5, 384);
    pool_case(check, 2, 33, 9, 80);
    pool_case(check, 1, 1024, 14, 128);
}
