/* Marching squares (Lorensen and Cline 1987, in the plane) between the middles of the map's cells, where the
 * interpolated map is a + b u + c v + d u v: its lines of equal weight are hyperbolas, of which the points
 * are taken, and its saddle says how lines pair in a square whose corners alternate (Nielson and Hamann
 * 1991). */
#include "engine/image/contour.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Beyond the outer middles the weight goes on as it is to the region's border, where a node stands for it;
 * behind that lies a node without weight at the same place, so that every line closes. */
enum { MARGIN = 2 };

/* Points of a line from one side of a square to another: three between the ends. */
enum { STEPS = 4 };

/* Nodes [rows][columns]: those of the map with the margin around. */
struct lattice {
    const struct attention_map *map;
    double weight; /* of the lines */
    size_t rows, columns;
    uint8_t *crossings; /* [rows][columns]: bits of enum crossing, of lines that are not drawn yet */
};

/* Which sides a line crosses, by the node at their beginning: that to the next node of the row, that to the
 * node below. */
enum crossing { CROSSING_ACROSS = 1, CROSSING_DOWN = 2 };

struct node {
    size_t row, column;
};

static double node_place(size_t number, uint32_t cells)
{
    double place = (double)number - MARGIN + 0.5;
    return place < 0 ? 0 : place > cells ? cells : place;
}

static size_t node_cell(size_t number, uint32_t cells)
{
    size_t cell = number < MARGIN ? 0 : number - MARGIN;
    return cell < cells ? cell : cells - 1;
}

static bool is_outside(const struct lattice *lattice, struct node node)
{
    return !node.row || !node.column || node.row + 1 == lattice->rows || node.column + 1 == lattice->columns;
}

static double node_weight(const struct lattice *lattice, struct node node)
{
    const struct attention_map *map = lattice->map;
    if (is_outside(lattice, node))
        return -1;
    return (double)
        map->values[node_cell(node.row, map->rows) * map->columns + node_cell(node.column, map->columns)];
}

/* A square by its node on the top left; corners go clockwise, and side k is from corner k to the next. */
struct square {
    struct node corners[4];
    double weights[4];
    bool inside[4];
};

static struct square square_at(const struct lattice *lattice, struct node at)
{
    struct square square = {
        .corners = {at, {at.row, at.column + 1}, {at.row + 1, at.column + 1}, {at.row + 1, at.column}}};
    for (int i = 0; i < 4; i++) {
        square.weights[i] = node_weight(lattice, square.corners[i]);
        square.inside[i] = square.weights[i] > lattice->weight;
    }
    return square;
}

/* By which side a line leaves that came in by `side`, with the larger weights to its right. */
static int side_out(const struct lattice *lattice, const struct square *square, int side)
{
    const double *w = square->weights;
    int found = -1, count = 0;
    for (int i = 0; i < 4; i++)
        if (!square->inside[i] && square->inside[(i + 1) % 4]) {
            found = i;
            count++;
        }
    if (count == 1)
        return found;
    double saddle = (w[0] * w[2] - w[1] * w[3]) / (w[0] + w[2] - w[1] - w[3]);
    bool joined = saddle > lattice->weight; /* both corners inside are one; the line cuts off the next one */
    return joined ? (side + 1) % 4 : (side + 3) % 4;
}

/* Where a line crosses a side, in cells of the map. */
static struct contour_point crossing_place(const struct lattice *lattice, const struct square *square,
                                           int side)
{
    const struct attention_map *map = lattice->map;
    const struct node a = square->corners[side], b = square->corners[(side + 1) % 4];
    const double from = square->weights[side], to = square->weights[(side + 1) % 4];
    const double share = (lattice->weight - from) / (to - from);
    const double ax = node_place(a.column, map->columns), ay = node_place(a.row, map->rows);
    return (struct contour_point){ax + (node_place(b.column, map->columns) - ax) * share,
                                  ay + (node_place(b.row, map->rows) - ay) * share};
}

/* Adds a point, in cells, unless the ring is there already. */
static void add_point(const struct attention_map *map, struct contour_point place, size_t ring_start,
                      struct contours *out)
{
    const struct region *region = &map->region;
    const struct contour_point point = {region->x + place.x / map->columns * region->width,
                                        region->y + place.y / map->rows * region->height};
    if (out->point_count > ring_start) {
        const struct contour_point last = out->points[out->point_count - 1];
        if (last.x == point.x && last.y == point.y)
            return;
    }
    out->points[out->point_count++] = point;
}

/* A step of so many from one distance to another of its sign: each is the same multiple of the one before. */
static double distance_between(double from, double to, int step)
{
    return from * pow(to / from, (double)step / STEPS);
}

/* Adds what lies on the hyperbola between two places on the sides of a square of four of the map's nodes. Its
 * points are (u0 + p, v0 + q) with one product p q: where p goes in steps of one ratio, so does q, and the
 * points lie closest where it bends most. */
