#include "tests/kernelcheck/kernelcheck.h"

#include <stdlib.h>

#include "engine/reference/patchify.h"

static void patchify_case(struct check *check, uint32_t batch, uint32_t rows, uint32_t columns,
                          uint32_t patch, uint32_t padding)
{
    check_case_begin(check, "batch %u, %u x %u patches of %u", batch, rows, columns, patch);
    uint32_t values = (uint32_t)round_up(3 * patch * patch, K_STEP);
    uint32_t stride = (uint32_t)round_up((size_t)rows * columns * patch * patch * 3, 4) + padding;
    uint8_t *pixels = memory_allocate((size_t)batch * stride, 1);
    for (size_t i = 0; i < (size_t)batch * stride; i++)
        pixels[i] = (uint8_t)check_random_below(check, 256);
    const struct check_array *bytes = check_bytes(check, pixels, (size_t)batch * stride);
    const struct check_array *normalisation = check_input(check, ELEMENT_F32, (size_t)batch * 6, 1);
    struct check_array *out = check_output_activations(check, "out", (size_t)batch * rows * columns, values);
    const struct patchify_params params = {.pixels = bytes->address,
                                           .normalisation = normalisation->address,
                                           .out = out->address,
                                           .batch = batch,
                                           .patch = patch,
                                           .patch_rows = rows,
                                           .patch_columns = columns,
                                           .columns = values,
                                           .image_stride = stride};
    patchify_record(check->kernels, check->recorder, "patchify", &params);
    double bytes_moved =
        (double)batch * stride + (double)out->count * (double)element_size_bytes(out->element);
    if (check_run(check, &(struct check_work){.bytes = bytes_moved}))
        reference_patchify(pixels, normalisation->values, out->expected, batch, patch, rows, columns, values,
                           stride);
    check_case_end(check);
    free(pixels);
}

void check_patchify(struct check *check)
{
    if (check->bench) {
        patchify_case(check, 1, 32, 32, 16, 0);
        patchify_case(check, 8, 32, 32, 16, 0);
        return;
    }
    patchify_case(check, 1, 1, 1, 16, 0);
    patchify_case(check, 3, 1, 1, 14, 0);
    patchify_case(check, 2, 5, 5, 14, 8);
    patchify_case(check, 3, 3, 3, 5, 4); /* an image does not end on a word */
    patchify_case(check, 1, 32, 32, 16, 0);
    patchify_case(check, 2, 5, 3, 16, 0);
    patchify_case(check, 3, 1, 7, 14, 4);
    patchify_case(check, 2, 4, 5, 5, 0); /* a row does not end on a word */
    patchify_case(check, 1, 76, 64, 14, 0);
}
