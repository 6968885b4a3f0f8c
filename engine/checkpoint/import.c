#include "engine/checkpoint/import.h"

#include "engine/base/file.h"
#include "engine/checkpoint/import_card.h"
#include "engine/checkpoint/import_weights.h"
#include "engine/checkpoint/results.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADS_MAX = 64, HEAD_NAME_BYTES_MAX = 64 };

/* One .pth on its way to one weight file. */
struct part {
    const char *path;
    struct checkpoint *checkpoint;
    struct selection selection;
};

struct work {
    const struct import_options *options;
    struct imported_backbone shape;
    struct imported_head *heads;     /* [head_count] */
    struct label_list *labels;       /* [head_count] */
    struct part backbone, *parts;    /* parts: [head_count] */
    struct import_file file, *files; /* of the backbone; of the heads [head_count] */
    struct import_meter meter;
};

static enum status check_options(const struct import_options *options, struct failure *failure)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    struct stat info;
    if (options->head_count > HEADS_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST, "There are over %d heads.", HEADS_MAX);
    for (size_t i = 0; i < options->head_count; i++) {
        const char *name = options->heads[i].name;
        size_t length = strlen(name);
        if (length == 0 || length > HEAD_NAME_BYTES_MAX || strspn(name, allowed) != length)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "The head name '%.80s' is not 1 to %d letters, digits, '-' and '_'.", name,
                               HEAD_NAME_BYTES_MAX);
        for (size_t k = 0; k < i; k++) {
            if (!strcmp(options->heads[k].name, name))
                return failure_set(failure, STATUS_BAD_REQUEST, "Two heads have the name '%s'.", name);
        }
    }
    if (lstat(options->output, &info) == 0)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s is there already: choose another --output, or remove it.", options->output);
    return STATUS_OK;
}

static enum status hash_file(const char *path, struct failure *failure, char out[SHA256_HEX_BYTES])
{
    struct bytes content;
    enum status status = file_map(path, failure, &content);
    if (status)
        return status;
    sha256_hex(content, out);
    file_unmap(&content);
    return STATUS_OK;
}

static enum status load_backbone(struct work *work, struct failure *failure)
{
    const struct import_options *options = work->options;
    struct config config;
    config_init(&config);
    work->backbone.path = options->backbone;
    work->file.name = memory_copy_text("backbone.safetensors");
    enum status status = options->config ? config_read(options->config, failure, &config) : STATUS_OK;
    if (!status)
        status = checkpoint_open(options->backbone, failure, &work->backbone.checkpoint);
    if (status)
        return status;
    status = import_backbone_select(work->backbone.checkpoint, failure, &work->backbone.selection);
    if (!status)
        status = import_backbone_describe(&work->backbone.selection, &config, options->image_size, failure,
                                          &work->shape);
    if (status && status != STATUS_BAD_REQUEST)
        failure_prefix(failure, "%s", options->backbone);
    return status;
}

/* The labels of a file; or of a head with as many classes, the 40 findings; or of a single risk, its name. */
static enum status load_labels(const struct import_head *asked, size_t classes, struct failure *failure,
                               struct label_list *out)
{
    struct label_list labels = {0};
    if (asked->labels) {
        enum status status = labels_read(asked->labels, failure, &labels);
        if (status)
            return status;
        if (labels.count != classes) {
            failure_set(failure, STATUS_INVALID_FILE,
                        "%s: it has %zu labels for the %zu classes of head '%s'.", asked->labels,
                        labels.count, classes, asked->name);
            labels_finish(&labels);
            return STATUS_INVALID_FILE;
        }
        *out = labels;
        return STATUS_OK;
    }
    bool is_published = asked->kind == IMPORT_FINDINGS && classes == FINDINGS_COUNT;
    if (!is_published && classes != 1)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Head '%s' has %zu classes: name them with labels=FILE, one a line.", asked->name,
                           classes);
    labels.names = memory_allocate(classes, sizeof *labels.names);
    labels.count = classes;
    for (size_t i = 0; i < classes; i++)
        labels.names[i] = memory_copy_text(is_published ? findings_names[i] : asked->name);
    *out = labels;
    return STATUS_OK;
}

static enum status select_head(const struct import_head *asked, struct part *part, struct failure *failure,
                               struct imported_head *head)
{
    char *best = NULL;
    enum status status = STATUS_OK;
    if (!asked->candidate && asked->results)
        status = results_read(asked->results, failure, &best);
    if (status)
        return status;
    status = import_head_select(part->checkpoint, asked->candidate ? asked->candidate : best, failure,
                                &part->selection, head);
    if (status)
        failure_prefix(failure, "%s", asked->weights);
    free(best);
    return status;
}

