/* What `cxrd bench` measures: a package, or a named architecture with random weights. */
#ifndef CXRD_CLI_BENCH_MODEL_H
#define CXRD_CLI_BENCH_MODEL_H

#include "engine/model/card.h"

/* The card of a named architecture with one GLoRI head of 40 findings, or NULL. Static storage. */
const struct model_card *bench_architecture(const char *name);
/* "vitl16-512, vitb16-512, ..." */
const char *bench_architecture_names(void);

#endif
