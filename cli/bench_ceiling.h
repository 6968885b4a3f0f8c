/* What the device itself can do, measured in the same run: the yardsticks of `cxrd bench`. */
#ifndef CXRD_CLI_BENCH_CEILING_H
#define CXRD_CLI_BENCH_CEILING_H

#include "engine/kernels/kernels.h"

struct ceilings {
    double peak_gflops; /* GFLOP/s of float32 multiply-adds on registers alone */
    double gemm_gflops; /* GFLOP/s of the rung's own GEMM on one large square product */
    double copy_gbytes; /* GB/s of a buffer copy, reads and writes counted */
};

WARN_UNUSED enum status ceilings_measure(struct gpu_device *device, const struct kernels *kernels,
                                         struct failure *failure, struct ceilings *out);

#endif
