/* What tests of the queue share: images that say who they are, and a worker's answers. */
#ifndef CXRD_TESTS_UNIT_MODEL_JOBS_H
#define CXRD_TESTS_UNIT_MODEL_JOBS_H

#include "engine/model/queue.h"

/* An image whose first bytes these are. */
struct batcher_image image_of(uint8_t value, uint8_t number);
/* Answers jobs with 1000 * the first byte + the second. */
void answer_jobs(struct queue *queue, struct job *const *jobs, uint32_t count);

#endif
