#include "tests/kernelcheck/kernelcheck.h"

#include "engine/reference/layernorm.h"

#include <math.h>

static const float LARGE = 0.1f;

enum outputs { ACTIVATIONS = 1, EXACT = 2, IN_PLACE = 4 };

/* Whatever the epsilon, the variance is about as large, so that it would be missed. */
static void layernorm_case(struct check *check, uint32_t rows, uint32_t width, unsigned outputs,
                           float epsilon)
{
    const size_t count = (size_t)rows * width;
    check_case_begin(check, "rows %u, width %u, epsilon %g%s%s%s", rows, width, (double)epsilon,
                     outputs & ACTIVATIONS ? ", out" : "", outputs & EXACT ? ", exact" : "",
                     outputs & IN_PLACE ? ", in place" : "");
    struct check_array *x = outputs & IN_PLACE ? check_update(check, "exact", ELEMENT_F32, count, 1)
                                               : check_input(check, ELEMENT_F32, count, 1);
    const struct check_array *weight = check_input(check, ELEMENT_F32, width, 1);
    const struct check_array *bias = check_input(check, ELEMENT_F32, width, 1);
    struct check_array *exact = outputs & EXACT ? check_output(check, "exact", ELEMENT_F32, count) : NULL;
    struct check_array *out =
        outputs & ACTIVATIONS ? check_output_activations(check, "out", rows, width) : NULL;
    /* A residual stream: far from zero, and a column of every row much larger than the others. */
    for (size_t i = 0; epsilon == LARGE && i < count; i++)
        x->values[i] = i / PANEL < rows && i % PANEL == 3 ? x->values[i] * 20 + 300 : x->values[i] + 2;
    for (size_t i = 0; epsilon != LARGE && i < count; i++)
        x->values[i] *= sqrtf(epsilon);
    const struct layernorm_params params = {.x = x->address,
                                            .weight = weight->address,
                                            .bias = bias->address,
                                            .out = out ? out->address : 0,
                                            .exact = exact                ? exact->address
                                                     : outputs & IN_PLACE ? x->address
                                                                          : 0,
                                            .rows = rows,
                                            .width = width,
                                            .epsilon = epsilon};
    layernorm_record(check->kernels, check->recorder, "layernorm", &params);
    double bytes =
        (double)count * (4 + (out ? (double)element_size_bytes(out->element) : 0) + (params.exact ? 4 : 0));
    if (check_run(check, &(struct check_work){.bytes = bytes})) {
        if (params.exact)
            reference_layernorm(x->values, weight->values, bias->values,
                                exact ? exact->expected : x->expected, rows, width, epsilon);
        if (out)
            reference_layernorm(x->values, weight->values, bias->values, out->expected, rows, width, epsilon);
    }
    check_case_end(check);
}

void check_layernorm(struct check *check)
{
    if (check->bench) {
        layernorm_case(check, 1029, 1024, ACTIVATIONS, LARGE);
        layernorm_case(check, 8 * 1029, 1024, ACTIVATIONS, LARGE);
        return;
    }
    layernorm_case(check, 1, 64, ACTIVATIONS, LARGE);
    layernorm_case(check, 1, 16, EXACT, LARGE);
    layernorm_case(check, 69, 384, ACTIVATIONS | EXACT, LARGE);
    layernorm_case(check, 7, 768, IN_PLACE, LARGE);
    layernorm_case(check, 35, 1536, ACTIVATIONS | IN_PLACE, LARGE);
    layernorm_case(check, 5, NORM_WIDTH_MAX, ACTIVATIONS, LARGE);
    layernorm_case(check, 1029, 1024, ACTIVATIONS, LARGE);
    layernorm_case(check, 33, 768, ACTIVATIONS | EXACT, 1e-5f);
    layernorm_case(check, 33, 768, ACTIVATIONS | EXACT, 1e-6f);
    layernorm_case(check, 33, 768, ACTIVATIONS | EXACT, 1e-12f);
}
