#include "engine/checkpoint/adapter.h"

#include <stdio.h>
#include <string.h>

/* "x.query.base_layer.weight" and "base_model.model.x.query.lora_A.default.weight" -> "x.query"; false of
 * what is no matrix.
 */
static bool read_module(const char *key, enum name_adapter adapter, char out[KEY_BYTES_MAX])
{
    static const char base[] = "base_model.model."; /* perhaps of a part of the model that was saved */
    const char *inside = strstr(key, base);
    key = inside ? inside + strlen(base) : key;
    const char *half = adapter == ADAPTER_A ? strstr(key, ".lora_A.") : strstr(key, ".lora_B.");
    size_t length = strlen(key);
    if (adapter != ADAPTER_NONE && half)
        length = (size_t)(half - key);
    else if (length > strlen(".weight") && !strcmp(key + length - strlen(".weight"), ".weight"))
        length -= strlen(".weight");
    else
        return false;
    const size_t tail = strlen(".base_layer");
    if (length > tail && !strncmp(key + length - tail, ".base_layer", tail))
        length -= tail;
    if (length >= KEY_BYTES_MAX)
        return false;
    memcpy(out, key, length);
    out[length] = '\0';
    return true;
}

/* What the names of one module, in the model that was trained and in the weights, begin with before what they
 * share: "dinov2." of "dinov2.encoder.layer.0..." and nothing of "encoder.layer.0...". */
struct prefixes {
    char trained[KEY_BYTES_MAX], weights[KEY_BYTES_MAX];
};

static void part(const char *trained, const char *weights, struct prefixes *out)
{
    size_t left = strlen(trained), right = strlen(weights), whole_left = left, whole_right = right;
    while (left && right && trained[left - 1] == weights[right - 1]) {
        left--;
        right--;
        const bool starts = (!left || trained[left - 1] == '.') && (!right || weights[right - 1] == '.');
        whole_left = starts ? left : whole_left;
        whole_right = starts ? right : whole_right;
    }
    snprintf(out->trained, sizeof out->trained, "%.*s", (int)whole_left, trained);
    snprintf(out->weights, sizeof out->weights, "%.*s", (int)whole_right, weights);
}

/* Whether the member at `i` is of the weights that are taken, and a module's matrix. */
static bool read_member(const struct value *state, size_t i, enum name_owner owner,
                        struct backbone_name *name, char module[KEY_BYTES_MAX])
{
    const struct value *key = state->sequence.items[i], *value = state->sequence.items[i + 1];
    return key->kind == VALUE_TEXT && name_of_backbone(key->text.data, name) == NAME_KNOWN && !name->copy &&
           (name->owner == OWNER_NONE || name->owner == owner) && value->kind == VALUE_TENSOR &&
           value->tensor->rank > 1 && read_module(key->text.data, name->adapter, module);
}

/* Of the first module that is adapted. */
static void find_prefixes(const struct value *state, enum name_owner owner, struct prefixes *out)
{
    struct backbone_name adapted, name;
    char trained[KEY_BYTES_MAX], module[KEY_BYTES_MAX];
    bool found = false;
    *out = (struct prefixes){{0}, {0}};
    for (size_t i = 0; i < state->sequence.count && !found; i += 2)
        found = read_member(state, i, owner, &adapted, trained) && adapted.adapter;
    for (size_t i = 0; found && i < state->sequence.count; i += 2)
        if (read_member(state, i, owner, &name, module) && !name.adapter && name.piece == adapted.piece &&
            !strcmp(name.name, adapted.name)) {
            part(trained, module, out);
            return;
        }
}

