#include "cli/inputs.h"

#include "cli/command.h"
#include "cli/places.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_image_name(const char *name)
{
    return image_format_is_read(image_format_by_ending(name));
}

/* Why something in a folder is not done. */
enum skip {
    SKIP_NAME,
    SKIP_CONTENT,
    SKIP_NO_PICTURE,
    SKIP_HIDDEN,
    SKIP_SPECIAL,
    SKIP_RESULTS,
    SKIP_REPEAT,
    SKIP_KINDS
};
static const char *const skip_words[] = {[SKIP_NAME] = "without the name of an image",
                                         [SKIP_CONTENT] = "without an ending and without an image in them",
                                         [SKIP_NO_PICTURE] = "DICOM without a picture",
                                         [SKIP_HIDDEN] = "hidden",
                                         [SKIP_SPECIAL] = "neither file nor folder",
                                         [SKIP_RESULTS] = "in the folder for results",
                                         [SKIP_REPEAT] = "the same file as another"};
static_assert(sizeof skip_words / sizeof *skip_words == SKIP_KINDS, "words a kind");

/* A search through what a command was given. */
struct search {
    const char *command; /* for standard error */
    struct stat results; /* the folder for results, where there is one */
    bool has_results;
    struct inputs inputs;
    size_t skipped[SKIP_KINDS];
};

static void add(struct search *search, const char *path, const char *place, const struct stat *info)
{
    struct inputs *inputs = &search->inputs;
    struct stat own;
    bool link = !lstat(path, &own) && S_ISLNK(own.st_mode);
    inputs->items = memory_resize(inputs->items, inputs->count + 1, sizeof *inputs->items);
    inputs->items[inputs->count++] =
        (struct input){memory_copy_text(path), place_of(place), info->st_dev, info->st_ino, link};
}

/* Whether a file of a folder is done: by its name, without an ending by its content, and a DICOM file only
 * where it does not say that it is a report, a list or the like. SKIP_KINDS: it is. One that cannot be opened
 * is, and fails. */
