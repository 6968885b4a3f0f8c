/* What the driver's compiler makes of each pipeline: nothing is run. */
#include "tests/kernelcheck/kernelcheck.h"

#include <stdio.h>
#include <string.h>

#include "engine/gpu/pipeline.h"
#include "engine/kernels/set.h"

static void print_number(void *context, const char *name, double value)
{
    (void)context;
    printf(", %s %.0f", name, value);
}

static void print_pipeline(void *context, const char *name, const struct gpu_pipeline *pipeline)
{
    struct check *check = context;
    if (check->operation && strncmp(name, check->operation, strlen(check->operation)))
        return;
    printf("%-8s %-22s", rung_name(kernels_rung(check->kernels)), name);
    gpu_pipeline_statistics(pipeline, print_number, NULL);
    putchar('\n');
    check->cases++;
}

void check_compile(struct check *check, const char *only)
{
    check->operation = only;
    kernels_each(check->kernels, print_pipeline, check);
}
