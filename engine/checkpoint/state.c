#include "engine/checkpoint/state.h"

#include "engine/checkpoint/names.h"

#include <string.h>

enum { SEARCH_DEPTH_MAX = 16, SEARCH_VALUES_MAX = 1000 * 1000 };

/* In the order in which they are taken. */
static const char *const wrappers[] = {
    "teacher",   "model",     "state_dict",     "model_state_dict", "module",  "backbone", "ema",
    "model_ema", "ema_model", "ema_state_dict", "state_dict_ema",   "student", NULL};
/* The running average of another's weights. A teacher is one, and the one that answers. */
static const char *const averages[] = {"ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema",
                                       NULL};
static const char *const of_training[] = {"student",
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
                                          "hyper_parameters",
                                          "dino_loss",
                                          "ibot_patch_loss",
                                          "koleo_loss",
                                          NULL};

static bool is_object(const struct value *value)
{
    return value->kind == VALUE_INERT || value->kind == VALUE_MODULE || value->kind == VALUE_GLOBAL;
}

/* `left`: how many values may still be looked at, since they may lie in circles. Where it runs out a tensor
 * may be. */
static bool holds_tensor(const struct value *value, int depth, size_t *left)
{
    if (value_is_tensor(value) || !*left || depth > SEARCH_DEPTH_MAX)
        return true;
    --*left;
    if (value->kind != VALUE_DICT && value->kind != VALUE_LIST && value->kind != VALUE_TUPLE)
        return false;
    for (size_t i = 0; i < value->sequence.count; i++)
        if (holds_tensor(value->sequence.items[i], depth + 1, left))
            return true;
    return false;
}

/* The member under the first of the wrappers' names that holds a tensor; or else that is an object, for its
 * sentence. Its name is left in *name. */
static const struct value *find_inner(const struct value *outer, const char **name)
{
    const struct value *found = NULL;
    size_t left = SEARCH_VALUES_MAX;
    for (const char *const *wrapper = wrappers; *wrapper; wrapper++) {
        const struct value *inner = value_member(outer, *wrapper);
        const bool wrapped = inner && inner->kind == VALUE_DICT && holds_tensor(inner, 0, &left);
        if (!wrapped && (found || !inner || !is_object(inner)))
            continue;
        found = inner;
        *name = *wrapper;
        if (wrapped)
            break;
    }
    return found;
}

struct state state_find(const struct value *root)
{
    struct state state = {.value = root, .name = ""};
    while (state.depth < STATE_DEPTH_MAX) {
        const struct value *inner = find_inner(state.value, &state.name);
        if (!inner)
            break;
        state.within[state.depth++] = state.value;
        state.value = inner;
    }
    return state;
}

enum status state_check(const struct state *state, struct failure *failure)
{
    const struct value *value = state->value;
    char found[128];
    if (value->kind == VALUE_DICT)
        return STATUS_OK;
    value_describe(value, found, sizeof found);
    if (is_object(value) && !strncmp(value->name, "__torch__", strlen("__torch__")))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is a TorchScript program and not its weights alone. Save those: "
                           "torch.save(torch.jit.load(FILE, 'cpu').state_dict(), NEW_FILE).");
    if (value->kind == VALUE_MODULE)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "It is %s, pickled whole, and not its weights alone. If you trust its source, save those: "
            "torch.save(torch.load(FILE, 'cpu', weights_only=False).state_dict(), NEW_FILE).",
            found);
    if (is_object(value))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Where the state dict should be, the file holds %s, which this program neither knows "
            "nor runs. Do not load the file in PyTorch unless you trust its source.",
            found);
    return failure_set(failure, STATUS_INVALID_FILE, "Where the state dict should be, the file holds %s.",
                       found);
}

static enum status refuse_member(const struct state *state, const char *name, const struct value *value,
                                 struct failure *failure)
{
    char found[128] = "tensors";
    if (name_is_listed(averages, name))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The file holds weights under '%s' and their running average under '%s', and does not say "
            "which answer. Save those that are meant alone, as a state dict.",
            state->name, name);
    if (is_object(value) || value->kind == VALUE_UNREAD)
        value_describe(value, found, sizeof found);
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "The file holds %s under '%.100s', beside the state dict, which this program does not know.", found,
        name);
}

/* Looks at the members of a dict, but for the state dict or what it lies in. Tensors of the state dict itself
 * are for whoever knows their names. */
static enum status check_members(const struct state *state, const struct value *dict,
                                 const struct value *except, size_t *left, struct failure *failure)
{
    for (size_t i = 0; dict->kind == VALUE_DICT && i < dict->sequence.count; i += 2) {
        const struct value *key = dict->sequence.items[i], *value = dict->sequence.items[i + 1];
        char text[128];
        const char *name = key->kind == VALUE_TEXT ? key->text.data : value_key(key, text, sizeof text);
        bool average = !strcmp(state->name, "teacher") && name_is_listed(averages, name);
        if (value == except || average || name_is_listed(of_training, name) ||
            (value_is_tensor(value) && !except))
            continue;
        if (holds_tensor(value, 0, left))
            return refuse_member(state, name, value, failure);
    }
    return STATUS_OK;
}

enum status state_check_rest(const struct state *state, struct failure *failure)
{
    size_t left = SEARCH_VALUES_MAX;
    enum status status = check_members(state, state->value, NULL, &left, failure);
    for (size_t i = state->depth; i-- > 0 && !status;) {
        const struct value *inner = i + 1 < state->depth ? state->within[i + 1] : state->value;
        status = check_members(state, state->within[i], inner, &left, failure);
    }
    return status;
}
