/* Pipelines made side by side, and the pipeline cache on disk: written, valid, ignored when damaged. */
#include "engine/gpu/pipeline.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "tests/unit/gpu/gpu_test.h"

static struct gpu_pipeline *fill_create(struct gpu_device *device, uint32_t factor)
{
    struct failure failure = {0};
    struct gpu_pipeline *pipeline = NULL;
    const uint32_t constants[] = {64, factor};
    const struct gpu_pipeline_options options = {
        .constants = constants, .constant_count = 2, .push_bytes = sizeof(struct fill_params)};
    require_ok(gpu_pipeline_create(device, &fill_shader, &options, &failure, &pipeline), &failure);
    return pipeline;
}

enum { THREADS = 4, PIPELINES_EACH = 8 };

static void *create_many(void *device)
{
    for (uint32_t i = 0; i < PIPELINES_EACH; i++) {
        struct gpu_pipeline *pipeline = fill_create(device, i);
        gpu_pipeline_destroy(&pipeline);
    }
    return NULL;
}

START_TEST(pipelines_are_made_side_by_side)
{
    struct gpu_device *device = open_device(NULL);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, create_many, device), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    gpu_device_destroy(&device);
}
END_TEST

/* All of them are made; with one that cannot be, its sentence comes back and no place holds anything stale.
 */
START_TEST(many_are_made_or_the_failure_is_told)
{
    enum { COUNT = 24, NO_SUBGROUP_SIZE = 3 };
    struct gpu_device *device = open_device(NULL);
    struct gpu_pipeline *pipelines[COUNT] = {0};
    struct gpu_pipeline_request requests[COUNT];
    uint32_t constants[COUNT][2];
    struct failure failure = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        constants[i][0] = 64;
        constants[i][1] = 100 + i;
        requests[i] = (struct gpu_pipeline_request){.shader = &fill_shader,
                                                    .options = {.constants = constants[i],
                                                                .constant_count = 2,
                                                                .push_bytes = sizeof(struct fill_params)},
                                                    .out = &pipelines[i]};
    }
    require_ok(gpu_pipelines_create(device, requests, COUNT, &failure), &failure);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_ptr_nonnull(pipelines[i]);
        gpu_pipeline_destroy(&pipelines[i]);
    }
    requests[COUNT / 2].options.subgroup_size = NO_SUBGROUP_SIZE;
    ck_assert_int_eq(gpu_pipelines_create(device, requests, COUNT, &failure), STATUS_DEVICE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "subgroups of 3"));
    ck_assert_ptr_null(pipelines[COUNT / 2]);
    for (int i = 0; i < COUNT; i++)
        gpu_pipeline_destroy(&pipelines[i]);
    gpu_device_destroy(&device);
}
END_TEST

/* Opens the device with this cache folder, makes a pipeline, and closes it again. */
static void use(const char *folder)
{
    struct gpu_device *device = open_device(folder);
    struct gpu_pipeline *pipeline = fill_create(device, 5);
    gpu_pipeline_destroy(&pipeline);
    gpu_device_destroy(&device);
}

static struct bytes content_of(const char *path)
{
    struct failure failure = {0};
    struct bytes content = {0};
    require_ok(file_read(path, 64 << 20, &failure, &content), &failure);
    return content;
}

/* The path of the cache file in the folder, which the caller frees. */
static char *cache_file(const char *folder)
{
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
    char *path = NULL;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strncmp(entry->d_name, "pipelines-", 10) == 0) {
            ck_assert_msg(path == NULL, "two cache files");
            path = file_join(folder, entry->d_name);
        }
    closedir(directory);
    ck_assert_msg(path != NULL, "no cache file was written");
    return path;
}

/* Puts `damaged` in place of the cache: it must be ignored and written anew as it was. */
static void expect_ignored(const char *folder, const char *path, struct bytes good, struct bytes damaged)
{
    struct failure failure = {0};
    require_ok(file_write(path, damaged, &failure), &failure);
    use(folder);
    struct bytes after = content_of(path);
    ck_assert_uint_eq(after.size, good.size);
    ck_assert_mem_eq(after.data, good.data, 8); /* the driver's data may differ from run to run */
    ck_assert_msg(after.size != damaged.size || memcmp(after.data, damaged.data, after.size) != 0,
                  "a damaged cache was kept");
    free((void *)after.data);
}

static char root[] = "/tmp/cxrd-pipeline-test-XXXXXX";

START_TEST(the_cache_is_written_and_a_damaged_one_ignored)
{
    char folder[64];
    snprintf(folder, sizeof folder, "%s/made/on/demand", root);
    use(folder);
    char *path = cache_file(folder);
    struct bytes good = content_of(path);
    ck_assert_uint_gt(good.size, 100);
    struct stat before, after;
    ck_assert_int_eq(stat(path, &before), 0);
    use(folder);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_msg(before.st_ino == after.st_ino, "a cache that did not grow was written again");

    uint8_t *copy = malloc(good.size);
    const size_t flipped[] = {0, 10, 48, 56, 64, 72, 80, 96, good.size - 1};
    for (size_t i = 0; i < sizeof flipped / sizeof *flipped; i++) {
        memcpy(copy, good.data, good.size);
        copy[flipped[i]] ^= 0x40;
        expect_ignored(folder, path, good, (struct bytes){copy, good.size});
    }
    memcpy(copy, good.data, good.size);
    expect_ignored(folder, path, good, (struct bytes){copy, good.size - 1});
    expect_ignored(folder, path, good, (struct bytes){copy, 20});
    expect_ignored(folder, path, good, (struct bytes){copy, 0});
    free(copy);
    free((void *)good.data);
    free(path);
}
END_TEST

START_TEST(saving_does_not_wait_for_the_end)
{
    char folder[64];
    snprintf(folder, sizeof folder, "%s/early", root);
    struct gpu_device *device = open_device(folder);
    struct gpu_pipeline *pipeline = fill_create(device, 6);
    gpu_device_save_pipelines(device);
    char *path = cache_file(folder);
    free(path);
    gpu_pipeline_destroy(&pipeline);
    gpu_device_destroy(&device);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_no_error)
{
    use("/proc/cxrd/cannot/be");
    use("");
}
END_TEST

int main(void)
{
    if (!mkdtemp(root))
        return EXIT_FAILURE;
    int result =
        RUN_WITHOUT_FORKING("pipeline", pipelines_are_made_side_by_side, many_are_made_or_the_failure_is_told,
                            the_cache_is_written_and_a_damaged_one_ignored, saving_does_not_wait_for_the_end,
                            a_folder_that_cannot_be_made_is_no_error);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command) == 0 ? result : EXIT_FAILURE;
}
