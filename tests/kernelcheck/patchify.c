#include "tests/kernelcheck/kernelcheck.h"

#include <stdlib.h>

#include "engine/reference/patchify.h"

static void patchify_case(struct check *check, uint32_t batch, uint32_t side, uint32_t patch,
                          uint32_t padding)
{
    check_case_begin(check, "batch %u, side %u, patch %u", batch, side, patch);
    uint32_t grid = side / patch, columns = (uint32_t)round_up(3 * patch * patch, K_STEP);
    uint32_t stride = (uint32_t)round_up((size_t)side * side * 3, 4) + padding;
    uint8_t *pixels = memory_allocate((size_t)batch * stride, 1);
    for (size_t i = 0; i < (size_t)batch * stride; i++)
        pixels[i] = (uint8_t)check_random_below(check, 256);
    const struct check_array *bytes = check_bytes(check, pixels, (size_t)batch * stride);
    const struct check_array *normalisation = check_input(check, ELEMENT_F32, (size_t)batch * 6, 1);
    struct check_array *out = check_output_activations(check, "out", (size_t)batch * grid * grid, columns);
    const struct patchify_params params = {.pixels = bytes->address,
                                           .normalisation = normalisation->address,
                                           .out = out->address,
                                           .batch = batch,
                                           .side = side,
                                           .patch = patch,
                                           .grid = grid,
                                           .columns = columns,
                                           .image_stride = stride};
    patchify_record(check->kernels, check->recorder, "patchify", &params);
    double bytes_moved =
        (double)batch * stride + (double)out->count * (double)element_size_bytes(out->element);
    if (check_run(check, &(struct check_work){.bytes = bytes_moved}))
        reference_patchify(pixels, normalisation->values, out->expected, batch, side, patch, columns, stride);
    check_case_end(check);
    free(pixels);
}

void check_patchify(struct check *check)
{
    if (check->bench) {
        patchify_case(check, 1, 512, 16, 0);
        patchify_case(check, 8, 512, 16, 0);
        return;
    }
    patchify_case(check, 1, 16, 16, 0);
    patchify_case(check, 3, 14, 14, 0);
    patchify_case(check, 2, 70, 14, 8);
    patchify_case(check, 3, 15, 5, 4); /* an image does not end on a word */
    patchify_case(check, 1, 512, 16, 0);
}
