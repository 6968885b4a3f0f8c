/* The architectures that cxrd bench makes by their names. */
#include "cli/bench_model.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stddef.h>

START_TEST(a_name_says_width_depth_patch_and_size)
{
    static const struct {
        const char *name;
        uint32_t width, depth, patch, height, columns, grid;
    } cases[] = {{"vitl16-512", 1024, 24, 16, 512, 32, 32},
                 {"vitb14-518", 768, 12, 14, 518, 37, 37},
                 {"vitg14-518", 1536, 40, 14, 518, 37, 37},
                 {"vitl16-512x640", 1024, 24, 16, 512, 40, 40},
                 {"vitb14-1064x896", 768, 12, 14, 1064, 64, 76}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_card card;
        ck_assert_msg(bench_architecture(cases[i].name, &card), "%s", cases[i].name);
        const struct backbone_card *backbone = &card.backbone;
        ck_assert(backbone->width == cases[i].width && backbone->depth == cases[i].depth);
        ck_assert(backbone->patch_size == cases[i].patch && backbone->image_height == cases[i].height);
        ck_assert_uint_eq(backbone_columns(backbone), cases[i].columns);
        ck_assert_uint_eq(backbone->position_grid, cases[i].grid);
    }
}
END_TEST

START_TEST(any_other_name_is_refused)
{
    static const char *const names[] = {"resnet50",        "vitl16",         "vitl16-",
                                        "vits16-500",      "vitl15-510",     "vith16-512",
                                        "vitl16-512x",     "vitl16-512x500", "vitl16-512x640x",
                                        "vitl16-512x640 ", "vitl16-512,640", "vitl16-4096x512"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct model_card card;
        ck_assert_msg(!bench_architecture(names[i], &card), "%s", names[i]);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("bench_model");
    tcase_add_test(cases, a_name_says_width_depth_patch_and_size);
    tcase_add_test(cases, any_other_name_is_refused);
    return suite_run("bench_model", cases);
}
