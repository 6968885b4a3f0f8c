/* cxrd inspect: a model package as tables, or a checkpoint (inspect_checkpoint.c). */
#include "cli/command.h"
#include "cli/inspect_checkpoint.h"
#include "cli/summary.h"
#include "cli/table.h"

#include "engine/base/file.h"
#include "engine/package/package.h"
#include "engine/package/seal.h"
#include "engine/package/sums.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "Usage: cxrd inspect [--seal] DIR|FILE...\n"
    "\n"
    "Shows a model package's architecture, heads, labels and weight files, all verified as when it\n"
    "is loaded, and warns of members of its model.json that nothing reads. Of a checkpoint (a file of\n"
    "torch.save, a safetensors file, an index of several, or the folder of a published model) it shows\n"
    "the tensors, what an import would make of them and of their values, or what is in its way, and the\n"
    "line that imports it. Nothing of a checkpoint is executed.\n"
    "\n"
    "  --seal   first writes the package's SHA256SUMS, after a change of its model.json that was meant\n"
    "           (a threshold, a text) or for a package from before there were seals. Labels in another\n"
    "           order than the weights', weights that are not the network's, and members that nothing reads\n"
    "           are refused all the same.\n"
    "\n"
    "Exit codes: 0 all were shown, a checkpoint also where it cannot be imported; 1 one cannot be read, or "
    "is\n"
    "a package that would not be loaded; 2 usage.\n";

static void add_text(struct table *table, const char *name, const char *text)
{
    table_add(table, "%s", name);
    table_add(table, "%s", text);
}

static void add_number(struct table *table, const char *name, double number)
{
    table_add(table, "%s", name);
    table_add(table, "%g", number);
}

static void add_channels(struct table *table, const char *name, const double values[3])
{
    table_add(table, "%s", name);
    table_add(table, "%g, %g, %g", values[0], values[1], values[2]);
}

/* What a profile without a known name does. */
static void add_profile(struct table *table, const struct profile *profile)
{
    const char *filter = profile_filter_name(profile->filter);
    const char *centre = profile->centre == PROFILE_CENTRE_DOWN ? "down" : "even";
    table_add(table, "resize");
    const char *resize = profile->resize == PROFILE_EXACT ? "exact" : "shortest_edge";
    const char *rounding = profile->rounding == PROFILE_ROUND_NEAREST ? ", rounding nearest" : "";
    if (!profile->edge_height)
        table_add(table, "%s, %s, centre %s%s", resize, filter, centre, rounding);
    else if (profile->edge_height == profile->edge_width)
        table_add(table, "%s %u, %s, centre %s%s", resize, profile->edge_height, filter, centre, rounding);
    else
        table_add(table, "%s %ux%u, %s, centre %s%s", resize, profile->edge_height, profile->edge_width,
                  filter, centre, rounding);
    if (profile->min_max)
        add_text(table, "min_max", "true");
    else
        add_number(table, "rescale", profile->rescale);
    add_channels(table, "mean", profile->mean);
    add_channels(table, "deviation", profile->deviation);
}

static void show_architecture(const struct model_card *card)
{
    const struct backbone_card *backbone = &card->backbone;
    struct table table;
    table_init(&table, "ll", "model", card->name);
    add_text(&table, "version", card->version);
    add_text(&table, "intended use", card->intended_use);
    add_text(&table, "preprocessing", card->profile.name);
    add_text(&table, "dicom_profile", dicom_profile_name(card->dicom_profile));
    if (!profile_known(card->profile.name))
        add_profile(&table, &card->profile);
    add_text(&table, "ffn", ffn_kind_name(backbone->ffn));
    add_number(&table, "width", backbone->width);
    add_number(&table, "depth", backbone->depth);
    add_number(&table, "attention heads", backbone->heads);
    add_number(&table, "patch_size", backbone->patch_size);
    table_add(&table, "image_size");
    table_add(&table, "%ux%u", backbone->image_height, backbone->image_width);
    add_number(&table, "registers", backbone->registers);
    add_number(&table, "ffn_hidden", backbone->ffn_hidden);
    add_number(&table, "position_grid", backbone->position_grid);
    add_number(&table, "interpolate_offset", backbone->interpolate_offset);
    add_text(&table, "interpolate_antialias", backbone->interpolate_antialias ? "true" : "false");
    add_number(&table, "layer_norm_epsilon", backbone->layer_norm_epsilon);
    table_print(&table);
}

