#include "engine/checkpoint/add_heads.h"

#include "engine/checkpoint/import_head.h"
#include "engine/package/create.h"
#include "engine/package/edit.h"

#include <stdlib.h>

struct work {
    struct package_edit *edit;
    struct arena *arena;
    struct head_import *heads; /* [count] */
    const char **paths;        /* [count] of their new files */
    size_t count;
    enum import_precision precision;
    bool is_chosen; /* and is for all heads */
    struct import_meter meter;
};

static enum import_precision stored_precision(const struct package *package)
{
    const struct safetensors *backbone = package_backbone(package);
    for (size_t i = 0; i < safetensors_count(backbone); i++) {
        const enum tensor_type type = safetensors_at(backbone, i)->type;
        if (type == TENSOR_F16 || type == TENSOR_BF16)
            return IMPORT_FP16;
    }
    return IMPORT_FP32;
}

static enum status load_head(struct work *work, const struct import_head *asked, size_t index,
                             struct failure *failure)
{
    struct head_import *head = &work->heads[index];
    const struct model_card *card = package_card(package_edit_package(work->edit));
    const struct backbone_files from = {package_edit_source(work->edit, "sha256"),
                                        package_edit_source(work->edit, "adapter_sha256")};
    enum status status = import_head_open(asked, &card->backbone, &from, work->arena, failure, head);
    if (status)
        return status;
    work->paths[index] = package_edit_file(work->edit, head->card.name, &head->card.weights);
    head->card.sha256 = CARD_NO_HASH;
    return package_edit_add(work->edit, &head->card, import_head_source(head), failure);
}

static enum import_precision precision_of(const struct work *work, const struct head_import *head)
{
    return work->is_chosen ? work->precision : import_head_precision(head, work->precision);
}

/* All that can be refused is, before anything is written. */
static enum status check(struct work *work, const struct import_head *asked, struct failure *failure)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < work->count && !status; i++)
        status = load_head(work, &asked[i], i, failure);
    if (!status)
        status = package_edit_check(work->edit, failure);
    for (size_t i = 0; i < work->count && !status; i++)
        work->meter.total_bytes += import_weights_work(&work->heads[i].selection);
    for (size_t i = 0; i < work->count && !status; i++) {
        struct head_import *head = &work->heads[i];
        const enum import_precision precision = precision_of(work, head);
        head->rounds = precision == IMPORT_FP16 && import_head_precision(head, precision) == IMPORT_FP32;
        status = import_weights_check(head->checkpoint, &head->selection, precision, &work->meter, failure);
        if (status)
            failure_prefix(failure, "%s", head->asked->weights);
    }
    return status;
}

static enum status write_heads(struct work *work, struct failure *failure)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < work->count && !status; i++) {
        char hash[SHA256_HEX_BYTES];
        struct head_import *head = &work->heads[i];
        status =
            import_head_write(head, work->paths[i], precision_of(work, head), &work->meter, failure, hash);
        if (!status)
            package_edit_hash(work->edit, head->card.weights, hash);
    }
    return status;
}

enum status checkpoint_add_heads(const char *folder, const struct import_head *heads, size_t count,
                                 const enum import_precision *precision, import_progress *progress,
                                 void *context, struct failure *failure, char note[IMPORT_NOTE_BYTES],
                                 char out[SHA256_HEX_BYTES])
{
    struct work work = {.count = count, .meter = {.progress = progress, .context = context}};
    enum status status = import_heads_check(heads, count, failure);
    if (!status)
        status = package_edit_begin(folder, failure, &work.edit);
    if (status)
        return status;
    work.is_chosen = precision != NULL;
    work.precision = precision ? *precision : stored_precision(package_edit_package(work.edit));
    work.arena = arena_create();
    work.heads = memory_allocate(count, sizeof *work.heads);
    work.paths = memory_allocate(count, sizeof *work.paths);
    status = check(&work, heads, failure);
    if (!status)
        status = write_heads(&work, failure);
    if (!status)
        status = package_edit_commit(work.edit, failure, out);
    *note = '\0';

    for (size_t i = 0; i < count; i++) {
        import_head_note(&work.heads[i], note);
        import_head_finish(&work.heads[i]);
    }
    free(work.paths);
    free(work.heads);
    arena_destroy(&work.arena);
    package_edit_end(&work.edit);
    return status;
}
