/* The GLoRI head: global and local representations integration (arXiv 2502.05142, section 3).
 *
 * One learned query a class attends with 8 heads to the patch tokens of the last blocks. As the queries are
 * constants, the key and value projections fold away at load:
 *
 *   score[c,h,p] = (q[c,h] W_k[h]) . m[p]            q the projected query; a bias of K shifts all p alike
 *   out[c]       = sum_h (W_o[h] W_v[h]) z[c,h] + W_o b_v + b_o,    z[c,h] = sum_p softmax(score)[p] m[p]
 *
 * E is the head's width, C its classes; column j = c * 8 + h of a score matrix belongs to class c and head h.
 */
#ifndef CXRD_ENGINE_MODEL_GLORI_H
#define CXRD_ENGINE_MODEL_GLORI_H

#include "engine/model/head.h"

struct glori {
    const char *name;                       /* of the head, for taps; borrowed */
    uint32_t blocks, width, classes, inner; /* E, C, width of the feed-forward */
    uint32_t columns;                       /* 8 * C, padded to a multiple of 16 */
    bool class_tokens;                      /* the class tokens join the logits */
    struct dense embed;                     /* n*D -> E */
    struct dense score;                     /* E -> 8*C: folded queries */
    struct dense value;                     /* 8*E -> E: folded W_o W_v */
    uint64_t query;                         /* float32 panels [E/16][C][16]: t = LN1(2 query) */
    struct norm norm2, norm3;
    struct dense ffn_in, ffn_out;
    uint64_t pool, pool_bias; /* float32 [C][(n*D +) E], [C] */
};

/* Activations on the device while a GLoRI head runs. */
struct glori_state {
    struct gpu_slice m;       /* activations [E/16][B*N][16] */
    struct gpu_slice scores;  /* float32 [columns/16][B*N][16] */
    struct gpu_slice weights; /* float32 [B][columns][N]: the attention weights of every head */
    struct gpu_slice z;       /* activations [8*E/16][B*C][16] */
    struct gpu_slice t;       /* float32 [E/16][B*C][16] */
    struct gpu_slice y;       /* activations [E/16][B*C][16] */
    struct gpu_slice inner;   /* activations [inner/16][B*C][16] */
};

void glori_load(struct loader *loader, const struct shape *shape, const struct head_card *card,
                struct glori *glori);

/* Records the head for `batch` images. Tap: "<name>.attention", the weights [B][columns][N]. */
void glori_record(const struct glori *glori, const struct kernels *kernels, const struct head_input *input,
                  const struct glori_state *state, const struct head_output *output, uint32_t batch,
                  struct gpu_recorder *recorder, struct taps *taps);

#endif
