/* How shaders for CPU drivers with subgroups of 8 load. */

/* Lane l gets element i + l. The driver turns this chain of selects over uniform loads into one vector load. */
float load_lanes(FloatBuffer from, uint i)
{
    float value = from.v[i];
    [[unroll]] for (uint lane = 1; lane < 8; lane++)
        value = mix(value, from.v[i + lane], gl_SubgroupInvocationID == lane);
    return value;
}
