#include "engine/checkpoint/checkpoint.h"

#include "engine/checkpoint/archive.h"
#include "engine/checkpoint/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WALK_DEPTH_MAX = 16, WALK_VALUES_MAX = 1000 * 1000, WALK_PATH_BYTES = 512 };

struct checkpoint {
    struct archive *archive;
    struct arena *arena; /* owns the values */
    struct value *root;
};

/* The file says so since torch 2.1; what is older was only ever written on little-endian machines. */
static enum status check_byte_order(struct archive *archive, struct failure *failure)
{
    struct bytes order;
    if (!archive_has(archive, "byteorder"))
        return STATUS_OK;
    enum status status = archive_read(archive, "byteorder", 16, failure, &order);
    if (status)
        return status;
    bool little = order.size == 6 && !memcmp(order.data, "little", 6);
    free((void *)order.data);
    if (!little)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It was written on a big-endian machine. Save it again on a little-endian one.");
    return STATUS_OK;
}

enum status checkpoint_open(const char *path, struct failure *failure, struct checkpoint **out)
{
    struct checkpoint *checkpoint = memory_allocate(1, sizeof *checkpoint);
    struct bytes pickle = {0};
    enum status status = archive_open(path, failure, &checkpoint->archive);
    if (status)
        goto close;
    status = check_byte_order(checkpoint->archive, failure);
    if (!status)
        status = archive_read(checkpoint->archive, "data.pkl", PICKLE_BYTES_MAX, failure, &pickle);
    if (!status) {
        checkpoint->arena = arena_create();
        status = pickle_parse(pickle, checkpoint->arena, failure, &checkpoint->root);
        free((void *)pickle.data);
    }
    if (status) {
        failure_prefix(failure, "%s", path);
        goto close;
    }
    *out = checkpoint;
    return STATUS_OK;
close:
    checkpoint_close(&checkpoint);
    return status;
}

void checkpoint_close(struct checkpoint **checkpoint)
{
    if (!checkpoint || !*checkpoint)
        return;
    archive_close(&(*checkpoint)->archive);
    arena_destroy(&(*checkpoint)->arena);
    free(*checkpoint);
    *checkpoint = NULL;
}

const struct value *checkpoint_root(const struct checkpoint *checkpoint)
{
    return checkpoint->root;
}

static const struct value *find_state(const struct checkpoint *checkpoint)
{
    static const char *const wrappers[] = {"teacher", "model", "state_dict"};
    const struct value *state = NULL;
    for (size_t i = 0; !state && i < sizeof wrappers / sizeof *wrappers; i++)
        state = value_member(checkpoint->root, wrappers[i]);
    return state ? state : checkpoint->root;
}

enum status checkpoint_state(const struct checkpoint *checkpoint, struct failure *failure,
                             const struct value **out)
{
    const struct value *state = find_state(checkpoint);
    if (state->kind == VALUE_DICT) {
        *out = state;
        return STATUS_OK;
    }
    char found[128];
    value_describe(state, found, sizeof found);
    if (state->kind == VALUE_INERT || state->kind == VALUE_GLOBAL)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Where the state dict should be, the file holds %s, which this program neither knows "
            "nor runs. Do not load the file in PyTorch unless you trust its source.",
            found);
    return failure_set(failure, STATUS_INVALID_FILE, "Where the state dict should be, the file holds %s.",
                       found);
}

static bool is_of_training(const char *name)
{
    static const char *const listed[] = {"student",
                                         "optimizer",
                                         "optimizers",
                                         "optimizer_states",
                                         "optimizer_state_dict",
                                         "scheduler",
                                         "schedulers",
                                         "scaler",
                                         "lr_scheduler",
                                         "lr_schedulers",
                                         "grad_scaler",
                                         "fp16_scaler",
                                         "callbacks",
                                         "loops",
                                         "rng_state",
                                         "rng_states",
                                         "random_state",
                                         "dino_loss",
                                         "ibot_patch_loss",
                                         "koleo_loss"};
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
        if (!strcmp(name, listed[i]))
            return true;
    return false;
}

/* `left`: how many values may still be looked at, since they may lie in circles. Where it runs out a tensor
 * may be. */
static bool holds_tensor(const struct value *value, int depth, size_t *left)
{
    if (value->kind == VALUE_TENSOR || !*left || depth > WALK_DEPTH_MAX)
        return true;
    --*left;
    if (value->kind != VALUE_DICT && value->kind != VALUE_LIST && value->kind != VALUE_TUPLE)
        return false;
    for (size_t i = 0; i < value->sequence.count; i++)
        if (holds_tensor(value->sequence.items[i], depth + 1, left))
            return true;
    return false;
}

/* Looks at the members of a dict that are no tensors themselves, but for `except`. */
static enum status check_members(const struct value *dict, const struct value *except,
                                 struct failure *failure)
{
    for (size_t i = 0; dict->kind == VALUE_DICT && i < dict->sequence.count; i += 2) {
        const struct value *key = dict->sequence.items[i], *value = dict->sequence.items[i + 1];
        const char *name = key->kind == VALUE_TEXT ? key->text.data : "?";
        size_t left = WALK_VALUES_MAX;
        bool loose = value->kind == VALUE_TENSOR && except; /* beside a state dict */
        if (value == except || is_of_training(name) || (value->kind == VALUE_TENSOR && !loose))
            continue;
        if (holds_tensor(value, 0, &left))
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "The file holds tensors under '%.100s', beside the state dict, which this program does "
                "not know.",
                name);
    }
    return STATUS_OK;
}

