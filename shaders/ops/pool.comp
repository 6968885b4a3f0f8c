/* z[c][h, e] = sum over p of weights[c, h][p] * memory[p][e] for every image: attention pooling, a GEMM of
 * 8 * classes rows. A workgroup computes M x N of it, a thread 4 x 4, over steps of K patches held in shared memory. */
#version 460
#include "types.glsl"

#include "pool.h"

#define M     32
#define N     64
#define K     32
#define HEADS 8
#define QUADS (PANEL / 4)

layout(local_size_x = M / 4 * (N / 4)) in;
#define THREADS (M / 4 * (N / 4))

uint thread = gl_LocalInvocationID.x;
uint first_column = gl_WorkGroupID.x * M; /* of the weights: class * 8 + head */
uint first_panel = gl_WorkGroupID.y * (N / PANEL);
uint image = gl_WorkGroupID.z;

shared float weight_tile[K][M + 1]; /* one to spare keeps the rows in different banks */
shared vec4 memory_tile[K][N / 4];

void load_weights(uint first_patch)
{
    [[unroll]] for (uint i = 0; i < M * K / THREADS; i++) {
        uint index = thread + i * THREADS, k = index % K, m = index / K;
        uint p = first_patch + k, column = first_column + m;
        uint from = (image * params.columns + column) * params.patches + p;
        weight_tile[k][m] =
            p < params.patches && column < params.columns ? FloatBuffer(params.weights).v[from] : 0;
    }
}

void load_memory(uint first_patch)
{
    [[unroll]] for (uint i = 0; i < N / 4 * K / THREADS; i++) {
        uint index = thread + i * THREADS, quad = index % QUADS, k = index / QUADS % K;
        uint local_panel = index / (QUADS * K);
        uint p = first_patch + k, panel = first_panel + local_panel;
        uint from = (panel * params.batch * params.patches + image * params.patches + p) * QUADS + quad;
        memory_tile[k][local_panel * QUADS + quad] = p < params.patches && panel < params.width / PANEL
                                                         ? vec4(Activation4Buffer(params.memory).v[from])
                                                         : vec4(0);
    }
}

void main()
{
    uint n = thread % (N / 4), m = thread / (N / 4) * 4;
    vec4 sums[4] = vec4[4](vec4(0), vec4(0), vec4(0), vec4(0));
    for (uint p = 0; p < params.patches; p += K) {
        barrier();
        load_weights(p);
        load_memory(p);
        barrier();
        for (uint k = 0; k < K; k++)
            [[unroll]] for (uint i = 0; i < 4; i++)
                sums[i] += weight_tile[k][m + i] * memory_tile[k][n];
    }
    uint panel = first_panel + n / QUADS;
    if (panel >= params.width / PANEL)
        return;
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint class_index = (first_column + m + i) / HEADS, head = (first_column + m + i) % HEADS;
        uint row = image * params.classes + class_index, out_panel = head * (params.width / PANEL) + panel;
        uint to = (out_panel * params.batch * params.classes + row) * QUADS + n % QUADS;
        if (class_index < params.classes)
            Activation4Buffer(params.out).v[to] = ACTIVATION4(sums[i]);
    }
}
