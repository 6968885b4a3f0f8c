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
 */

/* Lane l gets element i + l. The driver turns this chain of selects over uniform loads into one vector load; `lane`
 * is gl_SubgroupInvocationID, read before any loop. */
float load_lanes(FloatBuffer from, uint i, uint lane)
{
    float value = from.v[i];
    [[unroll]] for (uint l = 1; l < 8; l++)
        value = mix(value, from.v[i + l], lane == l);
    return value;
}
