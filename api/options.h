/* The options of a request with images: collected by name from query, form or JSON, then resolved against a
 * model. */
#ifndef CXRD_API_OPTIONS_H
#define CXRD_API_OPTIONS_H

#include "api/text.h"
#include "engine/engine.h"

/* One option as it was given. A text is one value or several with commas between them; a JSON array is
 * several. */
struct given_option {
    const char *name;
    struct text_list values;
};

enum { OPTION_COUNT_MAX = 11 };

/* The options there are, NULL after the last: of POST /predict and of POST /embed. */
extern const char *const predict_option_names[];
extern const char *const embed_option_names[];

struct option_list {
    const char *const *known; /* one of those above */
    bool command_line;        /* where they were given, in whose words sentences are */
    struct given_option items[OPTION_COUNT_MAX];
    size_t count;
};

/* "The option 'attention_for'", or "--attention-for" of a command line: as sentences begin. */
struct option_title {
    char text[40];
};
struct option_title option_title(const struct option_list *list, const char *name);

/* Adds an option. Fails with BAD_REQUEST when its name is unknown, it was given before, or it is empty. */
WARN_UNUSED enum status option_add(struct option_list *list, struct arena *arena, const char *name,
                                   struct text_list values, struct failure *failure);
/* An option; NULL when it was not given. */
const struct given_option *option_find(const struct option_list *list, const char *name);
/* Refuses a value with what there is instead: BAD_REQUEST, "WHAT 'GIVEN'; there are: ...". */
enum status option_refuse(struct arena *arena, struct failure *failure, const char *what, const char *given,
                          const char *const *there, size_t count);
/* The single value of an option; NULL when it was not given. Fails with BAD_REQUEST when it has several. */
WARN_UNUSED enum status option_value(const struct option_list *list, const char *name,
                                     struct failure *failure, const char **out);

enum attention_form { ATTENTION_NONE, ATTENTION_GRID, ATTENTION_PNG, ATTENTION_OVERLAY, ATTENTION_FORMS };
enum attention_choice { ATTENTION_POSITIVE, ATTENTION_ALL, ATTENTION_TOP, ATTENTION_LABELS };

/* The longer side of a drawn map, in pixels. */
enum { PICTURE_SIDE_MIN = 16, PICTURE_SIDE_MAX = 2048, PICTURE_SIDE = 1024 };

/* Labels are numbered through all heads, in the model's order; heads that were not asked for count too. */
struct options {
    const bool *heads; /* [heads]: which ones to report */
    enum attention_form attention;
    uint32_t picture_side; /* how large maps are drawn at most */
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
 * positive labels, pictures of PICTURE_SIDE, each label's own threshold, no flip, no required quality, each
 * image a study of its own. Fails with BAD_REQUEST, naming what is wrong and what there is, and as
 * options_need_heads. */
WARN_UNUSED enum status options_resolve(struct arena *arena, const struct model_card *card,
                                        const struct option_list *list, struct failure *failure,
                                        struct options *out);

/* Reads the options `dicom_profile` and `identifiers`, which all routes with images have. Fails with
 * BAD_REQUEST. */
WARN_UNUSED enum status options_image(struct arena *arena, const struct option_list *list,
                                      struct failure *failure, struct image_options *out);

/* Whether maps are drawn. */
bool options_draw(const struct options *options);
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
