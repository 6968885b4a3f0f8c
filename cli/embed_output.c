#include "cli/embed_output.h"

#include "cli/chunk.h"
#include "cli/embed_header.h"
#include "cli/embed_part.h"
#include "cli/embed_whole.h"
#include "engine/base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct embed_output {
    const struct embed_run *run;
    const struct inputs *inputs;
    enum embed_form form;
    struct embed_part parts[TOKENS_KINDS]; /* of `kinds`; the first becomes the file */
    enum tokens kinds[TOKENS_KINDS];
    size_t part_count;
    char *journal_path;
    int journal; /* -1: not open */
    bool locked, complete;
    struct embed_progress progress;
};

static char *part_path(const char *path, const char *kind)
{
    size_t size = strlen(path) + strlen(kind) + sizeof ".part";
    char *out = memory_allocate(size, 1);
    snprintf(out, size, "%s%s.part", path, kind);
    return out;
}

static bool is_there(const char *path)
{
    struct stat info;
    return !lstat(path, &info);
}

static enum status check_names(const char *path, const char *part, const char *journal, bool resume,
                               struct failure *failure)
{
    struct stat info;
    bool rows = !lstat(part, &info), any_row = rows && info.st_size;
    if (resume && (is_there(path) || (!rows && !is_there(journal))))
        return STATUS_OK;
    if (resume && !rows)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%.100s is there without %.100s, which has its rows; delete it to begin anew.",
                           journal, part);
    if (resume && any_row && !is_there(journal))
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%.100s is there without %.100s, which says what its rows are; delete it to begin anew.", part,
            journal);
    if (resume)
        return STATUS_OK;
    if (rows)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%.100s is of a run that did not end: go on with it with --resume, or delete it and "
            "%.100s.",
            part, journal);
    if (is_there(path))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%.200s is there already; delete it, or give another --output.", path);
    if (is_there(journal))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%.200s, where the names of this file's rows would go, is there already and is "
                           "perhaps another file's; give another --output.",
                           journal);
    return STATUS_OK;
}

enum status embed_output_check(const char *path, bool resume, struct failure *failure)
{
    char *part = part_path(path, ""), *journal = embed_journal_path(path);
    enum status status = check_names(path, part, journal, resume, failure);
    free(journal);
    free(part);
    return status;
}

