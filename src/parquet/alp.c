/* ALP: floats as scaled integers above a frame of reference, bit-packed, with exceptions. Reading only.
 *
 * Source: https://github.com/apache/parquet-format/blob/master/AlpEncoding.md. A page has a header of 7 bytes, the
 * offset of each vector from behind it, and the vectors. A vector stands for itself, so that any value can be begun
 * with. */
#include "base/kernel.h"
#include "parquet/encoding.h"

enum {
  PAGE_HEADER = 7,
  LOG_SIZE_LEAST = 3,
  LOG_SIZE_MOST = 15,
};

/* The powers that a decoder multiplies with are literals of the type (AlpEncoding.md), not computed. */
static const double double_tens[19] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                       1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
static const double double_tenths[19] = {1e0,   1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8, 1e-9,
                                         1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18};
static const float float_tens[11] = {1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f, 1e8f, 1e9f, 1e10f};
static const float float_tenths[11] = {1e0f, 1e-1f, 1e-2f, 1e-3f, 1e-4f, 1e-5f, 1e-6f, 1e-7f, 1e-8f, 1e-9f, 1e-10f};

struct vector {
  size_t values;
  int exponent, factor;
  int bits;       /* of a packed value */
  uint64_t frame; /* added to each, wrapping around in the width of the type */
  size_t exceptions;
  const uint8_t *packed;
  size_t packed_bytes;
  const uint8_t *positions, *exact; /* of the exceptions */
};

enum lam_status lam_alp_begin(struct lam_alp *alp, struct lam_bytes bytes, int width, struct lam_error *error) {
  *alp = (struct lam_alp){.bytes = bytes, .width = width};
  if (bytes.size == 0) return LAM_OK; /* a page of nulls */
  LAM_CHECK(bytes.size >= PAGE_HEADER, error, "ALP values in %zu bytes; expected a header of %d bytes", bytes.size,
            PAGE_HEADER);
  const uint8_t *header = bytes.data;
  if (header[0] != 0 || header[1] != 0)
    return lam_fail(
        error, LAM_UNSUPPORTED,
        "ALP values with compression mode %d and integer encoding %d; this version reads those with 0 and 0", header[0],
        header[1]);
  LAM_CHECK(header[2] >= LOG_SIZE_LEAST && header[2] <= LOG_SIZE_MOST, error,
            "ALP vectors of 2^%d values; expected 2^%d to 2^%d", header[2], LOG_SIZE_LEAST, LOG_SIZE_MOST);
  alp->log_size = header[2];
  uint32_t values = lam_load32(header + 3);
  LAM_CHECK(values <= INT32_MAX, error, "ALP values, %u of them; expected at most 2^31 - 1", values);
  alp->values = values;
  uint64_t vectors = (values + ((uint64_t)1 << alp->log_size) - 1) >> alp->log_size;
  LAM_CHECK(vectors * 4 <= bytes.size - PAGE_HEADER, error, "the offsets of %llu ALP vectors do not fit in %zu bytes",
            (unsigned long long)vectors, bytes.size);
  alp->offsets_bytes = (size_t)vectors * 4;
  return LAM_OK;
}

static enum lam_status vector_at(const struct lam_alp *alp, size_t index, struct vector *out, struct lam_error *error) {
  size_t width = (size_t)alp->width, header = width + 5;
  struct lam_bytes body = lam_bytes_of(alp->bytes.data + PAGE_HEADER, alp->bytes.size - PAGE_HEADER);
  size_t offset = lam_load32(body.data + index * 4);
  LAM_CHECK(offset >= alp->offsets_bytes && offset <= body.size && header <= body.size - offset, error,
            "ALP vector %zu at byte %zu of %zu; expected one of %zu bytes or more behind byte %zu", index, offset,
            body.size, header, alp->offsets_bytes);
  const uint8_t *at = body.data + offset;
  size_t left = body.size - offset - header, size = (size_t)1 << alp->log_size;
  size_t before = index << alp->log_size;
  *out = (struct vector){.values = alp->values - before < size ? alp->values - before : size,
                         .exponent = at[0],
                         .factor = at[1],
                         .exceptions = lam_load16(at + 2),
                         .frame = width == 4 ? lam_load32(at + 4) : lam_load64(at + 4),
                         .bits = at[4 + width],
                         .packed = at + header};
  LAM_CHECK(out->exponent <= (width == 4 ? 10 : 18) && out->factor <= out->exponent, error,
            "ALP vector %zu has the exponent %d and the factor %d; expected at most %d and the exponent", index,
            out->exponent, out->factor, width == 4 ? 10 : 18);
  LAM_CHECK(out->bits <= alp->width * 8, error, "ALP vector %zu has values of %d bits; expected at most %d", index,
            out->bits, alp->width * 8);
  out->packed_bytes = (out->values * (size_t)out->bits + 7) / 8;
  out->positions = out->packed + out->packed_bytes;
  out->exact = out->positions + out->exceptions * 2;
  LAM_CHECK(out->packed_bytes + out->exceptions * (2 + width) <= left, error,
            "ALP vector %zu has %zu values of %d bits and %zu exceptions, which do not fit the %zu bytes left", index,
            out->values, out->bits, out->exceptions, left);
  return LAM_OK;
}

