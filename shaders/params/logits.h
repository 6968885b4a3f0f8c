/* logits[b][c] = bias[c] + dot(first[b], w[c][0..first_count)) + dot(second[row], w[c][first_count..)), row being
 * b*classes + c when second_rows is batch*classes (per_class = 1), b when it is batch (per_class = 0). */
#ifndef CXRD_SHADERS_PARAMS_LOGITS_H
#define CXRD_SHADERS_PARAMS_LOGITS_H
#include "params.h"

PARAMS(logits_params)
    ADDRESS first;   /* float32 [batch][first_stride], already at its first element; first_count may be 0 */
    ADDRESS second;  /* float32 panels [second_count/16][second_rows][16]; second_count may be 0 */
    ADDRESS weights; /* float32 [classes][first_count + second_count] */
    ADDRESS bias;    /* float32 [classes] */
    ADDRESS out;     /* float32 [batch][classes] */
    UINT batch, classes, first_count, first_stride, second_count, per_class;
END_PARAMS;

#endif
