#include "cli/chunk.h"

#include "cli/progress.h"
#include "engine/base/file.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Why a file is not read begins with its path, which every form gives itself. */
static void drop_path(const char *path, struct failure *failure)
{
    size_t length = strlen(path);
    if (strncmp(failure->sentence, path, length) || strncmp(failure->sentence + length, ": ", 2))
        return;
    char *rest = failure->sentence + length + 2;
    *rest = (char)toupper((unsigned char)*rest);
    memmove(failure->sentence, rest, strlen(rest) + 1);
}

/* Reads the files of a study; where one cannot be read, none is kept. */
static bool read_study(const struct input *inputs, enum pairing pairing, struct failure *failure,
                       struct bytes *images)
{
    const size_t views = pairing_images(pairing);
    for (size_t i = 0; i < views; i++) {
        if (!file_read(inputs[i].path, IMAGE_FILE_BYTES_MAX, failure, &images[i]))
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
                          const struct predict_options *options, struct failure *failure,
                          struct prediction *out)
{
    assert(count <= CHUNK_IMAGES);
    const size_t views = pairing_images(options->pairing);
    struct bytes images[CHUNK_IMAGES];
    struct prediction predictions[CHUNK_IMAGES] = {0};
    size_t read = 0, owners[CHUNK_IMAGES]; /* out[owners[i]] is of images[i * views] */
    for (size_t i = 0; i < count / views; i++) {
        out[i] = (struct prediction){0};
        if (read_study(&inputs[i * views], options->pairing, &out[i].failure, &images[read * views]))
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
    fprintf(stderr, "cxrd %s: %s: %s\n", name, input->path, failure->sentence);
}
