#include "tests/unit/model/jobs.h"

#include <stdlib.h>

struct batcher_image image_of(uint8_t value, uint8_t number)
{
    struct batcher_image image = {.pixels = memory_allocate(2, 1)};
    image.pixels[0] = value;
    image.pixels[1] = number;
    return image;
}

void answer_jobs(struct queue *queue, struct job *const *jobs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct answer *out = &jobs[i]->answer;
        out->head_count = 1;
        out->logits = memory_allocate(1, sizeof *out->logits);
        out->attention = memory_allocate(1, sizeof *out->attention);
        out->logits[0] = memory_allocate(1, sizeof(float));
        out->logits[0][0] = (float)(1000 * jobs[i]->image.pixels[0] + jobs[i]->image.pixels[1]);
    }
    queue_return(queue, jobs, count, &(struct failure){0});
}
