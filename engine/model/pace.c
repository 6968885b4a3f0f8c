#include "engine/model/pace.h"

static double longest_part(const double *ms, size_t count, size_t cut)
{
    double longest = 0, part = 0;
    for (size_t i = 0; i < count; i++) {
        part = i % cut ? part + ms[i] : ms[i];
        longest = part > longest ? part : longest;
    }
    return longest;
}

uint32_t pace_cut(const double *ms, size_t count, double factor)
{
    size_t cut = count;
    while (cut > 1 && longest_part(ms, count, cut) * factor > PACE_LIMIT_MS)
        cut--;
    return cut == count ? 0 : (uint32_t)cut;
}
