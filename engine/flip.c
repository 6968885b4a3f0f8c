#include "engine/flip.h"

#include <math.h>

void flip_pixels(const uint8_t *pixels, size_t rows, size_t columns, uint8_t *out)
{
    for (size_t row = 0; row < rows; row++, pixels += 3 * columns)
        for (size_t column = columns; column--; out += 3)
            for (size_t c = 0; c < 3; c++)
                out[c] = pixels[3 * column + c];
}

static float mean_of(float a, float b)
{
    return (float)(((double)a + (double)b) / 2);
}

bool flip_mean(float *values, const float *mirrored, size_t count)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        finite = finite && isfinite(mirrored[i]);
        values[i] = mean_of(values[i], mirrored[i]);
    }
    return finite;
}

bool flip_mean_maps(float *maps, const float *mirrored, size_t count, size_t rows, size_t columns)
{
    bool finite = true;
    for (size_t line = 0; line < count * rows; line++, maps += columns, mirrored += columns)
        for (size_t column = 0; column < columns; column++) {
            float value = mirrored[columns - 1 - column];
            finite = finite && isfinite(value);
            maps[column] = mean_of(maps[column], value);
        }
    return finite;
}

enum status flip_check(bool flip, size_t count, size_t places, struct failure *failure)
{
    if (!flip || count <= places / 2)
        return STATUS_OK;
    return failure_set(
        failure, STATUS_TOO_LARGE,
        "With 'flip' the request's %zu images need two places each in the queue, which holds at most "
        "%zu; send fewer at once, or ask without 'flip'.",
        count, places);
}

void flip_merge(const struct model_card *card, struct answer *answer, struct answer *mirrored)
{
    size_t rows = backbone_rows(&card->backbone), columns = backbone_columns(&card->backbone);
    bool finite = true;
    for (size_t i = 0; i < answer->head_count; i++) {
        if (card->heads[i].kind == HEAD_QUALITY) /* it judges the image as it is, which is not mirrored */
            continue;
        size_t outputs = head_outputs(&card->heads[i]);
        finite = flip_mean(answer->logits[i], mirrored->logits[i], outputs) && finite;
        if (answer->attention[i])
            finite = flip_mean_maps(answer->attention[i], mirrored->attention[i], outputs, rows, columns) &&
                     finite;
    }
    answer->queue_ms = fmax(answer->queue_ms, mirrored->queue_ms);
    answer->inference_ms = fmax(answer->inference_ms, mirrored->inference_ms);
    if (!finite)
        answer->device = mirrored->device;
    answer_finish(mirrored);
}
