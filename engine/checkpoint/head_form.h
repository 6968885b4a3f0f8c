/* The forms in which heads are published beside the authors' own (head_names.h): one linear layer under
 * another name.
 *
 * DINOv2's *_linear_head.pth is bare "weight" and "bias" ("linear_head." in its whole classifier), and its
 * training writes candidates "classifier_4_blocks_...", named as the authors' are; transformers'
 * ForImageClassification has "classifier.", timm "head.". Behind the wrappers that a backbone has, too.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_HEAD_FORM_H
#define CXRD_ENGINE_CHECKPOINT_HEAD_FORM_H

#include "engine/checkpoint/head_names.h"

enum head_form { FORM_AUTHORS, FORM_DINOV2, FORM_TRANSFORMERS, FORM_TIMM };

/* "timm's head": for people. */
const char *head_form_name(enum head_form form);

/* As name_of_head; and knows the other forms' names, as "linear.weight" and "linear.bias" of the candidate
 * "", or of one of DINOv2's training. */
enum name_kind head_form_of(const char *key, enum head_form *form, char candidate[NAME_BYTES],
                            char out[NAME_BYTES]);

#endif
