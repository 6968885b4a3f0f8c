/* Images that a request says, one by one, to be frontal or lateral: brought into pairs. */
#ifndef CXRD_API_ARRANGE_H
#define CXRD_API_ARRANGE_H

#include "api/input.h"

/* Where images are named frontal and lateral: the first of each become the first pair, and so on, and `views`
 * says so. Fails with BAD_REQUEST when some have no such name, one lacks the other, or the option is given
 * otherwise. */
WARN_UNUSED enum status arrange_views(struct input *input, struct arena *arena, struct failure *failure);

#endif
