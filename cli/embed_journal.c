#include "cli/embed_journal.h"

#include "engine/base/file.h"
#include "engine/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAYS = 8, TIME_BYTES = 48 };
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
struct says {
    const char *name, *text; /* NULL: nothing */
};

static void run_says(struct arena *arena, const struct embed_run *run, struct says out[SAYS])
{
    const char *names[TOKENS_KINDS];
    size_t count = 0;
    for (size_t kind = 0; kind < TOKENS_KINDS; kind++)
        if (run->tokens[kind])
            names[count++] = tokens_names[kind];
    char *tokens = arena_format(arena, "%s%s%s%s%s", names[0], count > 1 ? "," : "",
                                count > 1 ? names[1] : "", count > 2 ? "," : "", count > 2 ? names[2] : "");
    const struct shard *shard = &run->shard;
    const struct says says[SAYS] = {
        {"tokens", tokens},
        {"package_sha256", run->card->package_sha256},
        {"cxrd", run->version},
        {"device", run->device},
        {"rung", run->rung},
        {"precision", run->precision},
        {"shard", shard->count > 1 ? arena_format(arena, "%u/%u", shard->number, shard->count) : NULL},
        {"inputs_sha256", shard->count > 1 ? shard->inputs_sha256 : NULL}};
    memcpy(out, says, sizeof says);
}

/* RFC 3339, to the nanosecond. */
static void print_time(int64_t time_ns, char text[TIME_BYTES])
{
    const int64_t second_ns = 1000000000;
    int64_t rest = time_ns % second_ns < 0 ? time_ns % second_ns + second_ns : time_ns % second_ns;
    time_t seconds = (time_t)((time_ns - rest) / second_ns);
    struct tm utc;
    size_t used = strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &utc));
    snprintf(text + used, TIME_BYTES - used, ".%09dZ", (int)rest);
}

/* Which file the row is of. */
static void add_file(struct json *line, const struct chunk_file *file)
{
    char modified[TIME_BYTES], changed[TIME_BYTES];
    if (!*file->sha256)
        return;
    print_time(file->stamp.modified_ns, modified);
    print_time(file->stamp.changed_ns, changed);
    json_add_number(line, "bytes", (double)file->stamp.size_bytes);
    json_add_text(line, "modified", modified);
    json_add_text(line, "sha256", file->sha256);
    json_add_text(line, "changed", changed);
}

char *embed_journal_line(const struct embed_run *run, const struct input *input,
                         const struct chunk_file *file, const struct prediction *prediction, size_t row,
                         const char *row_sha256)
{
    struct arena *arena = arena_create();
    const struct backbone_card *backbone = &run->card->backbone;
    struct says says[SAYS];
    struct json *line = json_object();
    bool failed = prediction->failure.status;
    json_add(line, "row", failed ? json_null() : json_number_value((double)row));
    json_add_text(line, "image", text_escape(arena, input->path));
    json_add_number(line, "width", prediction->image.width);
    json_add_number(line, "height", prediction->image.height);
    add_file(line, file);
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
    run_says(arena, run, says);
    for (size_t i = 0; i < SAYS; i++)
        if (says[i].text)
            json_add_text(line, says[i].name, says[i].text);
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
    struct says says[SAYS];
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

static enum status check_run(const struct reading *reading, const struct json *line, struct failure *failure)
{
    for (size_t i = 0; i < SAYS; i++) {
        const char *was = json_text(json_member(line, reading->says[i].name)), *is = reading->says[i].text;
        if (was == is || (was && is && !strcmp(was, is)))
            continue;
        if (was && is && !strcmp(reading->says[i].name, "inputs_sha256"))
            return failure_set(
                failure, STATUS_BAD_REQUEST,
                "%.70s is a shard of another list of inputs: files were added or removed since, and with "
                "this one images would be in two shards or in none. Go on with the files it was begun "
                "with, or begin all shards anew.",
                reading->path);
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%.70s was begun with %s %.70s, and this run has %.70s; go on as it was begun, or give another "
            "--output.",
            reading->path, reading->says[i].name, was ? was : "none", is ? is : "none");
    }
    return STATUS_OK;
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

/* Whether the image is still the file that its line is of. One that anything happened to since, were it but a
 * new name, is read for it: the time of writing alone does not tell, as anyone sets it. */
static enum status check_file(const struct reading *reading, const struct json *line, bool failed,
                              struct failure *failure)
{
    const char *path = reading->inputs->items[reading->progress.images].path;
    const char *sha256 = json_text(json_member(line, "sha256"));
    const char *modified = json_text(json_member(line, "modified"));
    const char *changed = json_text(json_member(line, "changed"));
    char times[2][TIME_BYTES], found[SHA256_HEX_BYTES] = "";
    struct file_stamp now;
    int64_t bytes;
    if (failed && !sha256)
        return STATUS_OK; /* it could not be read */
    if (!is_sha256(sha256) || !modified || !changed ||
        !json_integer(json_member(line, "bytes"), 0, INT64_C(1) << 53, &bytes))
        return damaged(reading, failure);
    enum status status = file_stamp_read(path, failure, &now);
    if (status)
        return status;
    print_time(now.modified_ns, times[0]);
    print_time(now.changed_ns, times[1]);
    if (now.size_bytes == (size_t)bytes && !strcmp(times[0], modified) && !strcmp(times[1], changed))
        return STATUS_OK;
    if (now.size_bytes == (size_t)bytes)
        status = sha256_file(path, failure, found);
    if (status || !strcmp(found, sha256))
        return status;
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
        status = check_run(reading, line, failure);
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
    run_says(arena, run, reading.says);
    status = read_lines(&reading, mapping.content, failure);
    arena_destroy(&arena);
    file_unmap(&mapping);
    if (!status)
        *out = reading.progress;
    return status;
}
