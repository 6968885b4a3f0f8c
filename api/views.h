/* The option `views`: how the images of a request pair into studies of a frontal and a lateral.
 *
 * views=frontal,lateral takes images in pairs, each frontal followed by its lateral; views=frontal has heads
 * of two views read each image as both, as the authors do where there is no lateral. Images that are named
 * frontal and lateral one by one are brought into that order.
 */
#ifndef CXRD_API_VIEWS_H
#define CXRD_API_VIEWS_H

#include "api/options.h"

/* "frontal,lateral" and "frontal": as requests say it; NULL for PAIRING_NONE. */
const char *views_name(enum pairing pairing);

/* How whoever asks would say it, in the places of sentences. */
struct views_words {
    const char *is;        /* "The option 'views' is": before its values */
    const char *pairs;     /* "say views=frontal,lateral and send images": asks for pairs */
    const char *both;      /* "say views=frontal": has each image read as both */
    const char *leave_out; /* "leave the head out of ...": asks for other heads alone */
    const char *without;   /* how images of one view are sent */
};
extern const struct views_words views_in_request, views_in_inference, views_on_command_line;

/* Reads the option's values, NULL where it was not given. Fails with BAD_REQUEST. */
WARN_UNUSED enum status views_read(struct arena *arena, const struct text_list *values,
                                   const struct views_words *words, struct failure *failure,
                                   enum pairing *out);

/* Whether the heads asked for fit: those of two views need pairs, and without one nothing reads a lateral.
 * Fails with BAD_REQUEST. */
WARN_UNUSED enum status views_check(struct arena *arena, const struct model_card *card, const bool *heads,
                                    enum pairing pairing, const struct views_words *words,
                                    struct failure *failure);

/* "Frontal image 3 ('a.png')", counted from 0; id: NULL where it has none. */
const char *views_image(struct arena *arena, const char *what, size_t number, const char *id);

/* Whether so many images make whole studies. `ids`: their names, or NULL where they have numbers alone. Fails
 * with BAD_REQUEST and names the image that lacks its lateral. */
WARN_UNUSED enum status views_count(struct arena *arena, enum pairing pairing, const char *const *ids,
                                    size_t count, struct failure *failure);

#endif
