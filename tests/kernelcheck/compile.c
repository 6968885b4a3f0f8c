/* What the driver's compiler makes of each pipeline: nothing is run. */
#include "tests/kernelcheck/kernelcheck.h"

#include <stdio.h>
#include <string.h>

#include "engine/gpu/pipeline.h"
#include "engine/kernels/set.h"

/* Drivers name what they count; registers that went to memory are "spilled" or "spills" wherever that is
 * counted. */
static void print_number(void *context, const char *name, double value)
{
    double *spilled = context;
    printf(", %s %.0f", name, value);
    if (strstr(name, "pill"))
        *spilled += value;
}

static void print_code(void *context, const char *name, const char *text)
{
    (void)context;
    printf("--- %s\n%s\n", name, text);
}

static void print_pipeline(void *context, const char *name, const struct gpu_pipeline *pipeline)
{
    struct check *check = context;
    double spilled = 0;
    if (check->operation && strncmp(name, check->operation, strlen(check->operation)) != 0)
        return;
    printf("%-8s %s  %-24s", rung_name(kernels_rung(check->kernels)),
           kernels_weights(check->kernels) == ELEMENT_F16 ? "f16" : "f32", name);
    gpu_pipeline_statistics(pipeline, print_number, &spilled);
    puts(spilled > 0 ? "  SPILLED" : "");
    if (check->code)
        gpu_pipeline_code(pipeline, print_code, NULL);
    check->cases++;
    check->wrong += spilled > 0;
}

void check_compile(struct check *check, const char *only)
{
    check->operation = only;
    kernels_each(check->kernels, print_pipeline, check);
}
