/* logits[image][class] = bias[class] + dot(concat(first[image], second[row]), weights[class]). A workgroup takes one
 * class of one image. */
#version 460
#include "types.glsl"

#include "logits.h"

#define THREADS 128

layout(local_size_x = THREADS) in;

uint thread = gl_LocalInvocationID.x;
uint class_index = gl_WorkGroupID.x;
uint image = gl_WorkGroupID.y;

shared float parts[THREADS];

float workgroup_sum(float value)
{
    parts[thread] = value;
    for (uint half_count = THREADS / 2; half_count > 0; half_count /= 2) {
        barrier();
        if (thread < half_count)
            parts[thread] += parts[thread + half_count];
    }
    return parts[0]; /* complete for thread 0 only */
}

void main()
{
    uint weights = class_index * (params.first_count + params.second_count);
    uint rows = params.per_class != 0 ? params.batch * params.classes : params.batch;
    uint row = params.per_class != 0 ? image * params.classes + class_index : image;
    FloatBuffer weight = FloatBuffer(params.weights);
    float sum = 0;
    for (uint i = thread; i < params.first_count; i += THREADS)
        sum += FloatBuffer(params.first).v[image * params.first_stride + i] * weight.v[weights + i];
    for (uint i = thread; i < params.second_count; i += THREADS)
        sum += FloatBuffer(params.second).v[panel_index(rows, row, i)] * weight.v[weights + params.first_count + i];
    sum = workgroup_sum(sum);
    if (thread == 0)
        FloatBuffer(params.out).v[image * params.classes + class_index] = sum + FloatBuffer(params.bias).v[class_index];
}
