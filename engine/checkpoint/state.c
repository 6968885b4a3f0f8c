#include "engine/checkpoint/state.h"

#include "engine/base/text.h"
#include "engine/checkpoint/names.h"
#include "engine/checkpoint/scaling.h"

#include <stdio.h>
#include <string.h>

enum { SEARCH_DEPTH_MAX = 16, SEARCH_VALUES_MAX = 1000 * 1000, EXPRESSION_BYTES = 192 };

/* In the order in which they are taken. */
static const struct wrapper {
    const char *name;
    enum name_owner owner;
} wrappers[] = {
    {"teacher", OWNER_TEACHER},
    {"model", OWNER_NONE},
    {"state_dict", OWNER_NONE},
    {"model_state_dict", OWNER_NONE},
    {"module", OWNER_NONE},
    {"backbone", OWNER_NONE},
    {"ema", OWNER_AVERAGE},
    {"model_ema", OWNER_AVERAGE},
    {"ema_model", OWNER_AVERAGE},
    {"ema_state_dict", OWNER_AVERAGE},
    {"state_dict_ema", OWNER_AVERAGE},
    {"student", OWNER_STUDENT},
};
enum { WRAPPERS = sizeof wrappers / sizeof *wrappers };

/* What training may keep under a name without that an answer depends on it. */
enum keeps {
    KEEPS_NOTHING, /* no tensor */
    KEEPS_SINGLE,  /* tensors of one number, as the best score is */
    KEEPS_NUMBERS, /* those and plain numbers: a GradScaler has nothing else, and another scaler vectors */
    KEEPS_ALL
};
static const struct {
    const char *name;
    enum keeps keeps;
} of_training[] = {
    {"optimizer", KEEPS_ALL},
    {"optimizers", KEEPS_ALL},
    {"optimizer_states", KEEPS_ALL},
    {"optimizer_state_dict", KEEPS_ALL},
    {"scheduler", KEEPS_SINGLE},
    {"schedulers", KEEPS_SINGLE},
    {"lr_scheduler", KEEPS_SINGLE},
    {"lr_schedulers", KEEPS_SINGLE},
    {"scaler", KEEPS_NUMBERS},
    {"grad_scaler", KEEPS_NUMBERS},
    {"fp16_scaler", KEEPS_NUMBERS},
    {"callbacks", KEEPS_SINGLE},
    {"loops", KEEPS_SINGLE},
    {"rng_state", KEEPS_ALL},
    {"rng_states", KEEPS_ALL},
    {"random_state", KEEPS_ALL},
    {"hyper_parameters", KEEPS_SINGLE},
    {"dino_loss", KEEPS_ALL},
    {"ibot_patch_loss", KEEPS_ALL},
    {"koleo_loss", KEEPS_ALL},
};
enum { OF_TRAINING = sizeof of_training / sizeof *of_training };

static bool is_object(const struct value *value)
{
    return value->kind == VALUE_INERT || value->kind == VALUE_MODULE || value->kind == VALUE_GLOBAL;
}

static enum name_owner owner_of(const char *name)
{
    for (size_t i = 0; i < WRAPPERS; i++)
        if (!strcmp(wrappers[i].name, name))
            return wrappers[i].owner;
    return OWNER_NONE;
}

static enum keeps kept_under(const char *name)
{
    for (size_t i = 0; i < OF_TRAINING; i++)
        if (!strcmp(of_training[i].name, name))
            return of_training[i].keeps;
    return KEEPS_NOTHING;
}

/* Of NumPy, which is not read. */
static bool is_array(const struct value *value)
{
    return value->kind == VALUE_INERT && name_behind(value->name, "numpy.") &&
           text_stem(value->name, "._reconstruct");
}

static bool is_container(const struct value *value)
{
    return value->kind == VALUE_DICT || value->kind == VALUE_LIST || value->kind == VALUE_TUPLE;
}

/* Whether that alone is more than may be kept. */
static bool is_more(const struct value *value, enum keeps keeps)
{
    if (value_is_tensor(value) || is_array(value))
        return keeps == KEEPS_NOTHING || value->kind != VALUE_TENSOR || value->tensor->elements > 1;
    return keeps == KEEPS_NUMBERS &&
           ((value->kind == VALUE_INERT && !name_behind(value->name, "torch.")) ||
            (value->kind != VALUE_DICT && is_container(value) && value->sequence.count));
}

/* Whether a value holds more than may be kept; *key, where it is NULL before, is then the key of what does,
 * unless it is the value itself. `left`: how many values may still be looked at, since they may lie in
 * circles. Where it runs out anything may be there. */