static enum status load_head(struct work *work, size_t index, struct failure *failure)
{
    const struct import_head *asked = &work->options->heads[index];
    struct part *part = &work->parts[index];
    struct imported_head *head = &work->heads[index];
    char name[HEAD_NAME_BYTES_MAX + 32];
    snprintf(name, sizeof name, "head.%s.safetensors", asked->name);
    work->files[index].name = memory_copy_text(name);
    part->path = asked->weights;
    enum status status = checkpoint_open(asked->weights, failure, &part->checkpoint);
    if (!status)
        status = select_head(asked, part, failure, head);
    if (status)
        return status;
    status = import_head_describe(&part->selection, work->shape.width, work->shape.depth, failure, head);
    if (status) {
        failure_prefix(failure, "%s", asked->weights);
        return status;
    }
    return load_labels(asked, head->classes, failure, &work->labels[index]);
}

static enum status write_part(struct work *work, const char *folder, struct part *part,
                              struct import_file *file, struct failure *failure)
{
    char *path = file_join(folder, file->name);
    enum status status = import_weights_write(path, part->checkpoint, &part->selection,
                                              work->options->precision, &work->meter, failure);
    if (status)
        failure_prefix(failure, "%s", part->path);
    else
        status = hash_file(path, failure, file->sha256);
    if (!status)
        status = hash_file(part->path, failure, file->source_sha256);
    free(path);
    return status;
}

static enum status write_card(const struct work *work, const char *folder, struct failure *failure)
{
    char *text =
        import_card_print(work->options, &work->shape, &work->file, work->heads, work->labels, work->files);
    char *path = file_join(folder, "model.json");
    enum status status = file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, failure);
    free(path);
    free(text);
    return status;
}

static enum status write_files(struct work *work, const char *folder, struct failure *failure)
{
    size_t count = work->options->head_count;
    work->meter.total_bytes = import_weights_bytes(&work->backbone.selection, work->options->precision);
    for (size_t i = 0; i < count; i++)
        work->meter.total_bytes += import_weights_bytes(&work->parts[i].selection, work->options->precision);
    enum status status = write_part(work, folder, &work->backbone, &work->file, failure);
    for (size_t i = 0; i < count && !status; i++)
        status = write_part(work, folder, &work->parts[i], &work->files[i], failure);
    return status ? status : write_card(work, folder, failure);
}

static void remove_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        unlinkat(dirfd(directory), entry->d_name, 0); /* "." and ".." are refused */
    if (directory)
        closedir(directory);
    rmdir(folder);
}

static enum status write_package(struct work *work, struct failure *failure)
{
    const char *output = work->options->output;
    size_t length = strlen(output);
    while (length > 1 && output[length - 1] == '/')
        length--;
    char *temporary = memory_allocate(length + 8, 1);
    snprintf(temporary, length + 8, "%.*s.XXXXXX", (int)length, output);
    enum status status;
    if (!mkdtemp(temporary)) {
        status = failure_set(failure, STATUS_BAD_REQUEST, "%s cannot be made: %s.", output, strerror(errno));
        goto free_name;
    }
    status = write_files(work, temporary, failure);
    mode_t mask = umask(0);
    umask(mask);
    if (!status && (chmod(temporary, 0777 & ~mask) || rename(temporary, output)))
        status = failure_set(failure, STATUS_BAD_REQUEST, "%s cannot be made: %s.", output, strerror(errno));
    if (status)
        remove_folder(temporary);
free_name:
    free(temporary);
    return status;
}

enum status checkpoint_import(const struct import_options *options, import_progress *progress, void *context,
                              struct failure *failure)
{
    size_t count = options->head_count;
    enum status status = check_options(options, failure);
    if (status)
        return status;
    struct work work = {.options = options, .meter = {.progress = progress, .context = context}};
    work.heads = memory_allocate(count, sizeof *work.heads);
    work.labels = memory_allocate(count, sizeof *work.labels);
    work.parts = memory_allocate(count, sizeof *work.parts);
    work.files = memory_allocate(count, sizeof *work.files);
    status = load_backbone(&work, failure);
    for (size_t i = 0; i < count && !status; i++)
        status = load_head(&work, i, failure);
    if (!status)
        status = write_package(&work, failure);

    for (size_t i = 0; i < count; i++) {
        labels_finish(&work.labels[i]);
        selection_finish(&work.parts[i].selection);
        checkpoint_close(&work.parts[i].checkpoint);
        free(work.files[i].name);
    }
    selection_finish(&work.backbone.selection);
    checkpoint_close(&work.backbone.checkpoint);
    free(work.file.name);
    free(work.files);
    free(work.parts);
    free(work.labels);
    free(work.heads);
    return status;
}
