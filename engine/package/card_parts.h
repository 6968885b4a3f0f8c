/* Inside card_read: the parts of model.json that have files of their own. */
#ifndef CXRD_ENGINE_PACKAGE_CARD_PARTS_H
#define CXRD_ENGINE_PACKAGE_CARD_PARTS_H

#include "engine/package/card.h"
#include "engine/package/reader.h"

/* The member "backbone" of the root object. */
void card_read_backbone(struct reader *reader, const struct json *root, struct backbone_card *backbone);
/* The member "preprocessing"; after the backbone, whose input it has to fit. */
void card_read_profile(struct reader *reader, const struct json *root, struct model_card *card);

#endif
