/* Preprocessing profiles: which are known, and what they make of a byte. */
#include "engine/package/profile.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stddef.h>

static const uint8_t MINIMUM[3] = {10, 0, 100}, MAXIMUM[3] = {110, 255, 101};
static const double MEAN[3] = {0.485, 0.456, 0.406}, DEVIATION[3] = {0.229, 0.224, 0.225};

/* value = byte * scale + shift, against the definition in double. */
static void check_values(const struct profile *profile, const double mean[3], const double deviation[3])
{
    float found[6];
    profile_normalisation(profile, MINIMUM, MAXIMUM, found);
    for (int c = 0; c < 3; c++)
        for (int byte = 0; byte < 256; byte++) {
            double place = profile->min_max ? (byte - MINIMUM[c]) / (double)(MAXIMUM[c] - MINIMUM[c])
                                            : byte * profile->rescale;
            double expected = (place - mean[c]) / deviation[c],
                   value = byte * (double)found[c] + (double)found[3 + c];
            ck_assert_msg(
                fabs(value - expected) < 1e-6 * (1 + byte * (double)found[c] + fabs((double)found[3 + c])),
                "%s, channel %d, byte %d: %g, expected %g", profile->name, c, byte, value, expected);
        }
}

START_TEST(chexfound_stretches_each_channel)
{
    const struct profile *profile = profile_known("chexfound");
    ck_assert(profile->min_max && profile->resize == PROFILE_SHORTEST_EDGE && !profile->edge_height);
    check_values(profile, MEAN, DEVIATION);
}
END_TEST

START_TEST(dinov2_divides_by_255)
{
    const struct profile *profile = profile_known("dinov2");
    ck_assert(!profile->min_max && profile->resize == PROFILE_SHORTEST_EDGE && !profile->edge_height);
    check_values(profile, MEAN, DEVIATION);
}
END_TEST

START_TEST(another_takes_its_own_numbers)
{
    const double mean[3] = {0.5307, 0.5, -2}, deviation[3] = {0.2583, 3, 0.25};
    struct profile profile = {
        .name = "ours", .rescale = 1.0 / 127.5, .mean = {0.5307, 0.5, -2}, .deviation = {0.2583, 3, 0.25}};
    check_values(&profile, mean, deviation);
    profile.min_max = true;
    check_values(&profile, mean, deviation);
}
END_TEST

START_TEST(a_picture_of_one_value_is_normalised_without_min_max)
{
    const uint8_t same[3] = {7, 7, 7};
    float found[6];
    profile_normalisation(profile_known("dinov2"), same, same, found);
    for (int i = 0; i < 6; i++)
        ck_assert(isfinite(found[i]));
}
END_TEST

START_TEST(others_are_not_known)
{
    ck_assert_ptr_null(profile_known("CheXFound"));
    ck_assert_ptr_null(profile_known(""));
    ck_assert(!profile_equal(profile_known("chexfound"), profile_known("dinov2")));
}
END_TEST

START_TEST(one_that_differs_in_anything_is_another)
{
    const struct profile *known = profile_known("chexfound");
    struct profile others[12];
    for (size_t i = 0; i < 12; i++)
        others[i] = *known;
    ck_assert(profile_equal(known, &others[0]));
    others[0].name = "other";
    others[1].resize = PROFILE_EXACT;
    others[2].edge_height++;
    others[3].edge_width++;
    others[4].filter = PROFILE_BILINEAR;
    others[5].centre = known->centre == PROFILE_CENTRE_EVEN ? PROFILE_CENTRE_DOWN : PROFILE_CENTRE_EVEN;
    others[6].rounding = PROFILE_ROUND_NEAREST;
    others[7].min_max = false;
    others[8].rescale *= 2;
    others[9].mean[2] += 1;
    others[10].deviation[0] += 1;
    others[11].mean[0] += 1;
    for (size_t i = 0; i < 12; i++)
        ck_assert_msg(!profile_equal(known, &others[i]), "number %zu is taken for the same", i);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("profile");
    tcase_add_test(cases, chexfound_stretches_each_channel);
    tcase_add_test(cases, dinov2_divides_by_255);
    tcase_add_test(cases, another_takes_its_own_numbers);
    tcase_add_test(cases, a_picture_of_one_value_is_normalised_without_min_max);
    tcase_add_test(cases, others_are_not_known);
    tcase_add_test(cases, one_that_differs_in_anything_is_another);
    return suite_run("profile", cases);
}
