#include "engine/checkpoint/loss_name.h"

#include "engine/checkpoint/names.h"

#include <string.h>

bool loss_name_may_be_layer(const char *name)
{
    static const char *const modules[] = {"loss.",     "loss_fn.", "losses.", "criterion.",
                                          "criteria.", "metric.",  "metrics."};
    static const char *const starts[] = {"loss_", "criterion_", "metric"};
    bool module = false, like = false;
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        module = module || name_behind(name, modules[i]);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        like = like || name_behind(name, starts[i]);
    return like && !module;
}

bool loss_name_is(const char *name)
{
    static const char *const starts[] = {"loss.",      "loss_",     "losses.", "criterion.",
                                         "criterion_", "criteria.", "metric"};
    static const char *const ends[] = {"_loss", "_loss_fn", "_criterion", "_metric", "_metrics"};
    const size_t length = strcspn(name, ".");
    bool is_loss = false;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        is_loss = is_loss || name_behind(name, starts[i]);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t tail = strlen(ends[i]);
        is_loss = is_loss || (length > tail && !strncmp(name + length - tail, ends[i], tail));
    }
    return is_loss && name[length] == '.';
}
