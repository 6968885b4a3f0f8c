/* Which modules of a network adapter_config.json says that a LoRA adapter is of, as PEFT reads it
 * (peft/tuners/tuners_utils.py, check_target_module_exists): "target_modules", "exclude_modules",
 * "layers_to_transform" and "layers_pattern"; and which were trained beside it: "modules_to_save". */
#ifndef CXRD_ENGINE_CHECKPOINT_ADAPTER_TARGETS_H
#define CXRD_ENGINE_CHECKPOINT_ADAPTER_TARGETS_H

#include "engine/base/json.h"
#include "engine/base/status.h"
#include "engine/checkpoint/adapter_expression.h"
#include "engine/checkpoint/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ADAPTER_NAMES_MAX = 32, ADAPTER_NAME_BYTES = 128, ADAPTER_LAYERS_MAX = 128 };

/* A list of names, or an expression that all of them match. */
struct adapter_names {
    char items[ADAPTER_NAMES_MAX][ADAPTER_NAME_BYTES];
    size_t count;
    char expression[ADAPTER_EXPRESSION_BYTES]; /* empty: the list */
};

struct adapter_targets {
    bool said;       /* modules are named; else any may be adapted */
    bool all_linear; /* all matrices of the blocks */
    struct adapter_names names, excluded;
    struct adapter_names saved; /* modules that were trained whole beside the adapter (modules_to_save) */
    bool of_layers;             /* only these: */
    bool layers[ADAPTER_LAYERS_MAX];
};

/* Fails with INVALID_FILE when a member is not of its kind or over the limits above, or names layers by a
 * pattern that is none of the blocks', or modules by an expression that cannot be evaluated. */
WARN_UNUSED enum status adapter_targets_read(const struct json *document, struct failure *failure,
                                             struct adapter_targets *out);

/* Whether the module of this key of a file, as the model that was trained has it, without ".weight" or
 * ".lora_A.weight" at its end, is meant. `name`: the package's name of it. */
bool adapter_targets_mean(const struct adapter_targets *targets, const char *key, const char *name);

/* Whether a key of a file is of a module that was trained whole; `i`-th of `saved`. */
bool adapter_targets_saved(const struct adapter_targets *targets, size_t i, const char *key);

#endif
