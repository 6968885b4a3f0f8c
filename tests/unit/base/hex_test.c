#include "engine/base/hex.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

START_TEST(every_digit_has_its_value)
{
    static const char upper[] = "0123456789ABCDEF";
    int digits = 0;
    for (int c = -128; c < 128; c++)
        digits += hex_value((char)c) >= 0;
    ck_assert_int_eq(digits, 22);
    for (int i = 0; i < 16; i++) {
        ck_assert_int_eq(hex_value(HEX_DIGITS[i]), i);
        ck_assert_int_eq(hex_value(upper[i]), i);
    }
}
END_TEST

START_TEST(bytes_become_two_digits_each)
{
    static const uint8_t bytes[] = {0x00, 0x9a, 0xff, 0x05};
    char text[2 * sizeof bytes + 2] = "xxxxxxxxx";
    hex_print(bytes, sizeof bytes, text);
    ck_assert_str_eq(text, "009aff05");
    hex_print(bytes, 0, text);
    ck_assert_str_eq(text, "");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("hex");
    tcase_add_test(cases, every_digit_has_its_value);
    tcase_add_test(cases, bytes_become_two_digits_each);
    return suite_run("base/hex", cases);
}
