/* What `cxrd bench` measures: a package, or a named architecture with random weights. */
#ifndef CXRD_CLI_BENCH_MODEL_H
#define CXRD_CLI_BENCH_MODEL_H

#include "engine/package/card.h"

/* The card of an architecture with one GLoRI head of 40 findings, from its name "vitLPP-SIDE" or
 * "vitLPP-HEIGHTxWIDTH": L one of s, b, l and g, PP the patch (14 or 16), then the input's size in pixels,
 * which the patch divides. False for any other name. The card borrows the name. */
bool bench_architecture(const char *name, struct model_card *out);
/* For messages: the published ones, and what else there is. */
const char *bench_architecture_names(void);

#endif
