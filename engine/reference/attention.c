#include "engine/reference/attention.h"

#include <math.h>
#include <stddef.h>

#include "engine/reference/panel.h"

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (size_t d = 0; d < HEAD_SIZE; d++)
        sum += (double)a[d] * (double)b[d];
    return sum;
}

/* Of V, how far apart in memory neighbouring tokens and neighbouring columns are. */
struct steps {
    size_t token, column;
};

/* One row: out[d] = sum over keys of 2^(q.k - highest) * v[d] / the sum of the powers. */
static void attend(const float *q, const float *k, const float *v, struct steps steps, size_t tokens,
                   double out[HEAD_SIZE])
{
    double highest = -INFINITY, sum = 0;
    for (size_t key = 0; key < tokens; key++)
        highest = fmax(highest, dot(q, k + key * HEAD_SIZE));
    for (size_t d = 0; d < HEAD_SIZE; d++)
        out[d] = 0;
    for (size_t key = 0; key < tokens; key++) {
        const double weight = exp2(dot(q, k + key * HEAD_SIZE) - highest);
        sum += weight;
        for (size_t d = 0; d < HEAD_SIZE; d++)
            out[d] += weight * (double)v[key * steps.token + d * steps.column];
    }
    for (size_t d = 0; d < HEAD_SIZE; d++)
        out[d] /= sum;
}

void reference_attention(const struct attention_params *params, const float *qkv, bool across, float *out)
{
    const struct steps steps = {across ? 1 : HEAD_SIZE, across ? params->tokens_padded : 1};
    const size_t slab = (size_t)params->tokens_padded * HEAD_SIZE;
    const size_t third = slab * params->batch * params->heads;
    for (size_t image = 0; image < params->batch; image++)
        for (size_t head = 0; head < params->heads; head++)
            for (size_t token = 0; token < params->tokens; token++) {
                const float *q = qkv + (image * params->heads + head) * slab;
                double row[HEAD_SIZE];
                attend(q + token * HEAD_SIZE, q + third, q + 2 * third, steps, params->tokens, row);
                for (size_t d = 0; d < HEAD_SIZE; d++)
                    out[panel_at((size_t)params->batch * params->tokens, image * params->tokens + token,
                                 head * HEAD_SIZE + d)] = (float)row[d];
            }
}
