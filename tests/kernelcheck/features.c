#include "tests/kernelcheck/kernelcheck.h"

#include "engine/reference/features.h"

#include <math.h>

/* Class tokens and patches are stored from column `first` on. Whatever the epsilon, the variance is not so
 * much larger that it would not be missed. */
static void features_case(struct check *check, uint32_t batch, uint32_t tokens, uint32_t prefix_rows,
                          uint32_t width, uint32_t first, float epsilon)
{
    check_case_begin(check, "batch %u, tokens %u, prefix %u, width %u, epsilon %g", batch, tokens,
                     prefix_rows, width, (double)epsilon);
    uint32_t rows = batch * tokens, stride = first + width + 16, patch_rows = batch * (tokens - prefix_rows);
    const struct check_array *x = check_input(check, ELEMENT_F32, (size_t)rows * width, 10 * sqrtf(epsilon));
    const struct check_array *weight = check_input(check, ELEMENT_F32, width, 1);
    const struct check_array *bias = check_input(check, ELEMENT_F32, width, 1);
    struct check_array *classes = check_output(check, "classes", ELEMENT_F32, (size_t)batch * stride);
    struct check_array *patches = check_output_activations(check, "patches", patch_rows, first + width);
    const struct features_params params = {.x = x->address,
                                           .weight = weight->address,
                                           .bias = bias->address,
                                           .classes = classes->address,
                                           .patches = check_column_address(patches, first),
                                           .batch = batch,
                                           .tokens = tokens,
                                           .prefix_rows = prefix_rows,
                                           .width = width,
                                           .class_stride = stride,
                                           .class_offset = first,
                                           .patch_columns = first + width,
                                           .epsilon = epsilon};
    features_record(check->kernels, check->recorder, "features", &params);
    double bytes = (double)rows * width * (4 + (double)element_size_bytes(patches->element));
    if (check_run(check, &(struct check_work){.bytes = bytes}))
        reference_features(x->values, weight->values, bias->values, classes->expected,
                           patches->expected + (size_t)first * patch_rows, batch, tokens, prefix_rows, width,
                           stride, first, epsilon);
    check_case_end(check);
}

void check_features(struct check *check)
{
    if (check->bench) {
        features_case(check, 1, 1029, 5, 1024, 0, 0.1f);
        features_case(check, 8, 1029, 5, 1024, 0, 0.1f);
        return;
    }
    features_case(check, 1, 2, 1, 64, 0, 0.1f);
    features_case(check, 3, 69, 5, 384, 768, 0.1f);
    features_case(check, 2, 50, 1, 1536, 1536, 0.1f);
    features_case(check, 1, 1029, 5, 1024, 3072, 0.1f);
    features_case(check, 2, 30, 5, 768, 0, 1e-5f);
    features_case(check, 2, 30, 5, 768, 0, 1e-12f);
}