static bool holds_more(const struct value *value, enum keeps keeps, int depth, size_t *left,
                       const struct value **key)
{
    if (is_more(value, keeps) || !*left || depth > SEARCH_DEPTH_MAX)
        return true;
    --*left;
    for (size_t i = 0; is_container(value) && i < value->sequence.count; i++)
        if (holds_more(value->sequence.items[i], keeps, depth + 1, left, key)) {
            if (!*key && value->kind == VALUE_DICT && i % 2)
                *key = value->sequence.items[i - 1];
            return true;
        }
    return false;
}

static bool holds_tensor(const struct value *value, size_t *left)
{
    const struct value *key = NULL;
    return holds_more(value, KEEPS_NOTHING, 0, left, &key);
}

/* Under which optimizers keep weights that answer in the place of those in the state dict: NeMo's
 * EMAOptimizer, and others' averages, Lookahead's slow weights. */
static bool is_of_average(const char *name)
{
    static const char *const names[] = {"ema_params",  "shadow",      "shadow_params",      "swa_buffer",
                                        "slow_buffer", "slow_params", "lookahead_slow_buff"};
    bool listed = owner_of(name) == OWNER_AVERAGE;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        listed = listed || !strcmp(names[i], name);
    return listed;
}

/* The name under which an optimizer keeps an average of the weights, or says that the weights are where
 * training goes on and not what answers (schedule-free ones: train_mode), or NULL. */
static const char *average_within(const struct value *value, int depth, size_t *left)
{
    const char *found = NULL;
    if (!is_container(value) || depth > SEARCH_DEPTH_MAX)
        return NULL;
    for (size_t i = 0; i < value->sequence.count && *left && !found; i++) {
        const struct value *key = i % 2 && value->kind == VALUE_DICT ? value->sequence.items[i - 1] : NULL,
                           *item = value->sequence.items[i];
        --*left;
        if (key && value_is_name(key) &&
            ((is_of_average(key->text.data) && holds_tensor(item, left)) ||
             (!strcmp(key->text.data, "train_mode") && item->kind == VALUE_BOOLEAN && item->boolean)))
            return key->text.data;
        found = average_within(item, depth + 1, left);
    }
    return found;
}

/* The member under the first of the wrappers' names that holds a tensor; or else that is an object, for its
 * sentence. */
static const struct value *find_inner(const struct value *outer, const struct wrapper **wrapper)
{
    const struct value *found = NULL;
    size_t left = SEARCH_VALUES_MAX;
    for (size_t i = 0; i < WRAPPERS; i++) {
        const struct value *inner = value_member(outer, wrappers[i].name);
        const bool wrapped = inner && inner->kind == VALUE_DICT && holds_tensor(inner, &left);
        if (!wrapped && (found || !inner || !is_object(inner)))
            continue;
        found = inner;
        *wrapper = &wrappers[i];
        if (wrapped)
            break;
    }
    return found;
}

struct state state_find(const struct value *root)
{
    struct state state = {.value = root, .name = ""};
    while (state.depth < STATE_DEPTH_MAX) {
        const struct wrapper *wrapper;
        const struct value *inner = find_inner(state.value, &wrapper);
        if (!inner)
            break;
        state.name = state.names[state.depth] = wrapper->name;
        state.owner = state.owner == OWNER_NONE ? wrapper->owner : state.owner;
        state.within[state.depth++] = state.value;
        state.value = inner;
    }
    return state;
}

size_t state_others(const struct state *state, const struct value *out[STATE_OTHERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < state->depth; i++)
        for (size_t k = 0; k < WRAPPERS; k++) {
            const bool copy = wrappers[k].owner == OWNER_AVERAGE || wrappers[k].owner == OWNER_STUDENT;
            const struct value *other = copy ? value_member(state->within[i], wrappers[k].name) : NULL;
            if (other && strcmp(wrappers[k].name, state->names[i]) && count < STATE_OTHERS_MAX)
                out[count++] = state_find(other).value;
        }
    return count;
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

/* "torch.load(FILE, 'cpu')['model']['net']": what the state dict lies in, and perhaps a member of it. */
static const char *expression_of(const struct state *state, const char *member, char out[EXPRESSION_BYTES])
{
    size_t used = (size_t)snprintf(out, EXPRESSION_BYTES, "torch.load(FILE, 'cpu')");
    for (size_t i = 0; i < state->depth; i++)
        used += (size_t)snprintf(out + used, EXPRESSION_BYTES - used, "['%s']", state->names[i]);
    if (member)
        snprintf(out + used, EXPRESSION_BYTES - used, "['%.60s']", member);
    return out;
}

/* What lies in the state dict itself and is no tensor of it: perhaps the state dict, under a name that is no
 * wrapper's. */
static enum status refuse_inner(const struct state *state, const struct value *key, const char *name,
                                const char *found, struct failure *failure)
{
    char expression[EXPRESSION_BYTES];
    bool is_state = !value_is_name(key);
    for (size_t i = 1; i < state->value->sequence.count; i += 2)
        is_state = is_state || value_is_tensor(state->value->sequence.items[i]);
    if (is_state)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The file holds %s under '%.100s', within the state dict, which this program does "
                           "not know. Save the tensors that answer alone, as a state dict.",
                           found, name);
    return failure_set(failure, STATUS_INVALID_FILE,
                       "The file holds %s under '%.60s', and no state dict under a name that is known here "
                       "('state_dict', 'model', 'teacher', ...). If those are the weights, save them alone: "
                       "torch.save(%s, NEW_FILE).",
                       found, name, expression_of(state, name, expression));
}

