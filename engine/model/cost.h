/* What a pass costs by arithmetic: floating-point operations and least memory traffic of every operation. */
#ifndef CXRD_ENGINE_MODEL_COST_H
#define CXRD_ENGINE_MODEL_COST_H

#include "engine/model/shape.h"

/* All dispatches of one label together, for a whole batch. A multiplication and an addition are two
 * operations; padding is not counted. */
struct cost {
    const char *label; /* as vit.c and glori.c name it in timings; static storage */
    double operations;
    double bytes; /* weights once, activations in and out once, at the element sizes given */
};

enum { COSTS_MAX = 32 };

/* Fills out[0..COSTS_MAX) with the operations whose cost is worth a rate and returns how many there are.
 * glori_widths [head_count]: of each head that is GLoRI, its E (model_glori_width). */
size_t cost_list(const struct shape *shape, const struct model_card *card, const uint32_t *glori_widths,
                 uint32_t batch, double weight_bytes, double activation_bytes, struct cost *out);

/* Operations of one image in the backbone alone: the figure a model is known by. */
double cost_image(const struct shape *shape);

#endif