/* A file system without locks takes it on trust. Another run may just have ended. */
static enum status lock(struct embed_output *output, struct failure *failure)
{
    bool taken = flock(output->parts[0].descriptor, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    output->locked = !taken && !is_there(output->run->path);
    if (output->locked)
        return STATUS_OK;
    return failure_set(failure, STATUS_BAD_REQUEST, "%.200s: another run is writing it; wait for its end.",
                       output->run->path);
}

/* Opens parts and journal. Nobody else writes them as long as the first part is locked. */
static enum status open_files(struct embed_output *output, bool resume, struct failure *failure)
{
    struct embed_part *parts = output->parts;
    enum status status = embed_file_open(parts[0].path, O_RDWR, !resume, failure, &parts[0].descriptor);
    if (!status)
        status = lock(output, failure);
    for (size_t i = 1; i < output->part_count && !status; i++)
        status = embed_file_open(parts[i].path, O_RDWR, !resume, failure, &parts[i].descriptor);
    if (!status)
        status =
            embed_file_open(output->journal_path, O_WRONLY | O_APPEND, !resume, failure, &output->journal);
    return status;
}

/* Leaves no empty parts where a run does not begin. */
static void drop_empty(const struct embed_output *output)
{
    struct stat info;
    for (size_t i = 0; i < output->part_count && output->locked; i++)
        if (output->parts[i].descriptor >= 0 && !fstat(output->parts[i].descriptor, &info) && !info.st_size)
            unlink(output->parts[i].path);
}

/* The rows that are whole in all parts. */
static struct embed_rows rows_of(const struct embed_output *output)
{
    struct embed_rows out = {output->parts, output->part_count, SIZE_MAX};
    for (size_t i = 0; i < output->part_count; i++) {
        size_t rows = embed_part_rows(&output->parts[i]);
        out.held = rows < out.held ? rows : out.held;
    }
    return out;
}

/* Goes to where the next row belongs and drops what is behind. */
static enum status cut_files(struct embed_output *output, struct failure *failure)
{
    enum status status =
        embed_file_cut(output->journal, output->journal_path, output->progress.bytes, failure);
    for (size_t i = 0; i < output->part_count && !status; i++) {
        const struct embed_part *part = &output->parts[i];
        status = embed_file_cut(part->descriptor, part->path,
                                part->start + output->progress.rows * part->row_bytes, failure);
    }
    return status;
}

static enum status read_journal(struct embed_output *output, struct failure *failure)
{
    const struct embed_rows rows = rows_of(output);
    return embed_journal_read(output->journal_path, output->run, output->inputs, &rows, failure,
                              &output->progress);
}

/* Holds a file that is whole against the run; parts that were moved into it may still be there. */
static enum status check_complete(struct embed_output *output, struct failure *failure)
{
    enum status status = embed_whole_check(output->run, output->inputs, output->journal_path, output->parts,
                                           output->part_count, failure, &output->progress);
    for (size_t i = 1; i < output->part_count && !status; i++)
        unlink(output->parts[i].path);
    output->complete = !status;
    return status;
}

static struct embed_output *output_create(const struct embed_run *run, const struct inputs *inputs)
{
    struct embed_output *output = memory_allocate(1, sizeof *output);
    *output = (struct embed_output){.run = run, .inputs = inputs, .journal = -1};
    bool known = embed_form_read(run->path, &output->form);
    assert(known);
    (void)known;
    output->journal_path = embed_journal_path(run->path);
    for (size_t i = 0; i < TOKENS_KINDS; i++) {
        enum tokens kind = embed_order[i];
        if (!run->tokens[kind])
            continue;
        bool first = !output->part_count;
        char ending[16] = "";
        if (!first)
            snprintf(ending, sizeof ending, ".%s", tokens_names[kind]);
        output->kinds[output->part_count] = kind;
        output->parts[output->part_count++] =
            (struct embed_part){.path = part_path(run->path, ending),
                                .start = first ? embed_header_bytes(output->form) : 0,
                                .row_bytes = embed_floats(run, kind) * sizeof(float),
                                .descriptor = -1};
    }
    return output;
}

enum status embed_output_open(const struct embed_run *run, const struct inputs *inputs, bool resume,
                              struct failure *failure, struct embed_output **out)
{
    enum status status = embed_output_check(run->path, resume, failure);
    if (status)
        return status;
    struct embed_output *output = output_create(run, inputs);
    if (is_there(run->path)) {
        status = check_complete(output, failure);
    } else {
        status = open_files(output, resume, failure);
        if (!status)
            status = read_journal(output, failure);
        if (!status)
            status = cut_files(output, failure);
        if (status)
            drop_empty(output);
    }
    if (status)
        embed_output_close(&output);
    else
        *out = output;
    return status;
}

void embed_output_close(struct embed_output **handle)
{
    struct embed_output *output = handle ? *handle : NULL;
    if (!output)
        return;
    for (size_t i = 0; i < output->part_count; i++) {
        if (output->parts[i].descriptor >= 0)
            close(output->parts[i].descriptor);
        free(output->parts[i].path);
    }
    if (output->journal >= 0)
        close(output->journal);
    free(output->journal_path);
    free(output);
    *handle = NULL;
}

const struct embed_progress *embed_output_progress(const struct embed_output *output)
{
    return &output->progress;
}

bool embed_output_complete(const struct embed_output *output)
{
    return output->complete;
}

/* The SHA-256 is of what was meant, not of what came to the disk. */
static enum status write_row(struct embed_output *output, const struct embedding *embedding,
                             struct failure *failure, char sha256[SHA256_HEX_BYTES])
{
    const float *const tokens[TOKENS_KINDS] = {embedding->class_token, embedding->mean, embedding->patches};
    enum status status = STATUS_OK;
    struct buffer row = {.maximum = SIZE_MAX};
    for (size_t i = 0; i < output->part_count && !status; i++) {
        const struct embed_part *part = &output->parts[i];
        const void *piece = tokens[output->kinds[i]];
        status = embed_file_write(part->descriptor, part->path, piece, part->row_bytes, failure);
        bool fits = buffer_append(&row, piece, part->row_bytes);
        assert(fits);
        (void)fits;
    }
    sha256_hex((struct bytes){row.data, row.size}, sha256);
    buffer_finish(&row);
    return status;
}

/* Rows first, and on the disk, then the lines that vouch for them. */
enum status embed_output_write(struct embed_output *output, const struct prediction *predictions,
                               const struct chunk_file *files, size_t count, struct failure *failure)
{
    struct embed_progress progress = output->progress;
    struct buffer lines = {.maximum = (size_t)CHUNK_IMAGES * EMBED_LINE_BYTES_MAX};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && !status; i++) {
        bool failed = predictions[i].failure.status;
        char row_sha256[SHA256_HEX_BYTES] = "";
        if (!failed)
            status = write_row(output, &predictions[i].embedding, failure, row_sha256);
        char *line = embed_journal_line(output->run, &output->inputs->items[progress.images], &files[i],
                                        &predictions[i], progress.rows, row_sha256);
        bool fits = buffer_append(&lines, line, strlen(line));
        assert(fits);
        (void)fits;
        free(line);
        progress.images++;
        progress.rows += !failed;
        progress.failed += failed;
    }
    for (size_t i = 0; i < output->part_count && !status; i++)
        status = embed_file_sync(output->parts[i].descriptor, output->parts[i].path, failure);
    if (!status)
        status = embed_file_write(output->journal, output->journal_path, lines.data, lines.size, failure);
    progress.bytes += lines.size;
    buffer_finish(&lines);
    if (!status)
        output->progress = progress;
    return status;
}

