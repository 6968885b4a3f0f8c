/* What a checkpoint says of its network beside the weights: nothing is taken that it contradicts. */
#include "engine/base/file.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static void make(void)
{
    make_folder();
    options.head_count = 0;
}

#define KEY(length, name) "X" length "\x00\x00\x00" name
#define EPSILON           KEY("\x0e", "layer_norm_eps")
#define OFFSET            KEY("\x12", "interpolate_offset")
#define ACTIVATION        KEY("\x09", "act_layer")
#define REGISTERS         KEY("\x13", "num_register_tokens")
#define BLOCKS            KEY("\x05", "depth")
/* Doubles, as pickle has them: 1e-6, 1e-5, 0.5. */
#define MILLIONTH "G\x3e\xb0\xc6\xf7\xa0\xb5\xed\x8d"
#define LARGER    "G\x3e\xe4\xf8\xb5\x88\xe3\x68\xf1"
#define A_HALF    "G\x3f\xe0\x00\x00\x00\x00\x00\x00"

#define MEMBERS(text) text, sizeof(text) - 1

static const struct {
    const char *members; /* of a dict, pickled */
    size_t size;
    const char *sentence; /* NULL: imported */
} cases[] = {
    {MEMBERS(KEY("\x02", "lr") A_HALF "s"), NULL},
    {MEMBERS(EPSILON MILLIONTH "s" BLOCKS "K\x02s"), NULL},
    {MEMBERS(EPSILON LARGER "s"), "Its 'hyper_parameters' say layer_norm_eps: 1e-05, and without a "
                                  "configuration it is 1e-06 here: give what is "
                                  "right as --config."},
    {MEMBERS(OFFSET A_HALF "s"), "Its 'hyper_parameters' say interpolate_offset: 0.5, and without a "
                                 "configuration it is 0.1 here: give what is "
                                 "right as --config."},
    {MEMBERS(REGISTERS "K\x09s"),
     "'hyper_parameters' in it: The configuration says num_register_tokens: 9 but the "
     "weights have 4: they do not belong together."},
    {MEMBERS(BLOCKS "K\x09s"),
     "'hyper_parameters' in it: The configuration says num_hidden_layers: 9 but the weights "
     "have 2: they do not belong together."},
    {MEMBERS(BLOCKS KEY("\x04", "full") "s"), NULL}, /* of something else */
    {MEMBERS(KEY("\x0a", "model_type") KEY("\x03", "vit") "s" BLOCKS "K\x02s"), NULL},
    {MEMBERS(ACTIVATION KEY("\x04", "GELU") "s"), NULL},
    {MEMBERS(ACTIVATION KEY("\x04", "relu") "s"),
     "Its 'hyper_parameters' say act_layer: relu, which is not supported: gelu is, or silu with swiglu."},
    {MEMBERS(KEY("\x07", "student") "}" KEY("\x0a", "patch_size") "K\x10ss"),
     "'hyper_parameters' in it: The configuration says patch_size: 16 but the weights have 8: they do not "
     "belong "
     "together."},
};
enum { CASES = sizeof cases / sizeof *cases };

static void write_with(const char *members, size_t size)
{
    static const char key[] = KEY("\x10", "hyper_parameters") "}";
    static char pickle[256];
    struct sample_changes changes = SAMPLE_AS_IS;
    ck_assert_uint_le(sizeof key + size, sizeof pickle);
    memcpy(pickle, key, sizeof key - 1);
    memcpy(pickle + sizeof key - 1, members, size);
    changes.root = (struct bytes){(const uint8_t *)pickle, sizeof key - 1 + size};
    sample_backbone(backbone, &changes);
}

START_TEST(settings_that_contradict_the_network_are_refused)
{
    write_with(cases[_i].members, cases[_i].size);
    if (cases[_i].sentence)
        expect(STATUS_INVALID_FILE, cases[_i].sentence);
    else
        ck_assert_msg(!import_now(), "%s", failure.sentence);
}
END_TEST

/* Whoever knows better says it. */
START_TEST(a_configuration_that_is_given_goes_before_them)
{
    static const char yaml[] = "student: {layer_norm_eps: 1.0e-6}\n";
    char path[64];
    snprintf(path, sizeof path, "%s/given.yaml", folder);
    file_put(path, yaml, sizeof yaml - 1);
    write_with(cases[2].members, cases[2].size);
    options.config = path;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make, remove_folder);
    tcase_add_loop_test(all, settings_that_contradict_the_network_are_refused, 0, CASES);
    tcase_add_test(all, a_configuration_that_is_given_goes_before_them);
    return suite_run("settings", all);
}
