/* Names of labels fit for files. */
#ifndef CXRD_CLI_LABEL_NAMES_H
#define CXRD_CLI_LABEL_NAMES_H

#include "engine/base/memory.h"
#include "engine/package/card.h"

/* One name a label, numbered through all heads: its letters and digits, '_' for all else; with its head's
 * name before it where another label would have the same, and with its number behind it where that is not
 * enough. No two are the same. */
char **label_names(struct arena *arena, const struct model_card *card);

#endif
