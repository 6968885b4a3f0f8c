/* The card of a model package: what model.json says, checked, as plain structs.
 *
 * Everything here is read-only after package_open and owned by the package.
 */
#ifndef CXRD_ENGINE_PACKAGE_CARD_H
#define CXRD_ENGINE_PACKAGE_CARD_H

#include "engine/package/profile.h"

#include <stddef.h>

/* A concept in a terminology, e.g. {"http://snomed.info/sct", "8186001"}. */
struct code {
    const char *system, *code;
};

struct label {
    const char *name;
    double threshold;                     /* positive when probability >= threshold */
    const char *threshold_source;         /* "default", or how it was set */
    const char *threshold_weights_sha256; /* of the weights it was set on (binding.h); NULL: not said */
    bool calibrated; /* probability = sigmoid(scale * logit + offset); else the plain sigmoid */
    double scale, offset;
    const struct code *codes;
    size_t code_count;
};

enum { PACKAGE_HEADS_MAX = 32, HEAD_LABELS_MAX = 4096 };

/* A quality head judges pictures (engine/quality.h) and not what they show: no request asks for it. */
enum head_kind { HEAD_FINDINGS, HEAD_RISK, HEAD_QUALITY, HEAD_KINDS };
enum head_type { HEAD_GLORI, HEAD_LINEAR, HEAD_TYPES };

struct head_card {
    const char *name;
    enum head_kind kind;
    enum head_type type;
    const char *definition; /* what a risk score means; NULL for findings */
    const char *weights;    /* file name inside the package */
    const char *sha256;     /* of that file, as model.json states it */
    uint32_t blocks;        /* how many of the last blocks feed it; 0: the mean patch token is all */
    bool average_pool;      /* linear heads: the mean patch token of the last block is appended */
    bool two_views;         /* linear heads: a frontal image's features, and a lateral's after them */
    const struct label *labels;
    size_t label_count;
};

enum ffn_kind { FFN_SWIGLU, FFN_GELU };

/* What is computed here of a backbone. */
enum {
    CARD_HEAD_WIDTH = 64, /* of each of its attention heads */
    CARD_DEPTH_MAX = 128,
    CARD_WIDTH_MAX = 2048, /* the widest row the LayerNorm kernels take */
    CARD_HIDDEN_MAX = 8 * CARD_WIDTH_MAX,
    CARD_PATCH_MAX = 64,
    CARD_REGISTERS_MAX = 64
};
enum { IMAGE_SIZE_MIN = 16, IMAGE_SIZE_MAX = 4096 }; /* of either side of the network's input */
#define LAYER_NORM_EPSILON     1e-6                  /* DINOv2's, and where a card says none */
#define LAYER_NORM_EPSILON_MIN 1e-12
#define LAYER_NORM_EPSILON_MAX 1e-2

struct backbone_card {
    const char *weights; /* file name inside the package */
    const char *sha256;  /* of that file, as model.json states it */
    uint32_t width, depth, heads, patch_size, registers;
    uint32_t image_height, image_width; /* of the input in pixels, multiples of patch_size */
    enum ffn_kind ffn;
    uint32_t ffn_hidden;
    uint32_t position_grid; /* M of pos_embed [1, 1 + M*M, width] */
    double interpolate_offset;
    bool interpolate_antialias;
    double layer_norm_epsilon;
};

enum { CARD_UNREAD_MAX = 16 };

struct model_card {
    const char *name, *version, *intended_use;
    char weights_sha256[65]; /* over the hashes of all weight files, in the order of their names */
    char package_sha256[65]; /* of SHA256SUMS: over everything that decides an answer; empty before it is read
                              */
    struct profile profile;
    enum dicom_profile dicom_profile; /* never UNSAID */
    struct backbone_card backbone;
    const struct head_card *heads; /* none in a package that embeds only */
    size_t head_count;
    /* Members of model.json that nothing reads, such as "heads[0].labels[2].colour": the first
     * CARD_UNREAD_MAX of them, of unread_count. */
    const char *unread[CARD_UNREAD_MAX];
    size_t unread_count;
};

const char *head_kind_name(enum head_kind kind); /* "findings", "risk", "quality" */
const char *head_type_name(enum head_type type); /* "glori", "linear" */

/* "swiglu" or "gelu", as model.json has it. */
static inline const char *ffn_kind_name(enum ffn_kind kind)
{
    return kind == FFN_SWIGLU ? "swiglu" : "gelu";
}

/* Whether a file of that name is the weights of the backbone or of a head. */
bool card_names_weights(const struct model_card *card, const char *file);

/* How many values a head computes of one image: its logits, or of a head of two views what the image adds to
 * them as the frontal and then what it adds as the lateral (study.h). */
static inline size_t head_outputs(const struct head_card *head)
{
    return head->label_count * (head->two_views ? 2 : 1);
}

/* The names of a quality head's labels, which are faults of a picture; NULL after the last. */
extern const char *const quality_label_names[];

/* How many heads of a package answer requests. */
static inline size_t card_answering_heads(const struct model_card *card)
{
    size_t count = 0;
    for (size_t i = 0; i < card->head_count; i++)
        count += card->heads[i].kind != HEAD_QUALITY;
    return count;
}

/* Patches from top to bottom and from left to right: attention maps are rows x columns. */
static inline uint32_t backbone_rows(const struct backbone_card *backbone)
{
    return backbone->image_height / backbone->patch_size;
}

static inline uint32_t backbone_columns(const struct backbone_card *backbone)
{
    return backbone->image_width / backbone->patch_size;
}

static inline size_t backbone_patches(const struct backbone_card *backbone)
{
    return (size_t)backbone_rows(backbone) * backbone_columns(backbone);
}

#endif
