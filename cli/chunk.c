#include "cli/chunk.h"

#include "cli/command.h"
#include "cli/progress.h"
#include "engine/base/file.h"
#include "engine/base/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Why a file is not read begins with its path, which every form gives itself. */
static void drop_path(const char *path, struct failure *failure)
{
    char plain[FAILURE_SENTENCE_BYTES];
    utf8_escape(path, plain, sizeof plain);
    size_t length = strlen(plain);
    if (strncmp(failure->sentence, plain, length) || strncmp(failure->sentence + length, ": ", 2))
        return;
    char *rest = failure->sentence + length + 2;
    *rest = (char)toupper((unsigned char)*rest);
    memmove(failure->sentence, rest, strlen(rest) + 1);
}

static enum status read_one(const char *path, struct failure *failure, struct bytes *image,
                            struct chunk_file *file)
{
    struct chunk_file own = {0};
    enum status status = file_read_stamped(path, IMAGE_FILE_BYTES_MAX, failure, image, &own.stamp);
    if (!status && file)
        sha256_hex(*image, own.sha256);
    if (file)
        *file = own;
    return status;
}

/* Reads the files of a study; where one cannot be read, none is kept. */
static bool read_study(const struct input *inputs, enum pairing pairing, struct failure *failure,
                       struct bytes *images, struct chunk_file *files)
{
    const size_t views = pairing_images(pairing);
    for (size_t i = 0; i < views; i++) {
        if (!read_one(inputs[i].path, failure, &images[i], files ? &files[i] : NULL))
            continue;
        drop_path(inputs[i].path, failure);
        if (views > 1)
            failure_prefix(failure, i ? "The lateral image" : "The frontal image");
        while (i--)
            free((void *)images[i].data);
        return false;
    }
    return true;
}

enum status chunk_predict(struct engine *engine, const struct input *inputs, size_t count,
                          const struct predict_options *options, struct chunk_file *files,
                          struct failure *failure, struct prediction *out)
{
    assert(count <= CHUNK_IMAGES);
    const size_t views = pairing_images(options->pairing);
    struct bytes images[CHUNK_IMAGES];
    struct prediction predictions[CHUNK_IMAGES] = {0};
    size_t read = 0, owners[CHUNK_IMAGES]; /* out[owners[i]] is of images[i * views] */
    for (size_t i = 0; i < count / views; i++) {
        out[i] = (struct prediction){0};
        if (read_study(&inputs[i * views], options->pairing, &out[i].failure, &images[read * views],
                       files ? &files[i * views] : NULL))
            owners[read++] = i;
    }
    enum status status =
        read ? engine_predict(engine, images, read * views, options, failure, predictions) : STATUS_OK;
    for (size_t i = 0; i < read; i++) {
        out[owners[i]] = predictions[i];
        if (status)
            out[owners[i]].failure = *failure;
    }
    for (size_t i = 0; i < read * views; i++)
        free((void *)images[i].data);
    return status;
}

void chunk_complain(const char *name, const struct input *input, const struct failure *failure)
{
    progress_clear();
    command_say(name, "%s: %s", input->path, failure->sentence);
}
