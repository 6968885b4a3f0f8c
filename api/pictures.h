/* The pictures of one answer, of maps and of images: bounded before work begins, drawn in turns, paid for. */
#ifndef CXRD_API_PICTURES_H
#define CXRD_API_PICTURES_H

#include "api/options.h"
#include "api/turns.h"
#include "engine/base/json.h"
#include "engine/image/overlay.h"

struct pictures {
    const struct patience *patience; /* how long who asked waits; NULL: for ever */
    struct turns *turns;             /* at drawing; NULL: without waiting */
    struct arena *arena;             /* is charged with what pictures take */
    size_t pixels_left, bytes_left;  /* what further ones may have; counted down */
};

/* Before images are predicted, all of a request: judges by their headers what drawing their maps and
 * themselves will be, and charges the arena with the pictures an engine keeps for it, *kept_bytes, until the
 * caller refunds it. Fails with TOO_LARGE when the pictures certain to be drawn have more pixels than are
 * left, and as arena_charge. */
WARN_UNUSED enum status pictures_expect(const struct pictures *pictures, const struct options *options,
                                        const struct model_card *card, const struct bytes *images,
                                        size_t count, struct failure *failure, size_t *kept_bytes);

/* What one image's maps are drawn on: its own picture for overlays (borrowed), nothing of the same size else.
 * Counts the pixels of all its `count` maps, before the first is drawn. Fails with TOO_LARGE. */
WARN_UNUSED enum status pictures_canvas(struct pictures *pictures, const struct options *options,
                                        const struct prediction *prediction, size_t count,
                                        struct failure *failure, struct image *out);

/* Draws a map and adds {"png", "width", "height"} to `object`. Fails with TOO_LARGE when bytes_left is
 * passed, TIMEOUT, CLIENT_GONE, OUT_OF_MEMORY, and as arena_charge. */
WARN_UNUSED enum status pictures_draw(struct pictures *pictures, const struct attention_map *map,
                                      const struct image *canvas, struct failure *failure,
                                      struct json *object);
/* The same of an image as it is, no side of it over `side`; counts its pixels, too. */
WARN_UNUSED enum status pictures_show(struct pictures *pictures, const struct image *picture, uint32_t side,
                                      struct failure *failure, struct json *object);

/* What is told where neither maps nor pictures may leave the service. */
enum status pictures_withheld(struct failure *failure);

#endif
