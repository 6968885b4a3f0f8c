#include "tests/kernelcheck/kernelcheck.h"

#include "engine/reference/average.h"

/* Of patches from column `first` on. */
static void average_case(struct check *check, uint32_t batch, uint32_t patch_count, uint32_t width,
                         uint32_t first)
{
    check_case_begin(check, "batch %u, patches %u, width %u", batch, patch_count, width);
    struct check_array *patches =
        check_input_activations(check, (size_t)batch * patch_count, first + width, 1);
    struct check_array *out = check_output(check, "out", ELEMENT_F32, (size_t)batch * width);
    const struct average_params params = {.patches = check_column_address(patches, first),
                                          .out = out->address,
                                          .batch = batch,
                                          .patch_count = patch_count,
                                          .width = width,
                                          .patch_columns = first + width};
    average_record(check->kernels, check->recorder, "average", &params);
    double bytes = (double)patches->count * (double)element_size_bytes(patches->element);
    if (check_run(check, &(struct check_work){.bytes = bytes}))
        reference_average(patches->values + (size_t)first * batch * patch_count, out->expected, batch,
                          patch_count, width);
    check_case_end(check);
}

void check_average(struct check *check)
{
    if (check->bench) {
        average_case(check, 1, 1024, 1024, 0);
        average_case(check, 8, 1024, 1024, 0);
        return;
    }
    average_case(check, 1, 1, 64, 0);
    average_case(check, 3, 69, 384, 384);
    average_case(check, 2, 256, 1536, 64);
    average_case(check, 1, 1024, 1024, 3072);
}
