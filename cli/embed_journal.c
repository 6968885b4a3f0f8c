#include "cli/embed_journal.h"

#include "cli/record.h"
#include "engine/base/file.h"
#include "engine/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct json_limits line_limits = {.depth = 4, .values = 64};

char *embed_journal_path(const char *path)
{
    static const char ending[] = ".jsonl";
    size_t stem = (size_t)(strrchr(path, '.') - path);
    char *out = memory_allocate(stem + sizeof ending, 1);
    memcpy(out, path, stem);
    memcpy(out + stem, ending, sizeof ending);
    return out;
}

/* What every line of a run says. */
static void run_facts(struct arena *arena, const struct embed_run *run, struct record_fact out[RECORD_FACTS])
{
    const char *names[TOKENS_KINDS];
    size_t count = 0;
    for (size_t kind = 0; kind < TOKENS_KINDS; kind++)
        if (run->tokens[kind])
            names[count++] = tokens_names[kind];
    const struct record_run record = {.kind = "tokens",
                                      .chosen = arena_format(arena, "%s%s%s%s%s", names[0],
                                                             count > 1 ? "," : "", count > 1 ? names[1] : "",
                                                             count > 2 ? "," : "", count > 2 ? names[2] : ""),
                                      .dicom_profile = dicom_profile_name(run->image.dicom_profile),
                                      .card = run->card,
                                      .version = run->version,
                                      .device = run->device,
                                      .rung = run->rung,
                                      .precision = run->precision,
                                      .shard = &run->shard};
    record_facts(arena, &record, out);
}

char *embed_journal_line(const struct embed_run *run, const struct input *input,
                         const struct chunk_file *file, const struct prediction *prediction, size_t row,
                         const char *row_sha256)
{
    struct arena *arena = arena_create();
    const struct backbone_card *backbone = &run->card->backbone;
    struct record_fact facts[RECORD_FACTS];
    struct json *line = json_object();
    bool failed = prediction->failure.status;
    json_add(line, "row", failed ? json_null() : json_number_value((double)row));
    json_add_text(line, "image", text_escape(arena, input->path));
    json_add_number(line, "width", prediction->image.width);
    json_add_number(line, "height", prediction->image.height);
    record_add_file(line, file);
    if (failed)
        json_add_text(line, "error", prediction->failure.sentence);
    else
        json_add_text(line, "row_sha256", row_sha256);
    struct json *warnings = json_add(line, "warnings", json_array());
    const char *sentence;
    for (uint32_t left = prediction->image.warnings; (sentence = image_warning_next(&left));)
        json_append_text(warnings, sentence);
    if (run->tokens[TOKENS_PATCH]) {
        struct json *grid = json_add(line, "grid", json_array());
        json_append_number(grid, backbone_rows(backbone));
        json_append_number(grid, backbone_columns(backbone));
    }
    run_facts(arena, run, facts);
    record_add_run(line, facts);
    size_t size = json_print_size(line);
    char *text = memory_allocate(size + 2, 1);
    json_print_into(line, text);
    memcpy(text + size, "\n", 2);
    json_destroy(&line);
    arena_destroy(&arena);
    return text;
}

/* A journal while it is read. */
struct reading {
    const char *path;
    const struct embed_run *run;
    const struct inputs *inputs;
    const struct embed_rows *rows;
    struct record_fact facts[RECORD_FACTS];
    struct arena *arena; /* of the line at hand */
    struct embed_progress progress;
};

static enum status damaged(const struct reading *reading, struct failure *failure)
{
    return failure_set(
        failure, STATUS_BAD_REQUEST,
        "%.90s: line %zu is not what this command writes; give another --output, or delete this file "
        "and the rows beside it to begin anew.",
        reading->path, reading->progress.images + 1);
}

static enum status check_image(const struct reading *reading, const char *image, struct failure *failure)
{
    size_t number = reading->progress.images;
    if (number == reading->inputs->count)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%.90s has more images than the %zu of this run; go on with the inputs it was begun with, "
            "or give another --output.",
            reading->path, number);
    const char *expected = text_escape(reading->arena, reading->inputs->items[number].path);
    if (strcmp(image, expected))
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%.60s: image %zu was %.60s, and in this run it is %.60s; go on with the inputs it was "
            "begun with, in their order, or give another --output.",
            reading->path, number + 1, image, expected);
    return STATUS_OK;
}

