/* LayerNorm of rows in panels, for layernorm.comp and features.comp:
 *
 *     y = (x - mean) / sqrt(variance + epsilon) * weight + bias
 *
 * with the biased variance of the differences from the mean, in float32 (two passes over registers: a residual
 * stream with a few very large activations loses the variance in sum(x^2) - mean^2).
 *
 * A workgroup takes ROWS rows. 64 threads share a row: thread (slot, row, quad) holds columns 4*quad.. of panels
 * slot, slot + SLOTS, ..., so that neighbours read neighbouring 16 bytes.
 */
#define ROWS  4
#define QUADS (PANEL / 4)
#define SLOTS 16
#define HELD  8 /* vectors a thread: HELD * SLOTS * PANEL = 2048 columns at most */
#define SHARE (SLOTS * QUADS)

layout(local_size_x = ROWS * QUADS * SLOTS) in;

uint thread = gl_LocalInvocationID.x;
uint quad = thread % QUADS;
uint local_row = thread / QUADS % ROWS;
uint slot = thread / (QUADS * ROWS);
uint row = gl_WorkGroupID.x * ROWS + local_row;

shared float parts[ROWS][SHARE + 1]; /* a column to spare keeps the rows in different banks */
shared float eighths[ROWS][8];

/* The sum over the threads of a row. Called twice in turn without harm: whoever writes `parts` again has passed the
 * barrier behind which nobody reads it any more, and the same holds for `eighths`. */
float row_sum(float value)
{
    uint member = slot * QUADS + quad;
    parts[local_row][member] = value;
    barrier();
    if (member < 8) {
        float sum = 0;
        for (uint i = 0; i < SHARE / 8; i++)
            sum += parts[local_row][i * 8 + member];
        eighths[local_row][member] = sum;
    }
    barrier();
    float sum = 0;
    for (uint i = 0; i < 8; i++)
        sum += eighths[local_row][i];
    return sum;
}

/* Index of the thread's vector i in a panel matrix of `rows` rows, at row `at`. */
uint quad_index(uint i, uint rows, uint at)
{
    return ((slot + i * SLOTS) * rows + at) * QUADS + quad;
}

bool holds(uint i, uint width)
{
    return slot + i * SLOTS < width / PANEL;
}

/* The thread's share of its row, normalised; every thread of the workgroup calls it. */
void normalise_row(uvec2 x, uvec2 weight, uvec2 bias, uint rows, uint width, float epsilon, inout vec4 held[HELD])
{
    bool inside = row < rows;
    float sum = 0;
    [[unroll]] for (uint i = 0; i < HELD; i++) {
        held[i] = inside && holds(i, width) ? Float4Buffer(x).v[quad_index(i, rows, row)] : vec4(0);
        sum += dot(held[i], vec4(1));
    }
    float mean = row_sum(sum) / float(width);
    float squares = 0;
    [[unroll]] for (uint i = 0; i < HELD; i++) {
        if (holds(i, width)) {
            held[i] -= mean;
            squares += dot(held[i], held[i]);
        }
    }
    float scale = inversesqrt(row_sum(squares) / float(width) + epsilon);
    [[unroll]] for (uint i = 0; i < HELD; i++) {
        if (holds(i, width)) {
            uint column = (slot + i * SLOTS) * QUADS + quad;
            held[i] = held[i] * scale * Float4Buffer(weight).v[column] + Float4Buffer(bias).v[column];
        }
    }
}
