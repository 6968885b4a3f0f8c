/* Which tensors of a checkpoint are the backbone's, and how they become the package's. */
#ifndef CXRD_ENGINE_CHECKPOINT_BACKBONE_SELECT_H
#define CXRD_ENGINE_CHECKPOINT_BACKBONE_SELECT_H

#include "engine/checkpoint/adapter.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/module_buffer.h"
#include "engine/checkpoint/selection.h"

struct backbone_selection {
    struct selection selection;
    unsigned traits;       /* of its names and shapes (names.h) */
    enum name_owner owner; /* whose weights they are */
    size_t adapters;       /* halves of LoRA adapters that are merged */
    size_t replaced;       /* tensors of the weights for which others were trained beside an adapter */
    size_t losses;         /* tensors of losses and metrics, which are left out, */
    char loss[NAME_BYTES]; /* and the first of them */
    struct module_buffers buffers; /* which are no weights; whether they agree is to be checked */
};

/* Selects every tensor of the network, whatever layout of names the checkpoint has. Of a teacher and its
 * student the teacher's are taken. Fails with INVALID_FILE when there is none; when one is neither known nor
 * known to be harmless, or was made for a network that is not supported, which the sentence names; when the
 * weights are there twice and either may be meant, or are parts of two networks, or were cut. *out is then
 * empty. The caller finishes out->selection. */
WARN_UNUSED enum status backbone_select(const struct checkpoint *checkpoint,
                                        const struct adapter_config *adapter, struct failure *failure,
                                        struct backbone_selection *out);

#endif
