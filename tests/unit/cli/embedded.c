#include "tests/unit/cli/embedded.h"

#include "engine/base/file.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/embed_test.XXXXXX";
struct model_card card = {
    .backbone = {.patch_size = 16, .image_height = 16, .image_width = 32, .width = WIDTH}};
struct failure failure;
struct input items[IMAGES] = {
    {.path = "a.png"}, {.path = "b\n\xff.png"}, {.path = "c.png"}, {.path = "x/a.png"}, {.path = "y/a.png"}};
const struct inputs inputs = {.items = items, .count = IMAGES};

void embedded_begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert(!mkdir("x", 0777) && !mkdir("y", 0777));
    for (size_t i = 0; i < IMAGES; i++)
        write_image(i, "picture");
    memset(card.package_sha256, 'a', 64);
    failure = (struct failure){0};
}

void embedded_end(void)
{
    char command[64];
    snprintf(command, sizeof command, "cd / && rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

struct embed_run run_of(const char *path, bool class_token, bool mean, bool patch)
{
    return (struct embed_run){.path = path,
                              .tokens = {class_token, mean, patch},
                              .shard = {.number = 1, .count = 1},
                              .image = {.dicom_profile = DICOM_PROFILE_VOI},
                              .card = &card,
                              .version = "1.2.3",
                              .device = "none",
                              .rung = "fake",
                              .precision = "auto"};
}

float value_of(size_t image, enum tokens kind, size_t i)
{
    return (float)(1000 * image + 100 * (size_t)kind + i) + 0.5f;
}

static float *values(size_t image, enum tokens kind, size_t count)
{
    float *out = memory_allocate(count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = value_of(image, kind, i);
    return out;
}

static struct prediction prediction_of(size_t image)
{
    struct prediction prediction = {.image = {.width = 40, .height = 20}};
    if (image == FAILED) {
        failure_set(&prediction.failure, STATUS_UNPROCESSABLE, "The PNG is \"truncated\".");
        return prediction;
    }
    prediction.image.warnings = image ? 0 : IMAGE_WARNING_ROTATION;
    prediction.embedding.class_token = values(image, TOKENS_CLASS, WIDTH);
    prediction.embedding.mean = values(image, TOKENS_MEAN, WIDTH);
    prediction.embedding.patches = values(image, TOKENS_PATCH, PATCHES * WIDTH);
    return prediction;
}

void write_image(size_t image, const char *content)
{
    FILE *file = fopen(items[image].path, "wb"); /* not synced: there are many */
    ck_assert(file && fputs(content, file) >= 0 && !fclose(file));
}

/* What a run notes of an image's file. */
static struct chunk_file file_of(size_t image)
{
    struct chunk_file file;
    ck_assert_msg(!file_stamp_read(items[image].path, &failure, &file.stamp), "%s", failure.sentence);
    ck_assert_msg(!sha256_file(items[image].path, &failure, file.sha256), "%s", failure.sentence);
    return file;
}

enum status write_up_to(struct embed_output *output, size_t last)
{
    enum status status = STATUS_OK;
    for (size_t i = embed_output_progress(output)->images; i < last && !status; i++) {
        struct prediction one = prediction_of(i);
        const struct chunk_file file = file_of(i);
        status = embed_output_write(output, &one, &file, 1, &failure);
        free(one.embedding.class_token);
        free(one.embedding.mean);
        free(one.embedding.patches);
    }
    return status;
}

void run_up_to(const struct embed_run *run, bool resume, size_t last)
{
    struct embed_output *output = NULL;
    ck_assert_msg(!embed_output_open(run, &inputs, resume, &failure, &output), "%s", failure.sentence);
    ck_assert_msg(!write_up_to(output, last), "%s", failure.sentence);
    if (last == IMAGES)
        ck_assert_msg(!embed_output_finish(output, &failure), "%s", failure.sentence);
    ck_assert_uint_eq(embed_output_progress(output)->images, last);
    embed_output_close(&output);
}

struct bytes read_file(const char *path)
{
    struct bytes content;
    ck_assert_msg(!file_read(path, 1 << 20, &failure, &content), "%s", failure.sentence);
    return content;
}

void check_same(const char *path, struct bytes expected)
{
    struct bytes found = read_file(path);
    ck_assert_uint_eq(found.size, expected.size);
    ck_assert(!memcmp(found.data, expected.data, found.size));
    free((void *)found.data);
}

bool is_there(const char *path)
{
    return !access(path, F_OK);
}

void refused(const struct embed_run *run, const struct inputs *given, bool resume, const char *words)
{
    struct embed_output *output = NULL;
    ck_assert_int_eq(embed_output_open(run, given, resume, &failure, &output), STATUS_BAD_REQUEST);
    ck_assert_msg(strstr(failure.sentence, words), "'%s' lacks '%s'", failure.sentence, words);
    ck_assert_ptr_null(output);
}