static void show_head(const struct head_card *head)
{
    printf("\n");
    summary_head(head);
    if (head->definition)
        printf("%s\n", head->definition);
    struct table table;
    table_init(&table, "lrlll", "label", "threshold", "set by", "calibration", "code");
    for (size_t i = 0; i < head->label_count; i++) {
        const struct label *label = &head->labels[i];
        const struct code *code = label->code_count ? &label->codes[0] : NULL;
        table_add(&table, "%s", label->name);
        table_add(&table, "%g", label->threshold);
        table_add(&table, "%s", label->threshold_source);
        if (label->calibrated)
            table_add(&table, "%g * logit %c %g", label->scale, label->offset < 0 ? '-' : '+',
                      fabs(label->offset));
        else
            table_add(&table, "none");
        table_add(&table, "%s%s%s", code ? code->system : "", code ? "|" : "", code ? code->code : "-");
    }
    table_print(&table);
}

static void add_file(struct table *table, const char *name, const char *sha256,
                     const struct safetensors *file)
{
    table_add(table, "%s", name);
    table_add(table, "%zu", safetensors_content(file).size);
    table_add(table, "%s", sha256);
}

/* A member whose name is misspelt is lost, and its default counts. */
static void show_unread(const struct model_card *card)
{
    size_t shown = card->unread_count < CARD_UNREAD_MAX ? card->unread_count : CARD_UNREAD_MAX;
    for (size_t i = 0; i < shown; i++)
        printf("warning: nothing reads \"%s\" of model.json; is its name misspelt?\n", card->unread[i]);
    if (card->unread_count > shown)
        printf("warning: nothing reads %zu further members of model.json.\n", card->unread_count - shown);
}

/* What a package that was verified, but for its seal perhaps, says of itself. */
static void show_package(const struct package *package)
{
    const struct model_card *card = package_card(package);
    show_architecture(card);
    if (!card->head_count)
        printf("\nno heads: it only embeds, and cxrd head add gives it heads\n");
    for (size_t i = 0; i < card->head_count; i++)
        show_head(&card->heads[i]);
    struct table table;
    table_init(&table, "lrl", "file", "bytes", "sha256, verified");
    add_file(&table, card->backbone.weights, card->backbone.sha256, package_backbone(package));
    for (size_t i = 0; i < card->head_count; i++)
        add_file(&table, card->heads[i].weights, card->heads[i].sha256, package_head(package, i));
    printf("\n");
    table_print(&table);
    printf("\nweights_sha256  %s\n", card->weights_sha256);
    if (*card->package_sha256)
        printf("package_sha256  %s  (sha256sum SHA256SUMS; sha256sum -c SHA256SUMS checks the files)\n",
               card->package_sha256);
    show_unread(card);
}

/* Opens, verifies and shows a package. */
static enum status try_package(const char *folder, bool sealed, struct failure *failure)
{
    struct package *package = NULL;
    enum status status =
        sealed ? package_open(folder, failure, &package) : package_open_unsealed(folder, failure, &package);
    if (!status)
        status = package_verify(package, failure);
    if (!status)
        show_package(package);
    package_close(&package);
    return status;
}

/* One that is not sealed is shown nevertheless: whoever is to seal it looks at it first. */
static enum status inspect_package(const char *folder, struct failure *failure)
{
    enum status status = try_package(folder, true, failure);
    if (status)
        (void)!try_package(folder, false, NULL);
    return status;
}

/* A folder with a model.json is a package; anything else a checkpoint, told by its bytes. */
static enum status inspect(const char *path, bool seal, struct failure *failure)
{
    char package_sha256[SHA256_HEX_BYTES];
    enum status status = seal ? package_seal(path, failure, package_sha256) : STATUS_OK;
    if (status)
        return status;
    char *card = file_join(path, CARD_FILE);
    bool is_package = access(card, F_OK) == 0;
    free(card);
    return is_package ? inspect_package(path, failure) : inspect_checkpoint(path, failure);
}

int command_inspect(int argc, char **argv)
{
    static const struct option known[] = {
        {"help", no_argument, NULL, 'h'}, {"seal", no_argument, NULL, 's'}, {0}};
    bool seal = false;
    for (int option; (option = command_option(argc, argv, known)) != -1;) {
        if (option == 'h') {
            printf("%s", usage);
            return EXIT_DONE;
        }
        if (option != 's')
            return EXIT_USAGE;
        seal = true;
    }
    if (optind == argc) {
        command_say("inspect", "what to show is missing; see cxrd inspect --help.");
        return EXIT_USAGE;
    }
    int code = EXIT_DONE, several = argc - optind > 1;
    for (int i = optind; i < argc; i++) {
        struct failure failure;
        if (several)
            command_print("%s:", argv[i]);
        if (inspect(argv[i], seal, &failure))
            code = command_fail("inspect", &failure, EXIT_FAILED);
        if (several && i + 1 < argc)
            printf("\n");
    }
    return code;
}
