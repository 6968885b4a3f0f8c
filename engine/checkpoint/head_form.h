/* The forms in which heads are published beside the authors' own (head_names.h): one linear layer under
 * another name.
 *
 * DINOv2's *_linear_head.pth is bare "weight" and "bias" ("linear_head." in its whole classifier), and its
 * training writes candidates "classifier_4_blocks_...", named as the authors' are; transformers'
 * ForImageClassification has "classifier.", timm "head.". Behind the wrappers that a backbone has, too.
 * A package's own have names as the authors' decoder and layer have within them; their files say what they
 * are (binding.h).
 */
#ifndef CXRD_ENGINE_CHECKPOINT_HEAD_FORM_H
#define CXRD_ENGINE_CHECKPOINT_HEAD_FORM_H

#include "engine/checkpoint/head_names.h"

/* X(form, what it is, for people) */
#define HEAD_FORM_TABLE(X)                      \
    X(AUTHORS, "the authors' head")             \
    X(DINOV2, "DINOv2's linear head")           \
    X(TRANSFORMERS, "transformers' classifier") \
    X(TIMM, "timm's head")                      \
    X(PACKAGE, "a package's head")

enum head_form {
#define HEAD_FORM_ENUM(form, title) FORM_##form,
    HEAD_FORM_TABLE(HEAD_FORM_ENUM)
#undef HEAD_FORM_ENUM
};

/* What it is, for people: "timm's head". */
const char *head_form_name(enum head_form form);

/* Whether a name, behind its wrappers, is of a module that is a head: in a backbone's file nothing of the
 * backbone depends on it. */
bool head_form_begins(const char *name);

/* Writes names that heads have, each in quotes and one after another, for a sentence. */
enum { HEAD_EXAMPLES_BYTES = 160 };
const char *head_form_examples(char text[HEAD_EXAMPLES_BYTES]);

/* As name_of_head; and knows the other forms' names, as "linear.weight" and "linear.bias" of the candidate
 * "", or of one of DINOv2's training. */
enum name_kind head_form_of(const char *key, enum head_form *form, char candidate[NAME_BYTES],
                            char out[NAME_BYTES]);

#endif