enum status checkpoint_check_rest(const struct checkpoint *checkpoint, struct failure *failure)
{
    const struct value *state = find_state(checkpoint);
    enum status status = check_members(state, NULL, failure);
    if (!status && state != checkpoint->root)
        status = check_members(checkpoint->root, state, failure);
    return status;
}

struct bytes checkpoint_content(const struct checkpoint *checkpoint)
{
    return archive_content(checkpoint->archive);
}

enum status checkpoint_unchanged(const struct checkpoint *checkpoint, struct failure *failure)
{
    return archive_unchanged(checkpoint->archive, failure);
}

static bool is_contiguous(const struct stored_tensor *tensor)
{
    size_t step = 1;
    for (size_t i = tensor->rank; i-- > 0;) {
        if (tensor->shape[i] > 1 && tensor->strides[i] != step)
            return false;
        step *= tensor->shape[i];
    }
    return true;
}

/* Copies the view's elements in row-major order; its bounds were checked when it was built. */
static void gather(const struct stored_tensor *tensor, const uint8_t *storage, uint8_t *out)
{
    size_t width = tensor_type_bytes(tensor->type), index[TENSOR_RANK_MAX] = {0};
    if (is_contiguous(tensor)) {
        memcpy(out, storage + tensor->offset * width, tensor->elements * width);
        return;
    }
    for (size_t i = 0; i < tensor->elements; i++) {
        size_t place = tensor->offset;
        for (size_t k = 0; k < tensor->rank; k++)
            place += index[k] * tensor->strides[k];
        memcpy(out + i * width, storage + place * width, width);
        for (size_t k = tensor->rank; k-- > 0 && ++index[k] == tensor->shape[k];)
            index[k] = 0;
    }
}

enum status checkpoint_read(struct checkpoint *checkpoint, const struct stored_tensor *tensor,
                            struct failure *failure, struct bytes *out)
{
    char name[64];
    struct bytes storage;
    size_t width = tensor_type_bytes(tensor->type);
    if (snprintf(name, sizeof name, "data/%s", tensor->storage_key) >= (int)sizeof name)
        return failure_set(failure, STATUS_INVALID_FILE, "A storage's key is over 58 characters long.");
    enum status status = archive_read(checkpoint->archive, name, SIZE_MAX - 1, failure, &storage);
    if (status)
        return status;
    if (storage.size / width != tensor->storage_elements || storage.size % width) {
        free((void *)storage.data);
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Storage '%.58s' has %zu bytes where %zu elements of %zu bytes are needed.",
                           tensor->storage_key, storage.size, tensor->storage_elements, width);
    }
    uint8_t *data = memory_allocate(tensor->elements, width);
    if (tensor->elements)
        gather(tensor, storage.data, data);
    free((void *)storage.data);
    *out = (struct bytes){data, tensor->elements * width};
    return STATUS_OK;
}

struct walk {
    void (*visit)(void *context, const char *path, const struct stored_tensor *tensor);
    void *context;
    char path[WALK_PATH_BYTES];
    size_t values;
};

/* Appends ".name" to the path; returns the length to cut it to afterwards. */
static size_t enter(struct walk *walk, const struct value *key, size_t index)
{
    size_t length = strlen(walk->path);
    char *end = walk->path + length;
    size_t room = sizeof walk->path - length;
    const char *dot = length ? "." : "";
    if (key && key->kind == VALUE_TEXT)
        snprintf(end, room, "%s%s", dot, key->text.data);
    else if (key && key->kind == VALUE_INTEGER)
        snprintf(end, room, "%s%lld", dot, (long long)key->integer);
    else
        snprintf(end, room, "%s%zu", dot, index);
    return length;
}

static bool walk_value(struct walk *walk, const struct value *value, int depth)
{
    if (++walk->values > WALK_VALUES_MAX || depth > WALK_DEPTH_MAX)
        return false;
    if (value->kind == VALUE_TENSOR)
        walk->visit(walk->context, walk->path, value->tensor);
    if (value->kind != VALUE_DICT && value->kind != VALUE_LIST && value->kind != VALUE_TUPLE)
        return true;
    bool whole = true;
    size_t step = value->kind == VALUE_DICT ? 2 : 1;
    for (size_t i = 0; i < value->sequence.count && walk->values <= WALK_VALUES_MAX; i += step) {
        size_t length = enter(walk, step == 2 ? value->sequence.items[i] : NULL, i / step);
        whole = walk_value(walk, value->sequence.items[i + step - 1], depth + 1) && whole;
        walk->path[length] = '\0';
    }
    return whole;
}

bool checkpoint_walk(const struct checkpoint *checkpoint,
                     void (*visit)(void *context, const char *path, const struct stored_tensor *tensor),
                     void *context)
{
    struct walk walk = {.visit = visit, .context = context};
    return walk_value(&walk, checkpoint->root, 0);
}
