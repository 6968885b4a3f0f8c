/* Lines of what a network and its heads are that several commands say alike. */
#ifndef CXRD_CLI_SUMMARY_H
#define CXRD_CLI_SUMMARY_H

#include "cli/table.h"

#include "engine/checkpoint/import.h"
#include "engine/package/card.h"

/* Adds rows of two cells to a table of two columns: whose names the weights have, the network, its input,
 * positions and preparation of pictures, each with what was only assumed, and how to say otherwise. */
void summary_backbone(const struct backbone_card *backbone, const struct profile *profile,
                      const struct import_facts *facts, struct table *table);

/* Prints "head NAME: KIND, TYPE, what it reads, so many labels" and a line feed. */
void summary_head(const struct head_card *head);
/* Prints the first of its labels' names on a line of their own. */
void summary_labels(const struct head_card *head);

#endif
