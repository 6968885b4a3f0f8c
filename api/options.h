/* The options of a request with images, as a model resolves what was given. */
#ifndef CXRD_API_OPTIONS_H
#define CXRD_API_OPTIONS_H

#include "api/option_list.h"
#include "engine/engine.h"

enum attention_form {
    ATTENTION_NONE,
    ATTENTION_GRID,
    ATTENTION_PNG,
    ATTENTION_OVERLAY,
    ATTENTION_CONTOUR,
    ATTENTION_FORMS
};
enum attention_choice { ATTENTION_POSITIVE, ATTENTION_ALL, ATTENTION_TOP, ATTENTION_LABELS };

/* The longer side of a picture, in pixels; that of a map where nothing is said, of an image the most. */
enum { PICTURE_SIDE_MIN = 16, PICTURE_SIDE_MAX = 2048, PICTURE_SIDE = 1024 };

/* Labels are numbered through all heads, in the model's order; heads that were not asked for count too. */
struct options {
    const bool *heads; /* [heads]: which ones to report */
    enum attention_form attention;
    double level;          /* of contours: a part of the map's maximum */
    uint32_t picture_side; /* how large maps are drawn at most */
    uint32_t render_side;  /* how large the images themselves are answered at most; 0: they are not */
    enum attention_choice choice;
    size_t top;         /* of ATTENTION_TOP */
    const bool *labels; /* [all labels], of ATTENTION_LABELS */
    bool has_threshold;
    double threshold;           /* instead of the labels' own */
    bool flip, require_quality; /* as in struct predict_options */
    enum pairing pairing;
    struct image_options image; /* of DICOM files */
};

/* NO_HEADS where a model only embeds; the sentence says how it gets a head. */
WARN_UNUSED enum status options_need_heads(struct arena *arena, const struct model_card *card,
                                           struct failure *failure);

/* Resolves what was given against a model; the rest gets its default: all heads, attention grid for the
 * positive labels, contours at half of the maximum, pictures of PICTURE_SIDE, none of images, each label's
 * own threshold, no flip, no required quality, each image a study of its own. Fails with BAD_REQUEST, naming
 * what is wrong and what there is, and as options_need_heads. */
WARN_UNUSED enum status options_resolve(struct arena *arena, const struct model_card *card,
                                        const struct option_list *list, struct failure *failure,
                                        struct options *out);

/* Reads the options `dicom_profile` and `identifiers`, which all routes with images have. Fails with
 * BAD_REQUEST. */
WARN_UNUSED enum status options_image(struct arena *arena, const struct option_list *list,
                                      struct failure *failure, struct image_options *out);

/* Whether maps are drawn. */
bool options_draw(const struct options *options);
/* Whether the answer has pictures, of maps or of images. */
bool options_picture(const struct options *options);
/* How many maps of one image are drawn at least, as far as that is known before it is predicted. */
size_t options_map_count(const struct options *options, const struct model_card *card);

/* The number of labels of all heads. */
size_t options_label_count(const struct model_card *card);
double options_threshold(const struct options *options, const struct label *label);

/* Marks the labels of one image whose attention maps are wanted. Only heads that were asked for and have maps
 * take part. ATTENTION_POSITIVE marks the most probable one when none is positive. selected: [all labels],
 * zeroed. */
void options_select(const struct options *options, const struct prediction *prediction, bool *selected);

#endif
