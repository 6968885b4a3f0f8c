/* weights[j][p] = exp2(s[p][j] - max s[.][j]) / sum over p of the same: the attention of each class and head over the
 * patches, and its mean over the heads of a class.
 *
 * A workgroup takes one panel, that is two classes, of one image. Reading, threads lie along the 16 columns; the
 * weights are turned in shared memory so that, writing, threads lie along the patches. */
#version 460
#include "types.glsl"

#include "softmax.h"

#define LANES 16 /* rows read side by side */
#define TILE  64 /* patches turned at once */
#define HEADS 8

layout(local_size_x = PANEL * LANES) in;

uint thread = gl_LocalInvocationID.x;
uint column = thread % PANEL;
uint lane = thread / PANEL;
uint panel = gl_WorkGroupID.x;
uint image = gl_WorkGroupID.y;

shared float parts[LANES][PANEL];
shared float tile[PANEL][TILE + 1]; /* one to spare keeps the columns in different banks */

float score(uint patch_index)
{
    uint rows = params.batch * params.patches, row = image * params.patches + patch_index;
    return FloatBuffer(params.scores).v[(panel * rows + row) * PANEL + column];
}

float column_maximum()
{
    float maximum = score(0);
    for (uint p = lane; p < params.patches; p += LANES)
        maximum = max(maximum, score(p));
    parts[lane][column] = maximum;
    barrier();
    for (uint i = 0; i < LANES; i++)
        maximum = max(maximum, parts[i][column]);
    barrier();
    return maximum;
}

float column_sum(float maximum)
{
    float part = 0;
    for (uint p = lane; p < params.patches; p += LANES)
        part += exp2(score(p) - maximum);
    parts[lane][column] = part;
    barrier();
    float sum = 0;
    for (uint i = 0; i < LANES; i++)
        sum += parts[i][column];
    return sum;
}

/* Writes the tile of patches first..: its weights, and the means of its classes. */
void write_tile(uint first)
{
    uint p = thread % TILE, rank = thread / TILE;
    if (first + p >= params.patches)
        return;
    for (uint j = rank; j < PANEL; j += PANEL * LANES / TILE) {
        uint weight_row = image * params.columns + panel * PANEL + j;
        FloatBuffer(params.weights).v[weight_row * params.patches + first + p] = tile[j][p];
    }
    uint class_index = panel * (PANEL / HEADS) + rank;
    if (rank < PANEL / HEADS && class_index < params.classes) {
        float sum = 0;
        for (uint head = 0; head < HEADS; head++)
            sum += tile[rank * HEADS + head][p];
        FloatBuffer(params.mean).v[(image * params.classes + class_index) * params.patches + first + p] = sum / HEADS;
    }
}

void main()
{
    float maximum = column_maximum();
    float scale = 1 / column_sum(maximum);
    for (uint first = 0; first < params.patches; first += TILE) {
        barrier();
        for (uint p = lane; p < TILE && first + p < params.patches; p += LANES)
            tile[column][p] = exp2(score(first + p) - maximum) * scale;
        barrier();
        write_tile(first);
    }
}