static void add_curve(const struct lattice *lattice, const struct square *square, struct contour_point from,
                      struct contour_point to, size_t ring_start, struct contours *out)
{
    enum { STRAIGHT = 1000000 }; /* squares from a middle beyond which nothing is seen to bend */
    const struct attention_map *map = lattice->map;
    const double *w = square->weights, bend = w[0] + w[2] - w[1] - w[3];
    const double left = node_place(square->corners[0].column, map->columns),
                 width = node_place(square->corners[2].column, map->columns) - left,
                 top = node_place(square->corners[0].row, map->rows),
                 height = node_place(square->corners[2].row, map->rows) - top;
    if (bend == 0 || width <= 0 || height <= 0)
        return;
    const double u0 = (w[0] - w[3]) / bend, v0 = (w[0] - w[1]) / bend;
    const double p0 = (from.x - left) / width - u0, p1 = (to.x - left) / width - u0;
    const double q0 = (from.y - top) / height - v0, q1 = (to.y - top) / height - v0;
    const bool bends = p0 * p1 > 0 && q0 * q1 > 0, meets = u0 > 0 && u0 < 1 && v0 > 0 && v0 < 1;
    if (fabs(u0) > STRAIGHT || fabs(v0) > STRAIGHT || (!bends && !meets))
        return;
    for (int i = 1; i < STEPS; i++) {
        struct contour_point place = {left + u0 * width, top + v0 * height}; /* where straight lines meet */
        if (bends) {
            place.x += distance_between(p0, p1, i) * width;
            place.y += distance_between(q0, q1, i) * height;
        }
        add_point(map, place, ring_start, out);
    }
}

/* The crossing of a square's side, with where it is kept. */
static uint8_t *crossing_of(const struct lattice *lattice, const struct square *square, int side,
                            enum crossing *bit)
{
    const struct node node = square->corners[side == 1 ? 1 : side == 2 ? 3 : 0];
    *bit = side % 2 ? CROSSING_DOWN : CROSSING_ACROSS;
    return &lattice->crossings[node.row * lattice->columns + node.column];
}

/* Twice the area within a ring; rings of none are points and lines, where nodes have the weight itself. */
static double ring_area(const struct contour_point *points, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i + 1 < count; i++)
        sum += (points[i].x - points[0].x) * (points[i + 1].y - points[0].y) -
               (points[i + 1].x - points[0].x) * (points[i].y - points[0].y);
    return sum;
}

/* Follows a line from the square whose side `side` it comes in by, until it is there again. */
static void trace(const struct lattice *lattice, struct node at, int side, struct contours *out)
{
    const size_t start = out->point_count;
    enum crossing bit;
    for (;;) {
        const struct square square = square_at(lattice, at);
        uint8_t *crossing = crossing_of(lattice, &square, side, &bit);
        if (!(*crossing & bit))
            break;
        *crossing &= (uint8_t)~bit;
        const int leaves = side_out(lattice, &square, side);
        const struct contour_point from = crossing_place(lattice, &square, side),
                                   to = crossing_place(lattice, &square, leaves);
        add_point(lattice->map, from, start, out);
        add_curve(lattice, &square, from, to, start, out);
        at.row += leaves == 2 ? 1 : leaves == 0 ? (size_t)-1 : 0;
        at.column += leaves == 1 ? 1 : leaves == 3 ? (size_t)-1 : 0;
        side = (leaves + 2) % 4;
    }
    const struct contour_point first = out->points[start], last = out->points[out->point_count - 1];
    if (first.x != last.x || first.y != last.y)
        out->points[out->point_count++] = first;
    const size_t size = out->point_count - start;
    if (size < 4 || fabs(ring_area(out->points + start, size)) < 1e-9)
        out->point_count = start;
    else
        out->sizes[out->ring_count++] = size;
}

/* Marks every side that a line crosses; returns how many. */
static size_t mark_crossings(const struct lattice *lattice)
{
    size_t count = 0;
    for (size_t row = 0; row < lattice->rows; row++)
        for (size_t column = 0; column < lattice->columns; column++) {
            const struct node node = {row, column}, next = {row, column + 1}, below = {row + 1, column};
            const bool inside = node_weight(lattice, node) > lattice->weight;
            uint8_t *crossing = &lattice->crossings[row * lattice->columns + column];
            if (column + 1 < lattice->columns && (node_weight(lattice, next) > lattice->weight) != inside)
                *crossing |= CROSSING_ACROSS;
            if (row + 1 < lattice->rows && (node_weight(lattice, below) > lattice->weight) != inside)
                *crossing |= CROSSING_DOWN;
            count += !!(*crossing & CROSSING_ACROSS) + !!(*crossing & CROSSING_DOWN);
        }
    return count;
}

void attention_contours(const struct attention_map *map, double level, struct contours *out)
{
    assert(map->rows > 0 && map->columns > 0 && level > 0 && level < 1);
    float maximum = 0;
    for (size_t i = 0; i < (size_t)map->rows * map->columns; i++)
        maximum = fmaxf(maximum, map->values[i]);
    *out = (struct contours){0};
    if (maximum <= 0)
        return;
    struct lattice lattice = {.map = map,
                              .weight = level * (double)maximum,
                              .rows = (size_t)map->rows + 2 * MARGIN,
                              .columns = (size_t)map->columns + 2 * MARGIN};
    lattice.crossings = memory_allocate(lattice.rows * lattice.columns, 1);
    const size_t crossings = mark_crossings(&lattice);
    out->points =
        memory_allocate(crossings * (STEPS + 1), sizeof *out->points); /* a ring's end is once more */
    out->sizes = memory_allocate(crossings, sizeof *out->sizes);
    for (size_t row = 0; row + 1 < lattice.rows; row++)
        for (size_t column = 0; column + 1 < lattice.columns; column++) {
            const struct square square = square_at(&lattice, (struct node){row, column});
            for (int side = 0; side < 4; side++) {
                enum crossing bit;
                if (square.inside[side] && !square.inside[(side + 1) % 4] &&
                    *crossing_of(&lattice, &square, side, &bit) & bit)
                    trace(&lattice, (struct node){row, column}, side, out);
            }
        }
    free(lattice.crossings);
}

void contours_finish(struct contours *contours)
{
    free(contours->points);
    free(contours->sizes);
    *contours = (struct contours){0};
}
