/* Fuzzes what is read of the files beside a checkpoint's weights; the first byte chooses which. */
#include "engine/checkpoint/config.h"
#include "engine/checkpoint/adapter.h"
#include "engine/checkpoint/preprocessor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_profile(const struct preprocessor *found)
{
    if (!found->given)
        return;
    const struct profile profile = preprocessor_profile(found, found->height, found->width);
    for (int c = 0; c < 3; c++)
        if (!(profile.deviation[c] > 0) || !(profile.rescale > 0))
            abort();
    if (!found->height || !found->width ||
        (profile.edge_height && (profile.edge_height < found->height || profile.edge_width < found->width)))
        abort();
}

static enum status config(struct bytes text, struct failure *failure)
{
    struct config found;
    return config_parse(text, failure, &found);
}

static enum status preprocessor(struct bytes text, struct failure *failure)
{
    struct preprocessor found;
    enum status status = preprocessor_parse(text, failure, &found);
    if (!status)
        check_profile(&found);
    return status;
}

static enum status adapter(struct bytes text, struct failure *failure)
{
    struct adapter_config found;
    enum status status = adapter_parse(text, failure, &found);
    if (!status && (!(found.alpha > 0) || found.rank < 1))
        abort();
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure = {0};
    if (!size)
        return 0;
    const struct bytes text = {data + 1, size - 1};
    enum status status = data[0] % 4 == 0   ? config(text, &failure)
                         : data[0] % 4 == 3 ? adapter(text, &failure)
                                            : preprocessor(text, &failure);
    if (status && !*failure.sentence)
        abort();
    return 0;
}
