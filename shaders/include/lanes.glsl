/* How shaders for CPU drivers with subgroups of 8 load, and how they count.
 *
 * Whatever a loop carries, the driver keeps in a vector under the mask of the lanes that still loop; a uniform value
 * then comes back only through the first lane of that mask, which is known late: some 80 cycles a round in which
 * nothing is computed. A counter that differs between lanes and of which lane 0 is read (subgroupBroadcast) needs no
 * mask, and addresses made from it are scalar:
 *
 *     uint counter = lane, step;
 *     do {
 *         step = subgroupBroadcast(counter, 0);
 *         ...
 *         counter++;
 *     } while (step + 1 < steps);
 *
 * Nor is a constant any more what one loop defines and a later one uses: lanes are therefore told apart before any.
 */
uint lane = gl_SubgroupInvocationID;
bool lane_is[8] = bool[](lane == 0, lane == 1, lane == 2, lane == 3, lane == 4, lane == 5, lane == 6, lane == 7);

/* Lane l gets element i + l. The driver turns this chain of selects over uniform loads into one vector load. */
float load_lanes(FloatBuffer from, uint i)
{
    float value = from.v[i];
    [[unroll]] for (uint l = 1; l < 8; l++)
        value = mix(value, from.v[i + l], lane_is[l]);
    return value;
}

/* Lane l gets elements i + l and i + 8 + l. */
vec2 load_16(FloatBuffer from, uint i)
{
    return vec2(load_lanes(from, i), load_lanes(from, i + 8));
}
