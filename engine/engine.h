/* The engine's only public face: image bytes in, predictions out.
 *
 * An engine is one model package on one or several devices. It has images decoded by a pool of child
 * processes, preprocesses on the caller's thread, then queues the inputs; each device's worker thread
 * gathers what waits into a batch. Any number of threads may call engine_predict at once.
 */
#ifndef CXRD_ENGINE_ENGINE_H
#define CXRD_ENGINE_ENGINE_H

#include "engine/base/memory.h"
#include "engine/base/patience.h"
#include "engine/base/status.h"
#include "engine/image/image.h"
#include "engine/image/overlay.h"
#include "engine/kernels/precision.h"
#include "engine/model/health.h"
#include "engine/package/card.h"
#include "engine/quality.h"

enum { ENGINE_DEVICES_MAX = 16 };

struct image_pool;
struct engine_options {
    const char *model; /* folder of a model package */
    /* Each "auto", "cpu", an index, or a UUID as `cxrd devices` prints them; none: auto. One named twice has
     * two workers. */
    const char *const *devices;
    size_t device_count;
    const char *rung;            /* forces a rung of the kernels by name; NULL: the best the device has */
    const char *cache_folder;    /* pipeline cache; NULL: the user's cache folder */
    enum precision precision;    /* of the weights on the device; AUTO: what the rung prefers */
    uint32_t max_batch;          /* images a batch, 1..64; 0: 8, or 4 on a CPU driver */
    uint32_t in_flight;          /* batches handed to the device at once, 1..3; 0: 2, or 1 on a CPU driver */
    uint32_t max_queue;          /* images that may wait or be in preparation, 1..4096; 0: 256 */
    uint32_t max_queue_delay_us; /* how long a batch that is not full waits for more; 0: takes what waits */
    /* Where images are decoded, to outlive the engine. NULL: in this process, which is for images that
     * whoever started it chose: a decoder that breaks down then takes nobody else's work with it. */
    struct image_pool *decoders;
    uint32_t stuck_after_ms;    /* a device with work and without progress is stuck; 0: never */
    uint32_t lose_device_after; /* a drill: each device looks lost after so many batches, once; 0: no drill */
};

/* Fails with INVALID_FILE, NOT_FOUND, NO_DEVICE, DEVICE, OUT_OF_MEMORY. On success the model is loaded, every
 * pipeline compiled and a self-test passed. The caller owns *out. */
struct engine;
WARN_UNUSED enum status engine_create(const struct engine_options *options, struct failure *failure,
                                      struct engine **out);
/* Waits for work in flight, answers what still waits with UNAVAILABLE. */
void engine_destroy(struct engine **engine);

const struct model_card *engine_card(const struct engine *engine);
/* "llvmpipe (LLVM 19.1.7, 256 bits)"; several are listed with ", " between them, equal ones once. */
const char *engine_device_name(const struct engine *engine);
const char *engine_rung_name(const struct engine *engine);
/* WELL when a device takes images, STUCK when one makes no progress with what it has. A lost device is opened
 * again in the background with the model on it; when that has failed several times for every device the
 * engine is DEAD, and so it is when no image can be decoded any more. */
enum health engine_health(const struct engine *engine);

enum { ENGINE_BATCH_MAX = 64 };
/* What an engine did since it was created, and what waits now. */
struct engine_statistics {
    size_t queue_depth, queue_capacity;           /* images */
    size_t request_capacity;                      /* requests at once that keep all devices busy */
    uint64_t batches, images;                     /* that went to the device */
    uint64_t batch_size_counts[ENGINE_BATCH_MAX]; /* [n - 1]: batches of n images */
    uint64_t device_memory_bytes;                 /* held for weights and activations */
    uint64_t device_lost_count;
    uint64_t not_finite_count; /* images whose answer was withheld */
};
/* Thread-safe. */
void engine_statistics(const struct engine *engine, struct engine_statistics *out);

/* One head's answer. Arrays are in the order of the head's labels. */
struct head_prediction {
    const struct head_card *head;
    float *logits;        /* [labels]; NULL: a head of two views with PAIRING_NONE */
    float *probabilities; /* [labels], sigmoid or calibrated as the label says; NULL where logits are */
    float *attention; /* [labels][rows*columns], mean over attention heads, each map sums to 1; NULL: linear
                         head */
};

/* What the backbone makes of an image, of its last block after the final LayerNorm. */
struct embedding {
    float *class_token; /* [width] */
    float *mean;        /* [width]: of the patch tokens */
    float *patches;     /* [rows*columns][width]: the patch tokens, row by row; NULL: not asked for */
};

struct prediction_timing {
    double decode_ms, preprocess_ms, queue_ms, inference_ms;
};

/* How images make studies, of which each has one prediction. What reads one view reads the frontal. */
enum pairing {
    PAIRING_NONE,    /* each image is a study, of which heads of two views say nothing */
    PAIRING_VIEWS,   /* two images are a study, first the frontal, then the lateral */
    PAIRING_FRONTAL, /* each image is a study, which heads of two views read as both */
    PAIRINGS
};

/* Images a study. */
static inline size_t pairing_images(enum pairing pairing)
{
    return pairing == PAIRING_VIEWS ? 2 : 1;
}

struct prediction {
    struct failure
        failure; /* status OK when the rest is valid (image is valid as soon as the header was read) */
    struct image_info image;
    struct region region;
    struct quality quality;    /* with what a quality head says, which looks at no lateral */
    struct image_info lateral; /* this, its region and quality: of PAIRING_VIEWS, as image is */
    struct region lateral_region;
    struct quality lateral_quality;
    struct image picture;                /* of the region, when asked for with keep_side (region_picture) */
    struct image render, lateral_render; /* whole, when asked for with render_side (image_picture) */
    struct head_prediction *heads;
    size_t head_count;
    struct embedding embedding;
    struct prediction_timing timing;
};

struct predict_options {
    uint32_t keep_side;   /* keep the region's picture, no side over this: overlays need it; 0: keep none */
    uint32_t render_side; /* the same of each whole image */
    bool patches;         /* fill embedding.patches: 4 MiB an image for a ViT-L at 512 x 512 */
    /* Logits and maps are the means of those of the image and of its left-right mirror, probabilities those
     * of the mean logits (flip.h); each image counts as two in the queue. The embedding is the image's own.
     */
    bool flip;
    bool require_quality; /* a picture that is not acceptable fails, as quality_require says */
    enum pairing pairing;
    struct image_options image; /* of DICOM files: UNSAID is the package's profile */
    struct patience patience;
};

/* Predicts `count` encoded images, with PAIRING_VIEWS an even number, and fills out[0..studies).
 * A bad image fails its study alone, in its own out[i].failure, which then says what view it is; so does one
 * whose answer is not finite (NOT_FINITE): every number of the others is. Returns
 * not OK, with nothing in out, when the request as a whole could not be served: UNAVAILABLE (queue full,
 * shutting down), TOO_LARGE (more images than max_queue), TIMEOUT, CLIENT_GONE, DEVICE_LOST. Each filled
 * prediction is released with prediction_finish. */
WARN_UNUSED enum status engine_predict(struct engine *engine, const struct bytes *images, size_t count,
                                       const struct predict_options *options, struct failure *failure,
                                       struct prediction *out);
void prediction_finish(struct prediction *prediction);

#endif
