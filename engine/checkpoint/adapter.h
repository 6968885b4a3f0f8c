/* LoRA adapters as PEFT saves them: W + scale B A, with the scale of adapter_config.json.
 *
 * Hu et al. 2021 (arXiv 2106.09685): scale = alpha / rank. With "use_rslora" (Kalajdzievski 2023, arXiv
 * 2312.03732) it is alpha / sqrt(rank).
 */
#ifndef CXRD_ENGINE_CHECKPOINT_ADAPTER_H
#define CXRD_ENGINE_CHECKPOINT_ADAPTER_H

#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/checkpoint/adapter_targets.h"
#include "engine/checkpoint/names.h"
#include "engine/checkpoint/selection.h"

enum { ADAPTER_CLASS_BYTES = 64 };

struct adapter_config {
    double alpha; /* 0: not known */
    int64_t rank; /* 0: not known */
    bool root_of_rank;
    bool changes_base;               /* training began by changing the weights that it adapts, */
    char beginning[41];              /* as this names it, cut to fit */
    char base[128];                  /* the model that it was trained on, cut to fit; empty: not said */
    char class[ADAPTER_CLASS_BYTES]; /* of transformers that this was of; the same */
    struct adapter_targets targets;
};

/* Reads adapter_config.json. Fails with INVALID_FILE when it is no such file, or asks for what is not merged
 * here (ranks or alphas of their own for some modules, DoRA, biases, layers that repeat, whatever is not
 * known to leave alone what is added), by name. */
WARN_UNUSED enum status adapter_parse(struct bytes text, struct failure *failure, struct adapter_config *out);
/* The same of a file; sentences name the path. Fails also with NOT_FOUND and TOO_LARGE. */
WARN_UNUSED enum status adapter_read(const char *path, struct failure *failure, struct adapter_config *out);

/* Fails with INVALID_FILE when the adapter goes with no weights but those that it was saved with: merged into
 * the published ones it is another network. For an adapter in a file of its own. */
WARN_UNUSED enum status adapter_check_published(const struct adapter_config *config, struct failure *failure);

/* Notes a half of an adapter at the selected tensor that it adapts, of whose pieces it is of one. Fails with
 * INVALID_FILE when that tensor is not there, or has an adapter already. */
WARN_UNUSED enum status adapter_attach(struct selection *selection, const struct backbone_name *name,
                                       const struct value *value, struct failure *failure);

/* Whether the adapter says that it was trained on a model published under another name than this one. A path
 * on somebody's disk says nothing. */
bool adapter_is_of_another(const struct adapter_config *config, const char *model);

/* Fails with INVALID_FILE when it says that it was trained on a class of transformers of another kind of
 * network than this "model_type" of a config.json, which may be empty. */
WARN_UNUSED enum status adapter_check_class(const struct adapter_config *config, const char *model_type,
                                            struct failure *failure);

/* Checks that the adapters noted are of exactly the modules that the settings name, that of those that were
 * trained whole beside them the trained ones are there, and that nothing else of the network is in the
 * adapter's file (adapter_check.c). `state`: the checkpoint's,
 * `owner`: whose weights of it are taken. Fails with INVALID_FILE and the key of the first that is missing or
 * is not named. */
WARN_UNUSED enum status adapter_check_targets(const struct selection *selection,
                                              const struct adapter_config *config,
                                              const struct checkpoint *checkpoint, const struct value *state,
                                              enum name_owner owner, struct failure *failure);

/* Checks that every adapter has both halves, of shapes that fit, and sets the scales. Fails with
 * INVALID_FILE. */
WARN_UNUSED enum status adapter_finish(struct selection *selection, const struct adapter_config *config,
                                       struct failure *failure);

#endif