static enum skip judge_file(const FTSENT *at)
{
    enum { BEGIN_BYTES = 1 << 16 };
    enum image_format named = image_format_by_ending(at->fts_name);
    bool by_content = !*place_ending(at->fts_name), dicom = named == IMAGE_DICOM;
    if (!by_content && !dicom)
        return image_format_is_read(named) ? SKIP_KINDS : SKIP_NAME;
    int file = open(at->fts_accpath, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return SKIP_KINDS;
    uint8_t *begin = memory_allocate(BEGIN_BYTES, 1);
    ssize_t size = read(file, begin, BEGIN_BYTES);
    close(file);
    const struct bytes bytes = {begin, size > 0 ? (size_t)size : 0};
    enum image_format format = image_sniff(bytes);
    bool done = image_may_be_read(bytes), is_dicom = format == IMAGE_DICOM || format == IMAGE_DICOMDIR;
    free(begin);
    if (done || (dicom && !is_dicom)) /* what is named as a picture and is none is told with its reason */
        return SKIP_KINDS;
    return is_dicom ? SKIP_NO_PICTURE : SKIP_CONTENT;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_results(const struct search *search, const struct stat *info)
{
    return search->has_results && info->st_dev == search->results.st_dev &&
           info->st_ino == search->results.st_ino;
}

static void complain(struct search *search, const FTSENT *at)
{
    const char *reason = at->fts_info == FTS_DC ? "The folder is a link to one it lies in"
                                                : strerror(at->fts_errno ? at->fts_errno : ENOENT);
    command_say(search->command, "%s: %s.", at->fts_path, reason);
    search->inputs.failed++;
}

/* What a walk through the folder `root` has come to. */
static void visit(struct search *search, FTS *walk, FTSENT *at, size_t root_length)
{
    bool below = at->fts_level > FTS_ROOTLEVEL, hidden = below && *at->fts_name == '.';
    enum skip skip;
    switch (at->fts_info) {
    case FTS_D:
        if (!hidden && !is_results(search, at->fts_statp))
            return;
        search->skipped[hidden ? SKIP_HIDDEN : SKIP_RESULTS]++;
        fts_set(walk, at, FTS_SKIP);
        return;
    case FTS_DP:
        return;
    case FTS_F:
        skip = hidden ? SKIP_HIDDEN : judge_file(at);
        if (skip != SKIP_KINDS)
            search->skipped[skip]++;
        else
            add(search, at->fts_path, at->fts_path + root_length, at->fts_statp);
        return;
    case FTS_DEFAULT:
        search->skipped[hidden ? SKIP_HIDDEN : SKIP_SPECIAL]++;
        return;
    default: /* a link to nothing matters where an image was meant */
        if (at->fts_info == FTS_SLNONE && (hidden || !is_image_name(at->fts_name)))
            search->skipped[hidden ? SKIP_HIDDEN : SKIP_NAME]++;
        else
            complain(search, at);
    }
}

/* "3 without the name of an image, 1 hidden" of what was skipped; "" when nothing was. */
static const char *describe(const size_t skipped[SKIP_KINDS], char text[256])
{
    size_t used = 0;
    *text = '\0';
    for (int kind = 0; kind < SKIP_KINDS; kind++)
        if (skipped[kind])
            used += (size_t)snprintf(text + used, 256 - used, "%s%zu %s", used ? ", " : "", skipped[kind],
                                     skip_words[kind]);
    return text;
}

static enum status add_folder(struct search *search, const char *path, const struct stat *info,
                              struct failure *failure)
{
    if (is_results(search, info))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s: results cannot lie among the images, where the next run would read their "
                           "pictures; give another folder for them.",
                           path);
    char *root = memory_copy_text(path), *roots[] = {root, NULL}, text[256];
    size_t before[SKIP_KINDS], found[SKIP_KINDS], count = search->inputs.count,
                                                  failed = search->inputs.failed;
    memcpy(before, search->skipped, sizeof before);
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    for (FTSENT *at; walk && (at = fts_read(walk));)
        visit(search, walk, at, strlen(root));
    if (walk)
        fts_close(walk);
    free(root);
    if (search->inputs.count > count || search->inputs.failed > failed)
        return STATUS_OK;
    for (int kind = 0; kind < SKIP_KINDS; kind++)
        found[kind] = search->skipped[kind] - before[kind];
    describe(found, text);
    return failure_set(
        failure, STATUS_BAD_REQUEST,
        "%s: this folder has no file named %s, and none without an ending that is an image; it has %s.", path,
        image_endings_read().text, *text ? text : "nothing");
}

static enum status add_path(struct search *search, const char *path, struct failure *failure)
{
    struct stat info;
    if (!strcmp(path, "-"))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Images are not read from standard input: give files or folders.");
    if (stat(path, &info) && errno == ENOENT)
        return failure_set(failure, STATUS_NOT_FOUND, "%s: there is no such file or folder.", path);
    if (stat(path, &info))
        return failure_set(failure, STATUS_BAD_REQUEST, "%s: %s.", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return add_folder(search, path, &info, failure);
    if (!S_ISREG(info.st_mode))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s: this is neither a file nor a folder; give image files, or folders of them.",
                           path);
    add(search, path, path, &info);
    return STATUS_OK;
}

enum status inputs_find(const char *name, char *const *paths, size_t count, const char *output,
                        struct failure *failure, struct inputs *out)
{
    struct search search = {.command = name};
    enum status status = STATUS_OK;
    char text[256];
    search.has_results = output && !stat(output, &search.results);
    for (size_t i = 0; !status && i < count; i++)
        status = add_path(&search, paths[i], failure);
    if (!status)
        search.skipped[SKIP_REPEAT] = places_drop_repeats(&search.inputs);
    if (!status && *describe(search.skipped, text))
        command_say(name, "skipped %s.", text);
    if (!status && !search.inputs.count)
        status = failure_set(failure, STATUS_BAD_REQUEST, "No %s file was given or found.",
                             image_formats_read().text);
    if (status)
        inputs_finish(&search.inputs);
    else
        *out = search.inputs;
    return status;
}

enum status inputs_list(const char *name, char *const *paths, size_t count, const char *output,
                        struct failure *failure, struct inputs *out)
{
    struct inputs inputs = {0};
    enum status status = inputs_find(name, paths, count, output, failure, &inputs);
    if (!status)
        status = places_shorten(&inputs, failure);
    if (status)
        inputs_finish(&inputs);
    else
        *out = inputs;
    return status;
}

/* Gives every second input, from the first on, a place of its own. */
static enum status place_frontals(const struct inputs *inputs, struct failure *failure)
{
    struct inputs frontals = {.items = memory_allocate(inputs->count / 2, sizeof *frontals.items)};
    for (size_t i = 0; i < inputs->count; i += 2)
        frontals.items[frontals.count++] = inputs->items[i];
    enum status status = places_shorten(&frontals, failure); /* in the texts that both have */
    free(frontals.items);
    return status;
}

enum status inputs_pair(char *const *paths, size_t count, struct failure *failure, struct inputs *out)
{
    struct search search = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < count; i++) {
        struct stat info;
        if (!stat(paths[i], &info) && S_ISDIR(info.st_mode))
            status = failure_set(failure, STATUS_BAD_REQUEST,
                                 "%s: with --views frontal,lateral files are given one by one, each frontal "
                                 "followed by its lateral; which files of a folder pair cannot be told.",
                                 paths[i]);
        else
            status = add_path(&search, paths[i], failure);
    }
    if (!status && count % 2)
        status = failure_set(failure, STATUS_BAD_REQUEST,
                             "%s lacks its lateral: with --views frontal,lateral files come in pairs, each "
                             "frontal followed by its lateral. With --views frontal heads of two views read "
                             "an image as both.",
                             paths[count - 1]);
    if (!status)
        status = place_frontals(&search.inputs, failure);
    if (status)
        inputs_finish(&search.inputs);
    else
        *out = search.inputs;
    return status;
}

void inputs_help(void)
{
    printf("\nOf a folder the files are read whose names end in %s.\n", image_endings_read().text);
}

void inputs_finish_one(struct input *input)
{
    free(input->path);
    free(input->place);
}

void inputs_finish(struct inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        inputs_finish_one(&inputs->items[i]);
    free(inputs->items);
    *inputs = (struct inputs){0};
}
