#include "tests/kernelcheck/kernelcheck.h"

#include "engine/reference/tokens.h"

static void tokens_case(struct check *check, uint32_t batch, uint32_t tokens, uint32_t prefix_rows,
                        uint32_t width)
{
    check_case_begin(check, "batch %u, tokens %u, prefix %u, width %u", batch, tokens, prefix_rows, width);
    const struct check_array *prefix = check_input(check, ELEMENT_F32, (size_t)prefix_rows * width, 1);
    struct check_array *out = check_output(check, "out", ELEMENT_F32, (size_t)batch * tokens * width);
    out->bound = 0;
    const struct tokens_params params = {.prefix = prefix->address,
                                         .out = out->address,
                                         .batch = batch,
                                         .tokens = tokens,
                                         .prefix_rows = prefix_rows,
                                         .width = width};
    tokens_record(check->kernels, check->recorder, "tokens", &params);
    if (check_run(check, &(struct check_work){.bytes = 8.0 * batch * prefix_rows * width}))
        reference_tokens(prefix->values, out->expected, batch, tokens, prefix_rows, width);
    check_case_end(check);
}

void check_tokens(struct check *check)
{
    if (check->bench) {
        tokens_case(check, 8, 1029, 5, 1024);
        return;
    }
    tokens_case(check, 1, 1, 1, 64);
    tokens_case(check, 3, 69, 5, 384);
    tokens_case(check, 2, 257, 1, 1536);
    tokens_case(check, 1, 1029, 5, 1024);
}
