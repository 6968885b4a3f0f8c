/* Buffers that modules save beside their weights and that are none: how many networks were averaged
 * (torch.optim.swa_utils.AveragedModel), the places of positions, the means and deviations of pictures; and
 * what a training's settings say of the last. */
#ifndef CXRD_ENGINE_CHECKPOINT_MODULE_BUFFER_H
#define CXRD_ENGINE_CHECKPOINT_MODULE_BUFFER_H

#include "engine/checkpoint/checkpoint.h"
#include "engine/package/profile.h"

enum module_buffer_kind {
    BUFFER_NONE,
    BUFFER_AVERAGED, /* "n_averaged": one whole number */
    BUFFER_PLACES,   /* "position_ids": whole numbers */
    BUFFER_MEAN,     /* "normalize.mean", "pixel_mean", ...: one number, or one a channel */
    BUFFER_DEVIATION /* "normalize.std" */
};

enum { MODULE_BUFFERS_MAX = 16 };

struct module_buffers {
    struct {
        const char *key; /* lives as long as the checkpoint */
        enum module_buffer_kind kind;
        const struct stored_tensor *tensor; /* NULL: `numbers`, of training's settings */
        float numbers[3];
    } items[MODULE_BUFFERS_MAX];
    size_t count;
};

/* Which buffer lies under this key of a state dict, by its name, type and shape. */
enum module_buffer_kind module_buffer_kind(const char *key, const struct value *value);

/* Takes it in; false when it is none or there is no room. */
bool module_buffers_take(struct module_buffers *buffers, const char *key, const struct value *value);

/* Takes in what training's settings ("hyper_parameters", NULL: none) say under the names of means and
 * deviations.
 */
void module_buffers_take_settings(struct module_buffers *buffers, const struct value *settings);

/* Checks that the answers depend on none of them: something was averaged, places are 0, 1, 2, ..., means and
 * deviations are those of the profile, of values or of bytes. Fails with INVALID_FILE and a sentence that
 * names the buffer and what contradicts it. */
WARN_UNUSED enum status module_buffers_check(const struct module_buffers *buffers,
                                             struct checkpoint *checkpoint, const struct profile *profile,
                                             struct failure *failure);

#endif