static enum status refuse_member(const struct state *state, bool inner, const struct value *key,
                                 const char *name, const struct value *value, struct failure *failure)
{
    char found[128] = "tensors", expression[EXPRESSION_BYTES];
    const enum name_owner owner = owner_of(name);
    if (!inner && (owner == OWNER_AVERAGE || owner == OWNER_STUDENT))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The file holds weights under '%s' and %s under '%s', and does not say "
                           "which answer. Save those that are meant alone, as a state dict.",
                           state->name, owner == OWNER_AVERAGE ? "their running average" : "a student's",
                           name);
    if (is_object(value) || value->kind == VALUE_UNREAD)
        value_describe(value, found, sizeof found);
    if (inner)
        return refuse_inner(state, key, name, found, failure);
    return failure_set(failure, STATUS_INVALID_FILE,
                       "The file holds %s under '%.100s', beside the state dict, which this program does not "
                       "know. If the answers do not need them, save the state dict alone: torch.save(%s, "
                       "NEW_FILE).",
                       found, name, expression_of(state, NULL, expression));
}

/* What lies where training keeps none of its kind. */
static enum status refuse_kept(const struct state *state, const char *name, const struct value *key,
                               struct failure *failure)
{
    char text[128], within[80] = "", expression[EXPRESSION_BYTES],
                    save[EXPRESSION_BYTES + 32] = ", as a state dict.";
    if (key)
        snprintf(within, sizeof within, " ('%.60s')", value_key(key, text, sizeof text));
    if (state->depth)
        snprintf(save, sizeof save, ": torch.save(%s, NEW_FILE).", expression_of(state, NULL, expression));
    return failure_set(failure, STATUS_INVALID_FILE,
                       "The file holds values under '%s'%s that answers may need (a scale of features or "
                       "pictures, an average of the weights). Work them into the weights, or, if they are of "
                       "no use, save those alone%s",
                       name, within, save);
}

/* Of the weights that are taken a copy may lie beside them: a student's, and of a teacher an average, too. */
static bool is_copy(const struct state *state, enum name_owner owner)
{
    return (owner == OWNER_STUDENT && (state->owner == OWNER_TEACHER || state->owner == OWNER_AVERAGE)) ||
           (owner == OWNER_AVERAGE && state->owner == OWNER_TEACHER);
}

/* Looks at the members of a dict, but for the state dict or what it lies in. Tensors of the state dict itself
 * are for whoever knows their names. */
static enum status check_members(const struct state *state, const struct value *dict,
                                 const struct value *except, size_t *left, struct failure *failure)
{
    for (size_t i = 0; dict->kind == VALUE_DICT && i < dict->sequence.count; i += 2) {
        const struct value *key = dict->sequence.items[i], *value = dict->sequence.items[i + 1], *more = NULL;
        char text[128];
        const char *name = key->kind == VALUE_TEXT ? key->text.data : value_key(key, text, sizeof text);
        const enum keeps keeps = kept_under(name);
        size_t within = SEARCH_VALUES_MAX;
        const char *average = keeps == KEEPS_ALL ? average_within(value, 0, &within) : NULL;
        if (average && state->owner != OWNER_TEACHER)
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "The file holds weights under '%s' and their running average in '%s' ('%s'), and "
                "does not say which answer. Save those that are meant alone, as a state dict.",
                state->name, name, average);
        const struct value *scaling =
            value == except || keeps == KEEPS_ALL ? NULL : scaling_within(value, &within);
        if (scaling || (value != except && keeps != KEEPS_ALL && scaling_is(name, value)))
            return refuse_kept(state, name, scaling, failure);
        if (value == except || keeps == KEEPS_ALL || (except && is_copy(state, owner_of(name))) ||
            (!except && (value_is_tensor(value) || is_array(value))) ||
            !holds_more(value, keeps, 0, left, &more))
            continue;
        return keeps == KEEPS_NOTHING ? refuse_member(state, !except, key, name, value, failure)
                                      : refuse_kept(state, name, more, failure);
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
