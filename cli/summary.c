#include "cli/summary.h"

#include "cli/command.h"

#include "api/text.h"
#include "engine/base/memory.h"

#include <stdio.h>

void summary_backbone(const struct backbone_card *backbone, const struct profile *profile,
                      const struct import_facts *facts, struct table *table)
{
    table_add(table, "names");
    table_add(table, "%s", facts->names);
    table_add(table, "network");
    table_add(table, "width %u, depth %u, attention heads %u, patch %u, %s of %u, registers %u",
              backbone->width, backbone->depth, backbone->heads, backbone->patch_size,
              ffn_kind_name(backbone->ffn), backbone->ffn_hidden, backbone->registers);
    table_add(table, "input");
    table_add(table, "%ux%u", backbone->image_height, backbone->image_width);
    table_add(table, "positions");
    table_add(table, "%ux%u, resized with offset %g, %s%s", backbone->position_grid, backbone->position_grid,
              backbone->interpolate_offset,
              backbone->interpolate_antialias ? "antialiased" : "not antialiased",
              facts->positions_assumed ? ", as nothing says otherwise (--layout)" : "");
    table_add(table, "layer_norm_epsilon");
    table_add(table, "%g", backbone->layer_norm_epsilon);
    table_add(table, "preprocessing");
    table_add(table, "%s%s", profile->name,
              facts->profile_assumed ? ", as nothing says otherwise (--profile)" : "");
}

void summary_head(const struct head_card *head)
{
    printf("head %s: %s, %s, ", head->name, head_kind_name(head->kind), head_type_name(head->type));
    if (head->blocks == 1)
        printf("last block%s", head->average_pool ? " and its mean patch token" : "");
    else if (head->blocks)
        printf("last %u blocks%s", head->blocks,
               head->average_pool ? " and the last one's mean patch token" : "");
    else
        printf("mean patch token");
    printf("%s, %zu label%s\n", head->two_views ? ", of a frontal and a lateral view" : "", head->label_count,
           head->label_count == 1 ? "" : "s");
}

void summary_labels(const struct head_card *head)
{
    enum { LABELS_BYTES = 150 };
    struct arena *arena = arena_create();
    const char **names = arena_allocate(arena, head->label_count, sizeof *names);
    for (size_t i = 0; i < head->label_count; i++)
        names[i] = head->labels[i].name;
    command_print("  %s", text_join(arena, names, head->label_count, LABELS_BYTES));
    arena_destroy(&arena);
}
