#include "base/kernel.h"
#include "parquet/encoding.h"

/* Streams are `stride` bytes apart. The widths of Arrow's fixed types are constants, so that the compiler
 * interleaves whole vectors. */
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
JOIN(16)
PART(2)
PART(4)
PART(8)
PART(16)

enum { AT_ONCE = 512 }; /* values of any width whose bytes stay in the L1 cache while stream after stream is laid in */

void lam_split_read(const uint8_t *from, size_t page_values, size_t width, size_t first, size_t count, uint8_t *to) {
  from += first;
  switch (width) {
    case 2: join2(from, page_values, count, to); return;
    case 4: join4(from, page_values, count, to); return;
    case 8: join8(from, page_values, count, to); return;
    case 16: join16(from, page_values, count, to); return;
  }
  for (size_t done = 0; done < count; done += AT_ONCE) {
    size_t n = count - done < AT_ONCE ? count - done : AT_ONCE;
    for (size_t k = 0; k < width; k++)
      for (size_t i = done; i < done + n; i++) to[i * width + k] = from[k * page_values + i];
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
    case 2: part2(values, count, count, out); return LAM_OK;
    case 4: part4(values, count, count, out); return LAM_OK;
    case 8: part8(values, count, count, out); return LAM_OK;
    case 16: part16(values, count, count, out); return LAM_OK;
  }
  for (size_t done = 0; done < count; done += AT_ONCE) {
    size_t n = count - done < AT_ONCE ? count - done : AT_ONCE;
    for (size_t k = 0; k < width; k++)
      for (size_t i = done; i < done + n; i++) out[k * count + i] = values[i * width + k];
  }
  return LAM_OK;
}