/* Whether a text is a SHA-256. */
static bool is_sha256(const char *text)
{
    return text && strlen(text) == SHA256_HEX_BYTES - 1;
}

/* Whether the image is still the file that its line is of. */
static enum status check_file(const struct reading *reading, const struct json *line, bool failed,
                              struct failure *failure)
{
    const char *path = reading->inputs->items[reading->progress.images].path;
    enum record_file found;
    enum status status = record_compare_file(line, path, failure, &found);
    if (status || found == RECORD_FILE_SAME)
        return status;
    if (found == RECORD_FILE_UNSAID && failed)
        return STATUS_OK; /* it could not be read */
    if (found != RECORD_FILE_CHANGED)
        return damaged(reading, failure);
    return failure_set(
        failure, STATUS_BAD_REQUEST,
        "%.90s: this image was changed since its line %zu of %.60s was written; put the file back "
        "as it was, or delete the lines and the rows beside them to begin anew.",
        path, reading->progress.images + 1, reading->path);
}

/* Whether the row is there and the one that its line is of. */
static enum status check_row(struct reading *reading, const struct json *line, struct failure *failure,
                             bool *good)
{
    const char *sha256 = json_text(json_member(line, "row_sha256"));
    char found[SHA256_HEX_BYTES];
    *good = false;
    if (!is_sha256(sha256))
        return damaged(reading, failure);
    if (reading->progress.rows >= reading->rows->held)
        return STATUS_OK;
    enum status status = embed_row_sha256(reading->rows, reading->progress.rows, failure, found);
    *good = !status && !strcmp(found, sha256);
    reading->progress.damaged = !status && !*good;
    return status;
}

/* Takes a line in; *more is false when its row is not held, or damaged. */
static enum status take_line(struct reading *reading, struct bytes text, struct failure *failure, bool *more)
{
    struct json *line = NULL;
    if (text.size > EMBED_LINE_BYTES_MAX || json_parse(text, line_limits, NULL, &line))
        return damaged(reading, failure);
    const struct json *row = json_member(line, "row");
    const char *image = json_text(json_member(line, "image"));
    int64_t number = 0;
    bool failed = json_is_null(row) && json_text(json_member(line, "error"));
    enum status status = STATUS_OK;
    if (!image || (!failed && (!json_integer(row, 0, INT64_C(1) << 53, &number) ||
                               (size_t)number != reading->progress.rows)))
        status = damaged(reading, failure);
    if (!status)
        status = record_check_run(reading->path, line, reading->facts, failure);
    if (!status)
        status = check_image(reading, image, failure);
    *more = failed;
    if (!status && !failed)
        status = check_row(reading, line, failure, more);
    if (!status && *more)
        status = check_file(reading, line, failed, failure);
    json_destroy(&line);
    if (status || !*more)
        return status;
    reading->progress.images++;
    reading->progress.rows += !failed;
    reading->progress.failed += failed;
    reading->progress.bytes += text.size + 1;
    return STATUS_OK;
}

static enum status read_lines(struct reading *reading, struct bytes content, struct failure *failure)
{
    enum status status = STATUS_OK;
    const uint8_t *end;
    for (bool more = true; more && !status;) {
        size_t left = content.size - reading->progress.bytes;
        if (!left)
            break;
        const uint8_t *at = content.data + reading->progress.bytes;
        end = memchr(at, '\n', left);
        if (!end)
            break;
        reading->arena = arena_create();
        status = take_line(reading, (struct bytes){at, (size_t)(end - at)}, failure, &more);
        arena_destroy(&reading->arena);
    }
    return status;
}

enum status embed_journal_read(const char *path, const struct embed_run *run, const struct inputs *inputs,
                               const struct embed_rows *rows, struct failure *failure,
                               struct embed_progress *out)
{
    struct reading reading = {.path = path, .run = run, .inputs = inputs, .rows = rows};
    struct file_mapping mapping;
    enum status status = file_map(path, failure, &mapping);
    if (status)
        return status;
    struct arena *arena = arena_create();
    run_facts(arena, run, reading.facts);
    status = read_lines(&reading, mapping.content, failure);
    arena_destroy(&arena);
    file_unmap(&mapping);
    if (!status)
        *out = reading.progress;
    return status;
}
