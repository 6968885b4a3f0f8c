/* Each of a thread's sums becomes sum * factor + the next sum, rounds * 64 times: enough of them are independent to keep
 * the device busy, and no compiler can do one after the other. */
#version 460
#include "types.glsl"

#include "peak.h"

layout(local_size_x = PEAK_THREADS) in;

void main()
{
    const uint thread = gl_GlobalInvocationID.x, rounds = params.rounds;
    const float factor = params.factor;
    float sums[PEAK_SUMS];
    [[unroll]] for (uint i = 0; i < PEAK_SUMS; i++)
        sums[i] = float(thread + i);
    uint round = 0;
    do {
        [[unroll]] for (uint group = 0; group < PEAK_UNROLLED; group += 16)
            [[unroll]] for (uint step = 0; step < 16; step++)
                [[unroll]] for (uint i = 0; i < PEAK_SUMS; i++)
                    sums[i] = fma(sums[i], factor, sums[(i + 1) % PEAK_SUMS]);
        round++;
    } while (round < rounds);
    float sum = 0;
    [[unroll]] for (uint i = 0; i < PEAK_SUMS; i++)
        sum += sums[i];
    FloatBuffer(params.out).v[thread] = sum;
}
