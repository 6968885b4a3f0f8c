#include "cli/predict_resume.h"

#include "api/text.h"
#include "cli/record.h"
#include "engine/base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const size_t ANSWER_BYTES_MAX = (size_t)1 << 30;
static const struct json_limits answer_limits = {.depth = 8, .values = 1 << 24};

/* Whether an answer's files are what they were. */
static enum status check_files(const char *path, const struct json *answer, const struct input *input,
                               size_t views, struct failure *failure)
{
    const struct json *file = json_first(json_member(answer, "files"));
    for (size_t i = 0; i < views; i++, file = file ? json_next(file) : NULL) {
        enum record_file found;
        enum status status = record_compare_file(file, input[i].path, failure, &found);
        if (status)
            return status;
        if (found == RECORD_FILE_SAME)
            continue;
        if (found != RECORD_FILE_CHANGED)
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "%.200s does not say which file it is of; delete it, or give another --output.", path);
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%.90s: this image was changed since %.200s was written; put the file back as it "
                           "was, or delete the answer to have it made anew.",
                           input[i].path, path);
    }
    return STATUS_OK;
}

static enum status check_images(const char *path, const struct json *answer, const struct input *input,
                                size_t views, struct failure *failure)
{
    static const char *const members[] = {"image", "lateral_image"};
    struct arena *arena = arena_create();
    enum status status = STATUS_OK;
    for (size_t i = 0; i < views && !status; i++) {
        const char *is = json_text(json_member(json_member(answer, members[i]), "id"));
        const char *expected = text_escape(arena, input[i].path);
        if (!is || strcmp(is, expected))
            status = failure_set(failure, STATUS_BAD_REQUEST,
                                 "%.200s is an answer of %.90s, not of %.90s; give another --output.", path,
                                 is ? is : "no image", expected);
    }
    arena_destroy(&arena);
    return status;
}

/* Whether what lies at the path is the study's answer; one that it failed is no more than that. */
static enum status check_answer(const struct predict_output *output, const char *path,
                                const struct json *answer, const struct input *input, struct failure *failure,
                                bool *done)
{
    const size_t views = pairing_images(output->options.pairing);
    enum status status = check_images(path, answer, input, views, failure);
    if (!status)
        status = record_check_run(path, json_member(answer, "run"), output->facts, failure);
    if (status || json_member(answer, "error"))
        return status;
    status = check_files(path, answer, input, views, failure);
    *done = !status;
    return status;
}

static enum status look(const struct predict_output *output, const struct input *input,
                        struct failure *failure, bool *done)
{
    char *path = predict_output_path(output, input);
    struct bytes content = {0};
    struct json *answer = NULL;
    enum status status = STATUS_OK;
    *done = false;
    if (!access(path, F_OK))
        status = file_read(path, ANSWER_BYTES_MAX, failure, &content);
    if (!status && content.data) {
        status = json_parse(content, answer_limits, failure, &answer);
        if (status)
            failure_prefix(failure, "%.200s", path);
        else
            status = check_answer(output, path, answer, input, failure, done);
    }
    json_destroy(&answer);
    free((void *)content.data);
    free(path);
    return status;
}

enum status predict_resume(const struct predict_output *output, struct inputs *inputs,
                           struct failure *failure, size_t *done)
{
    const size_t views = pairing_images(output->options.pairing);
    size_t kept = 0;
    enum status status = STATUS_OK;
    *done = 0;
    for (size_t at = 0; at < inputs->count; at += views) {
        bool there = false;
        if (!status)
            status = look(output, &inputs->items[at], failure, &there);
        for (size_t i = at; i < at + views; i++)
            if (there)
                inputs_finish_one(&inputs->items[i]);
            else
                inputs->items[kept++] = inputs->items[i];
        *done += there ? views : 0;
    }
    inputs->count = kept;
    return status;
}
