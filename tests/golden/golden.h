/* What the golden tests share: the network of a golden package on a rung, and the package's images. */
#ifndef CXRD_TESTS_GOLDEN_GOLDEN_H
#define CXRD_TESTS_GOLDEN_GOLDEN_H

#include "engine/model/model.h"
#include "engine/package/package.h"

enum { GOLDEN_IMAGES_MAX = 8 };

struct golden {
    struct package *package;
    const struct model_card *card;
    struct safetensors *expected; /* what the reference says (make_reference.py), and the pixels */
    struct gpu_device *device;
    struct kernels *kernels;
    struct model *model;
    struct model_image images[GOLDEN_IMAGES_MAX];
    uint8_t ranges[GOLDEN_IMAGES_MAX][2][3];
    uint32_t image_count;
};

/* Opens what the arguments PACKAGE RUNG WEIGHTS [mixed] of a test name, for batches of `max_batch`
 * images (0: all the package has): with the kernels' first tiles, or with all of them (on a CPU driver the
 * first three) by turns, each shape of each size of batch another. Returns -1, or the code to exit with: 77
 * when the device does not have the rung. The caller closes what is open. */
int golden_open(struct golden *golden, int argc, char **argv, uint32_t max_batch);
void golden_close(struct golden *golden);

#endif
