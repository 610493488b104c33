/* Byte slices, little-endian loads and stores, checked arithmetic, and sizes as people write them. */
#ifndef LAM_BASE_BYTES_H
#define LAM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* Bytes that somebody else owns. `data` may be NULL when `size` is 0. */
struct lam_bytes {
  const uint8_t *data;
  size_t size;
};

static inline struct lam_bytes lam_bytes_of(const void *data, size_t size) {
  return (struct lam_bytes){(const uint8_t *)data, size};
}
static inline struct lam_bytes lam_bytes_of_string(const char *text) {
  return (struct lam_bytes){(const uint8_t *)text, strlen(text)};
}
static inline bool lam_bytes_equal(struct lam_bytes a, struct lam_bytes b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* memcpy that may be given NULL with 0 bytes. */
static inline void lam_copy(void *to, const void *from, size_t size) {
  if (size) memcpy(to, from, size);
}

static inline uint16_t lam_load16(const void *p) {
  uint16_t v;
  memcpy(&v, p, 2);
  return v;
}
static inline uint32_t lam_load32(const void *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}
static inline uint64_t lam_load64(const void *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}
static inline void lam_store16(void *p, uint16_t v) {
  memcpy(p, &v, 2);
}
static inline void lam_store32(void *p, uint32_t v) {
  memcpy(p, &v, 4);
}
static inline void lam_store64(void *p, uint64_t v) {
  memcpy(p, &v, 8);
}
/* Loads and stores above are little-endian because the machine is; a port to a big-endian machine
 * starts here. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Lamella assumes a little-endian machine");

static inline uint32_t lam_load32_be(const void *p) {
  return __builtin_bswap32(lam_load32(p));
}
static inline void lam_store32_be(void *p, uint32_t v) {
  lam_store32(p, __builtin_bswap32(v));
}

/* True on overflow, as the builtins. */
static inline bool lam_add_overflow(size_t a, size_t b, size_t *out) {
  return __builtin_add_overflow(a, b, out);
}
static inline bool lam_mul_overflow(size_t a, size_t b, size_t *out) {
  return __builtin_mul_overflow(a, b, out);
}

static inline uint64_t lam_min_u64(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}
static inline uint64_t lam_max_u64(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}
static inline int64_t lam_min_i64(int64_t a, int64_t b) {
  return a < b ? a : b;
}
static inline int64_t lam_max_i64(int64_t a, int64_t b) {
  return a > b ? a : b;
}
static inline size_t lam_round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/* Bits needed to hold `value`; 0 for 0. */
static inline int lam_bit_width(uint64_t value) {
  return value ? 64 - __builtin_clzll(value) : 0;
}

/* LSB-first bitmaps, as Arrow's. */
static inline bool lam_bit_get(const uint8_t *bits, int64_t i) {
  return (bits[i >> 3] >> (i & 7)) & 1;
}
static inline void lam_bit_set(uint8_t *bits, int64_t i) {
  bits[i >> 3] |= (uint8_t)(1u << (i & 7));
}
static inline void lam_bit_clear(uint8_t *bits, int64_t i) {
  bits[i >> 3] &= (uint8_t) ~(1u << (i & 7));
}
/* Set bits among [offset, offset + count). */
int64_t lam_bits_count(const uint8_t *bits, int64_t offset, int64_t count);
/* Sets bits [offset, offset + count) to `value`; neighbours are kept. */
void lam_bits_fill(uint8_t *bits, int64_t offset, int64_t count, bool value);
/* Copies `count` bits between bitmaps at any offsets; neighbours are kept. */
void lam_bits_copy(uint8_t *to, int64_t to_offset, const uint8_t *from, int64_t from_offset, int64_t count);

/* "128MB" (10^6), "1GiB" (2^30), "4096", "64kB": a whole or decimal number and an optional unit, in
 * either case. LAM_INVALID names the text. */
enum lam_status lam_parse_size(const char *text, uint64_t *out, struct lam_error *error);
/* "13.5 MB", for people. `room` of 32 is enough. */
const char *lam_format_size(uint64_t bytes, char *out, size_t room);

#endif
