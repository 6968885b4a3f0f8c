#include "cli/embed_whole.h"

#include "cli/embed_header.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct whole {
    const struct embed_run *run;
    const char *journal;
    enum embed_form form;
    struct embed_part parts[TOKENS_KINDS]; /* one file, each from where its rows begin */
    struct embed_rows rows;
    bool fits; /* the file has the size of a header and of whole rows */
};

/* Finds the parts in a file of so many bytes; false where no number of rows gives that. */
static bool split(struct whole *whole, size_t size)
{
    const size_t header = embed_header_bytes(whole->form);
    size_t row_bytes = 0;
    for (size_t i = 0; i < whole->rows.part_count; i++)
        row_bytes += whole->parts[i].row_bytes;
    if (size < header || (size - header) % row_bytes)
        return false;
    whole->rows.held = (size - header) / row_bytes;
    size_t start = header;
    for (size_t i = 0; i < whole->rows.part_count; i++) {
        whole->parts[i].start = start;
        start += whole->rows.held * whole->parts[i].row_bytes;
    }
    return true;
}

static bool has_header(const struct whole *whole)
{
    const size_t size = embed_header_bytes(whole->form);
    uint8_t *header = embed_header(whole->run, whole->form, whole->rows.held);
    uint8_t *found = memory_allocate(size, 1);
    bool same =
        pread(whole->parts[0].descriptor, found, size, 0) == (ssize_t)size && !memcmp(found, header, size);
    free(found);
    free(header);
    return same;
}

/* What was read of the journal against what there is. */
static enum status compare(const struct whole *whole, const struct inputs *inputs,
                           const struct embed_progress *read, struct failure *failure)
{
    const char *path = whole->run->path;
    struct stat info;
    if (read->damaged)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%.100s: row %zu has other bytes than were written, so the file was damaged; delete "
            "it and %.100s to begin anew.",
            path, read->rows, whole->journal);
    if (!whole->fits || read->rows != whole->rows.held || stat(whole->journal, &info) ||
        (size_t)info.st_size != read->bytes)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%.100s has another size than %.100s says; delete both to begin anew.", path,
                           whole->journal);
    if (read->images != inputs->count)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%.100s is complete with %zu images, and this run has %zu; give another --output.",
                           path, read->images, inputs->count);
    if (!has_header(whole))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%.100s does not begin as it was written, so the file was damaged; delete it and "
                           "%.100s to begin anew.",
                           path, whole->journal);
    return STATUS_OK;
}

enum status embed_whole_check(const struct embed_run *run, const struct inputs *inputs, const char *journal,
                              const struct embed_part *pieces, size_t count, struct failure *failure,
                              struct embed_progress *out)
{
    struct whole whole = {.run = run, .journal = journal};
    struct embed_progress read = {0};
    struct stat info;
    bool known = embed_form_read(run->path, &whole.form);
    assert(known && count <= TOKENS_KINDS);
    (void)known;
    int file = open(run->path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return failure_set(failure, STATUS_INVALID_FILE, "%s: cannot be read: %s.", run->path,
                           strerror(errno));
    for (size_t i = 0; i < count; i++)
        whole.parts[i] = (struct embed_part){(char *)run->path, 0, pieces[i].row_bytes, file};
    whole.rows = (struct embed_rows){whole.parts, count, 0};
    whole.fits = !fstat(file, &info) && split(&whole, (size_t)info.st_size);
    enum status status = embed_journal_read(journal, run, inputs, &whole.rows, failure, &read);
    if (!status)
        status = compare(&whole, inputs, &read, failure);
    close(file);
    if (!status)
        *out = read;
    return status;
}
