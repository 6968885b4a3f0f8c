/* Memory that this process and the children of one slot share. Private to engine/sandbox. */
#ifndef CXRD_ENGINE_SANDBOX_AREA_H
#define CXRD_ENGINE_SANDBOX_AREA_H

#include "engine/sandbox/pool.h"

/* Pages that nobody touched cost nothing. */
struct area {
    uint8_t *input;  /* [IMAGE_FILE_BYTES_MAX] */
    uint8_t *output; /* [IMAGE_PIXEL_BYTES_MAX] */
};

/* Maps `count` areas, to be unmapped with areas_finish whether all succeeded or not; zeroed before. Fails
 * with UNAVAILABLE. */
WARN_UNUSED enum status areas_init(struct area *areas, size_t count, struct failure *failure);
void areas_finish(const struct area *areas, size_t count);

/* Gives pages back to the system, but for what a usual image takes; `used` bytes were touched at most. */
void area_shrink_input(const struct area *area, size_t used);
void area_shrink_output(const struct area *area, size_t used);

#endif
