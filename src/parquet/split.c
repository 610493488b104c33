#include "base/kernel.h"
#include "parquet/encoding.h"

/* Streams are `stride` bytes apart. The widths of numbers are constants, so that the compiler interleaves whole
 * vectors. */
#define JOIN(width)                                                                                   \
  LAM_KERNEL static void join##width(const uint8_t *from, size_t stride, size_t count, uint8_t *to) { \
    for (size_t i = 0; i < count; i++)                                                                \
      for (size_t k = 0; k < width; k++) to[i * width + k] = from[k * stride + i];                    \
  }
#define PART(width)                                                                                   \
  LAM_KERNEL static void part##width(const uint8_t *from, size_t stride, size_t count, uint8_t *to) { \
    for (size_t i = 0; i < count; i++)                                                                \
      for (size_t k = 0; k < width; k++) to[k * stride + i] = from[i * width + k];                    \
  }
JOIN(2)
JOIN(4)
JOIN(8)
PART(2)
PART(4)
PART(8)

/* Other widths go by squares of eight values by eight bytes, transposed in registers: swap halves, then quarters, then
 * neighbours. */
static inline void transpose(uint64_t rows[8]) {
  static const struct {
    int distance, bits;
    uint64_t low;
  } steps[3] = {{4, 32, 0x00000000ffffffff}, {2, 16, 0x0000ffff0000ffff}, {1, 8, 0x00ff00ff00ff00ff}};
  for (int s = 0; s < 3; s++)
    for (int i = 0; i < 8; i++) {
      int pair = i + steps[s].distance;
      if (i & steps[s].distance) continue;
      uint64_t a = rows[i], b = rows[pair], low = steps[s].low;
      rows[i] = (a & low) | (b & low) << steps[s].bits;
      rows[pair] = (a >> steps[s].bits & low) | (b & ~low);
    }
}

/* Element (i, k) from `from` + i * from_row + k to `to` + k * to_row + i: both directions are this. */
LAM_KERNEL static void transpose_bytes(const uint8_t *from, size_t from_row, size_t rows, size_t columns, uint8_t *to,
                                       size_t to_row) {
  size_t i = 0;
  for (; i + 8 <= rows; i += 8) {
    size_t k = 0;
    for (; k + 8 <= columns; k += 8) {
      uint64_t square[8];
      for (size_t r = 0; r < 8; r++) square[r] = lam_load64(from + (i + r) * from_row + k);
      transpose(square);
      for (size_t r = 0; r < 8; r++) lam_store64(to + (k + r) * to_row + i, square[r]);
    }
    for (; k < columns; k++)
      for (size_t r = i; r < i + 8; r++) to[k * to_row + r] = from[r * from_row + k];
  }
  for (; i < rows; i++)
    for (size_t k = 0; k < columns; k++) to[k * to_row + i] = from[i * from_row + k];
}

void lam_split_read(const uint8_t *from, size_t page_values, size_t width, size_t first, size_t count, uint8_t *to) {
  from += first;
  switch (width) {
    case 2: join2(from, page_values, count, to); return;
    case 4: join4(from, page_values, count, to); return;
    case 8: join8(from, page_values, count, to); return;
    default: transpose_bytes(from, page_values, width, count, to, width); return;
  }
}

enum lam_status lam_split_write(const uint8_t *values, size_t count, size_t width, struct lam_buf *to,
                                struct lam_error *error) {
  size_t total;
  if (lam_mul_overflow(count, width, &total))
    return lam_fail(error, LAM_LIMIT, "%zu values of %zu bytes are too many to split", count, width);
  if (!total) return LAM_OK;
  LAM_TRY(lam_buf_room(to, total, error));
  uint8_t *out = to->data + to->size;
  to->size += total;
  switch (width) {
    case 2: part2(values, count, count, out); break;
    case 4: part4(values, count, count, out); break;
    case 8: part8(values, count, count, out); break;
    default: transpose_bytes(values, width, count, width, out, count); break;
  }
  return LAM_OK;
}
