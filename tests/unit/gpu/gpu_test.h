/* What the tests of gpu/ share: a device, a shader of their own, and a main that runs without forking. */
#ifndef CXRD_TESTS_UNIT_GPU_GPU_TEST_H
#define CXRD_TESTS_UNIT_GPU_GPU_TEST_H

#include <check.h>

#include "engine/gpu/recorder.h"

/* Push constants of fill.comp. */
struct fill_params {
    uint64_t words, sum;
    uint32_t count, value;
    float unused;
};
extern const struct gpu_shader fill_shader;

/* Asserts STATUS_OK and shows the sentence otherwise. */
void require_ok(enum status status, const struct failure *failure);
/* The device of CXRD_TEST_DEVICE, or any. */
struct gpu_device *open_device(const char *cache_folder);

/* Runs one test case in this process: a device does not survive a fork. Returns main's exit status, 77 where
 * there is no Vulkan device at all. */
int run_without_forking(const char *name, const TTest *const *tests, size_t count);
#define RUN_WITHOUT_FORKING(name, ...)                             \
    run_without_forking(name, (const TTest *const[]){__VA_ARGS__}, \
                        sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

/* The same with one device, opened before the first test and closed after the last, whose cache folder is
 * empty at first and gone in the end. What Mesa's CPU driver compiles, a second or more a kernel, lies where
 * it does for other programs, which have compiled the same. */
extern struct gpu_device *test_device;
extern char test_folder[];
int run_on_device(const char *name, const TTest *const *tests, size_t count);
#define RUN_ON_DEVICE(name, ...)                             \
    run_on_device(name, (const TTest *const[]){__VA_ARGS__}, \
                  sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

#endif