/* Doubles from integers of any size; and from those between -2^51 and 2^51, which are exact as the low bits of a sum
 * with 1.5 * 2^52: unlike the conversion that the machine has, this is done for several at a time. */
LAM_KERNEL static void doubles_of_any(uint8_t *values, size_t count, uint64_t frame, double ten, double tenth) {
  for (size_t i = 0; i < count; i++) {
    double value = (double)(int64_t)(lam_load64(values + i * 8) + frame) * ten * tenth;
    memcpy(values + i * 8, &value, 8);
  }
}

#define SHIFTER 6755399441055744.0       /* 1.5 * 2^52 */
#define SHIFTER_BITS 0x4338000000000000u /* the same, as it is stored */
LAM_KERNEL static void doubles_of_small(uint8_t *values, size_t count, uint64_t frame, double ten, double tenth) {
  uint64_t add = frame + SHIFTER_BITS;
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = lam_load64(values + i * 8) + add;
    double value;
    memcpy(&value, &bits, 8);
    value = (value - SHIFTER) * ten * tenth;
    memcpy(values + i * 8, &value, 8);
  }
}

LAM_KERNEL static void floats_of(uint8_t *values, size_t count, uint32_t frame, float ten, float tenth) {
  for (size_t i = 0; i < count; i++) {
    float value = (float)(int32_t)(lam_load32(values + i * 4) + frame) * ten * tenth;
    memcpy(values + i * 4, &value, 4);
  }
}

static bool is_small(const struct vector *vector) {
  const int64_t limit = (int64_t)1 << 50;
  int64_t frame = (int64_t)vector->frame;
  return vector->bits <= 50 && frame >= -limit && frame <= limit;
}

/* Values [first, first + count) of a vector. */
static enum lam_status read_vector(const struct lam_alp *alp, const struct vector *vector, size_t first, size_t count,
                                   uint8_t *to, struct lam_error *error) {
  uint64_t bit = (uint64_t)first * (uint64_t)vector->bits;
  int e = vector->exponent, f = vector->factor;
  if (alp->width == 4) {
    lam_unpack32(vector->packed, vector->packed_bytes, bit, vector->bits, (uint32_t *)(void *)to, count);
    floats_of(to, count, (uint32_t)vector->frame, float_tens[f], float_tenths[e]);
  } else {
    lam_unpack64(vector->packed, vector->packed_bytes, bit, vector->bits, (uint64_t *)(void *)to, count);
    (is_small(vector) ? doubles_of_small : doubles_of_any)(to, count, vector->frame, double_tens[f], double_tenths[e]);
  }
  size_t width = (size_t)alp->width;
  for (size_t i = 0; i < vector->exceptions; i++) {
    size_t position = lam_load16(vector->positions + i * 2);
    LAM_CHECK(position < vector->values, error, "an ALP exception at value %zu of a vector of %zu", position,
              vector->values);
    if (position - first < count) memcpy(to + (position - first) * width, vector->exact + i * width, width);
  }
  return LAM_OK;
}

static enum lam_status check_left(const struct lam_alp *alp, size_t count, struct lam_error *error) {
  size_t left = alp->values - alp->position;
  LAM_CHECK(count <= left, error, "the page has %zu ALP values; expected %zu more", alp->values, count - left);
  return LAM_OK;
}

enum lam_status lam_alp_read(struct lam_alp *alp, uint8_t *to, size_t count, struct lam_error *error) {
  LAM_TRY(check_left(alp, count, error));
  while (count > 0) {
    struct vector vector;
    size_t index = alp->position >> alp->log_size, first = alp->position - (index << alp->log_size);
    LAM_TRY(vector_at(alp, index, &vector, error));
    size_t step = vector.values - first < count ? vector.values - first : count;
    LAM_TRY(read_vector(alp, &vector, first, step, to, error));
    to += step * (size_t)alp->width;
    alp->position += step;
    count -= step;
  }
  return LAM_OK;
}

enum lam_status lam_alp_skip(struct lam_alp *alp, size_t count, struct lam_error *error) {
  LAM_TRY(check_left(alp, count, error));
  alp->position += count;
  return LAM_OK;
}
