#include "engine/base/half.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As ck_assert_uint_eq, without Check's book-keeping at each of a million passing comparisons. */
static void expect(uint32_t got, uint32_t wanted, float input)
{
    if (got != wanted)
        ck_abort_msg("%a gave %04x, not %04x", (double)input, got, wanted);
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The value of a binary16 pattern by its definition (IEEE 754-2019, 3.4). */
static double half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

/* Round to nearest even by search among neighbours: slow, and shares nothing with the code under test. */
static uint16_t nearest_half(float value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0, low = 0, high = 0x7c00;
    double magnitude = fabs((double)value);
    if (magnitude >= 65520)
        return sign | 0x7c00;
    while (high - low > 1) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (half_value(middle) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    double below = half_value(low), above = high == 0x7c00 ? 65536.0 : half_value(high);
    double down = magnitude - below, up = above - magnitude;
    return sign | (down < up || (down == up && !(low & 1)) ? low : high);
}

START_TEST(every_half_has_its_value_and_comes_back)
{
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        float value = half_to_float((uint16_t)bits);
        if ((bits & 0x7fff) > 0x7c00) {
            if (!isnan(value) || !isnan(half_to_float(half_from_float(value))) ||
                !!signbit(value) != (int)(bits >> 15))
                ck_abort_msg("pattern %04x is a NaN and became %a", bits, (double)value);
            continue;
        }
        double wanted = (bits & 0x7fff) == 0x7c00 ? copysign(INFINITY, half_value((uint16_t)bits))
                                                  : half_value((uint16_t)bits);
        if ((double)value != wanted || !!signbit(value) != (int)(bits >> 15))
            ck_abort_msg("pattern %04x became %a", bits, (double)value);
        expect(half_from_float(value), bits, value);
    }
}
END_TEST

START_TEST(halves_round_to_nearest_even)
{
    /* Between all neighbours: the exact middle, and one float to each side of it. */
    for (uint32_t bits = 0; bits < 0x7bff; bits++) {
        float middle = (float)((half_value((uint16_t)bits) + half_value((uint16_t)(bits + 1))) / 2);
        uint32_t even = bits & 1 ? bits + 1 : bits;
        expect(half_from_float(middle), even, middle);
        expect(half_from_float(-middle), even | 0x8000, -middle);
        expect(half_from_float(from_bits(to_bits(middle) - 1)), bits, from_bits(to_bits(middle) - 1));
        expect(half_from_float(from_bits(to_bits(middle) + 1)), bits + 1, from_bits(to_bits(middle) + 1));
    }
}
END_TEST

START_TEST(random_floats_round_as_the_definition_says)
{
    uint32_t state = 2463534242u;
    for (int i = 0; i < 50000; i++) {
        state ^= state << 13, state ^= state >> 17, state ^= state << 5;
        /* Exponents from 2^-27 to 2^17 cover underflow to overflow; the fraction is free. */
        uint32_t exponent = 100 + state % 45;
        float value = from_bits((state & 0x807fffffu) | exponent << 23);
        expect(half_from_float(value), nearest_half(value), value);
    }
}
END_TEST

START_TEST(half_edges)
{
    static const struct {
        float value;
        uint16_t bits;
    } edges[] = {
        {0.0f, 0x0000},       {-0.0f, 0x8000},        {1.0f, 0x3c00},         {-2.0f, 0xc000},
        {65504.0f, 0x7bff},   {65519.996f, 0x7bff},   {65520.0f, 0x7c00},     {1e38f, 0x7c00},
        {-1e38f, 0xfc00},     {0x1p-14f, 0x0400},     {0x1p-24f, 0x0001},     {0x1p-25f, 0x0000},
        {0x1.8p-25f, 0x0001}, {0x1p-26f, 0x0000},     {1e-45f, 0x0000},       {INFINITY, 0x7c00},
        {-INFINITY, 0xfc00},  {0x1.ff8p-15f, 0x03ff}, {0x1.ffcp-15f, 0x0400}, {0x1.ffbp-15f, 0x03ff},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        ck_assert_msg(half_from_float(edges[i].value) == edges[i].bits, "%a gave %04x, not %04x",
                      (double)edges[i].value, half_from_float(edges[i].value), edges[i].bits);
}
END_TEST

START_TEST(every_bfloat16_comes_back)
{
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        float value = bfloat16_to_float((uint16_t)bits);
        expect(to_bits(value), bits << 16, value);
        if ((bits & 0x7fff) > 0x7f80)
            expect(isnan(bfloat16_to_float(bfloat16_from_float(value))) != 0, 1, value);
        else
            expect(bfloat16_from_float(value), bits, value);
    }
}
END_TEST

START_TEST(bfloat16_rounds_to_nearest_even)
{
    for (uint32_t bits = 0; bits < 0x7f80; bits++) {
        uint32_t middle = bits << 16 | 0x8000u;
        expect(bfloat16_from_float(from_bits(middle)), bits & 1 ? bits + 1 : bits, from_bits(middle));
        expect(bfloat16_from_float(from_bits(middle - 1)), bits, from_bits(middle - 1));
        expect(bfloat16_from_float(from_bits(middle + 1)), bits + 1, from_bits(middle + 1));
        expect(bfloat16_from_float(from_bits((middle + 1) | 0x80000000u)), (bits + 1) | 0x8000u,
               from_bits((middle + 1) | 0x80000000u));
    }
    /* A NaN whose high bits are all zero stays a NaN. */
    ck_assert(isnan(bfloat16_to_float(bfloat16_from_float(from_bits(0x7f800001u)))));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("half");
    tcase_set_timeout(cases, 120); /* under a memory checker */
    tcase_add_test(cases, every_half_has_its_value_and_comes_back);
    tcase_add_test(cases, halves_round_to_nearest_even);
    tcase_add_test(cases, random_floats_round_as_the_definition_says);
    tcase_add_test(cases, half_edges);
    tcase_add_test(cases, every_bfloat16_comes_back);
    tcase_add_test(cases, bfloat16_rounds_to_nearest_even);
    return suite_run("base/half", cases);
}