/* Has a file's new name outlive a loss of power, as far as its file system does that. */
static void sync_folder(const char *path)
{
    char *copy = memory_copy_text(path);
    file_sync_folder(dirname(copy));
    free(copy);
}

/* Puts the header before the rows. */
static enum status write_header(struct embed_output *output, struct failure *failure)
{
    const struct embed_part *first = &output->parts[0];
    uint8_t *header = embed_header(output->run, output->form, output->progress.rows);
    enum status status =
        lseek(first->descriptor, 0, SEEK_SET)
            ? failure_set(failure, STATUS_INVALID_FILE, "%s: is no regular file.", first->path)
            : embed_file_write(first->descriptor, first->path, header, first->start, failure);
    free(header);
    return status;
}

/* A run that ends in the middle of this finds the first part longer than its rows, and drops that again. */
enum status embed_output_finish(struct embed_output *output, struct failure *failure)
{
    assert(output->progress.images == output->inputs->count);
    const struct embed_part *first = &output->parts[0];
    const char *path = output->run->path;
    enum status status = STATUS_OK;
    for (size_t i = 1; i < output->part_count && !status; i++)
        status = embed_part_append(first, &output->parts[i], failure);
    if (!status)
        status = write_header(output, failure);
    if (!status)
        status = embed_file_sync(first->descriptor, first->path, failure);
    if (!status)
        status = embed_file_sync(output->journal, output->journal_path, failure);
    if (!status && rename(first->path, path))
        status = failure_set(failure, STATUS_INVALID_FILE, "%s: cannot be made: %s.", path, strerror(errno));
    for (size_t i = 1; i < output->part_count && !status; i++)
        unlink(output->parts[i].path);
    if (!status)
        sync_folder(path);
    return status;
}