static enum status check_target(const struct selection *selection, const struct adapter_targets *targets,
                                const struct prefixes *prefixes, const char *module,
                                const struct backbone_name *name, const struct value *value,
                                struct failure *failure)
{
    char trained[2 * KEY_BYTES_MAX];
    const struct selected *item = selection_item(selection, name->name);
    const char *rest = name->adapter ? NULL : name_behind(module, prefixes->weights);
    if (!item)
        return STATUS_OK;
    snprintf(trained, sizeof trained, "%s%s", rest ? prefixes->trained : "", rest ? rest : module);
    const struct piece *piece = &item->pieces[name->piece];
    const struct stored_tensor *own = item->piece_count ? piece->tensor : item->source;
    const bool meant = adapter_targets_mean(targets, trained, name->name);
    if (!name->adapter && own == value->tensor && meant && !(item->piece_count && piece->down))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "adapter_config.json names '%.100s' (target_modules), of which no LoRA adapter is "
                           "there: a part of it is missing.",
                           module);
    if (name->adapter && !meant)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It holds a LoRA adapter of '%.100s', which adapter_config.json does not name "
                           "(target_modules, exclude_modules, layers_to_transform): they do not belong "
                           "together.",
                           module);
    return STATUS_OK;
}

/* PEFT loads the trained copy of such a module, so the weights' own is not what was meant. Names of modules
 * that the network does not have are usual. */
static enum status check_saved(const struct adapter_targets *targets, const struct checkpoint *checkpoint,
                               const struct value *state, size_t item, struct failure *failure)
{
    bool is_there = false, is_trained = false;
    for (size_t i = 0; i < state->sequence.count && !is_trained; i += 2) {
        char without[KEY_BYTES_MAX];
        const struct value *key = state->sequence.items[i], *value = state->sequence.items[i + 1];
        if (key->kind != VALUE_TEXT || value->kind != VALUE_TENSOR)
            continue;
        const enum name_copy copy = name_copy_of(key->text.data, without);
        if (!adapter_targets_saved(targets, item, copy ? without : key->text.data))
            continue;
        is_there = true;
        is_trained = copy == COPY_TRAINED || checkpoint_is_adapters(checkpoint, value->tensor);
    }
    if (!is_there || is_trained)
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "adapter_config.json names '%.100s' (modules_to_save), which was trained beside the "
                       "adapter, and only the model's own is there: a part of the adapter is missing.",
                       targets->saved.items[item]);
}

/* Besides halves of adapters PEFT saves the modules that it names: what else an adapter's file holds of the
 * network was not trained with the adapter, or of a bias in a way that it does not say. */
static enum status check_named(const struct adapter_targets *targets, const struct checkpoint *checkpoint,
                               const struct value *key, const struct value *value, struct failure *failure)
{
    struct backbone_name name;
    if (key->kind != VALUE_TEXT || value->kind != VALUE_TENSOR ||
        !checkpoint_is_adapters(checkpoint, value->tensor) ||
        name_of_backbone(key->text.data, &name) != NAME_KNOWN || name.adapter || name.copy == COPY_TRAINED)
        return STATUS_OK;
    for (size_t i = 0; i < targets->saved.count; i++)
        if (adapter_targets_saved(targets, i, key->text.data))
            return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "The adapter's file holds '%.100s', which is no LoRA adapter and which "
                       "adapter_config.json does not name (modules_to_save): they do not belong together.",
                       key->text.data);
}

enum status adapter_check_targets(const struct selection *selection, const struct adapter_config *config,
                                  const struct checkpoint *checkpoint, const struct value *state,
                                  enum name_owner owner, struct failure *failure)
{
    const struct adapter_targets *targets = &config->targets;
    struct prefixes prefixes;
    enum status status = STATUS_OK;
    find_prefixes(state, owner, &prefixes);
    for (size_t i = 0; targets->said && i < state->sequence.count && !status; i += 2) {
        struct backbone_name name;
        char module[KEY_BYTES_MAX];
        if (read_member(state, i, owner, &name, module))
            status = check_target(selection, targets, &prefixes, module, &name, state->sequence.items[i + 1],
                                  failure);
    }
    for (size_t i = 0; config->rank && i < state->sequence.count && !status; i += 2)
        status =
            check_named(targets, checkpoint, state->sequence.items[i], state->sequence.items[i + 1], failure);
    for (size_t i = 0; i < targets->saved.count && !status; i++)
        status = check_saved(targets, checkpoint, state, i, failure);
    return status;
}
