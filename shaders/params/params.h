/* What C and GLSL share about push constants: a struct is declared once, between PARAMS and END_PARAMS.
 *
 * Addresses are buffer device addresses of 8 bytes. GLSL sees them as uvec2 and turns them into typed references
 * (GL_EXT_buffer_reference_uvec2), so that no 64-bit integers are needed. Addresses come first, then 32-bit
 * members: C's layout and GLSL's scalar layout then agree. At most 128 bytes.
 *
 * Choices are an enum in C and constants in GLSL.
 *
 * A float32 matrix that no GEMM reads is stored in panels of 16 columns: [columns/16][rows][16], `rows` being the rows
 * of all images of the batch. So is a matrix of activations, which feeds a GEMM; but on the cpu rung it is cut into
 * strips of 5 rows, [rows/5][columns/16][5][16], so that what a subgroup multiplies lies in one piece: the processor
 * fetches ahead within a page only. Column counts are multiples of 16; a GEMM's K is a multiple of 64, zero-padded.
 */
#ifdef VULKAN
#define ADDRESS uvec2
#define PARAMS(name) layout(push_constant, scalar) uniform name##_block {
#define END_PARAMS } params
#define CHOICES(name) const uint
#define END_CHOICES
#define UINT  uint
#define FLOAT float
/* Keywords of GLSL that are members' names. */
#define out   out_
#define patch patch_
#else
#ifndef CXRD_SHADERS_PARAMS_PARAMS_H
#define CXRD_SHADERS_PARAMS_PARAMS_H
#include <stdint.h>
#define ADDRESS uint64_t
#define PARAMS(name) struct name {
#define END_PARAMS }
#define CHOICES(name) enum name {
#define END_CHOICES }
#define UINT uint32_t
#define FLOAT float
enum { PANEL = 16, STRIP = 5, K_STEP = 64, HEAD_SIZE = 64, GLORI_HEADS = 8 };
#endif
#endif
