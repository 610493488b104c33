#include "parquet/dictionary.h"

#include <assert.h>
#include <inttypes.h>

#include "base/checksum.h"

enum {
  BLOCK = 256,       /* values whose slots are fetched ahead */
  FIRST_BITS = 5,    /* slots of a new table, as a power of 2 */
  FAR_BITS = 12,     /* from this many slots on the table is beyond the first-level cache */
  MOST_PROBES = 256, /* beyond, somebody has made the collisions */
  LEAST_NEAR = 256,
  MOST_NEAR = 1 << 16, /* values of the table of near ones: 256 KiB */
};

/* Odd, with well-mixed high bits: 2^64 divided by the golden ratio. */
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

void lam_dictionary_init(struct lam_dictionary *dictionary, struct lam_mem *mem, size_t width, size_t limit) {
  *dictionary = (struct lam_dictionary){.width = width, .limit = limit < UINT32_MAX ? limit : UINT32_MAX};
  lam_buf_init(&dictionary->values, mem);
  lam_buf_init(&dictionary->ends, mem);
  lam_buf_init(&dictionary->slots, mem);
  lam_buf_init(&dictionary->near, mem);
}

void lam_dictionary_release(struct lam_dictionary *dictionary) {
  lam_buf_release(&dictionary->values);
  lam_buf_release(&dictionary->ends);
  lam_buf_release(&dictionary->slots);
  lam_buf_release(&dictionary->near);
  dictionary->count = dictionary->hashed = 0;
  dictionary->near_count = 0;
}

void lam_dictionary_clear(struct lam_dictionary *dictionary) {
  if (dictionary->hashed && dictionary->slots.size) memset(dictionary->slots.data, 0, dictionary->slots.size);
  dictionary->count = dictionary->hashed = 0;
  dictionary->near_count = 0;
  dictionary->values.size = dictionary->ends.size = 0;
}

/* ---- hashes: the slot is in the top bits, the tag in the 32 below them or the value itself ---- */

static inline uint64_t hash4(const uint8_t *p) {
  return lam_load32(p) * MULTIPLIER;
}
static inline uint64_t hash8(const uint8_t *p) {
  uint64_t value = lam_load64(p);
  return (value ^ value >> 32) * MULTIPLIER;
}
static inline uint64_t mix(uint64_t a, uint64_t b) {
  __uint128_t product = (__uint128_t)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}
/* Of a short value: with its size these two are all of it. */
enum { SHORT = 16 };
struct halves {
  uint64_t first, last;
};
static inline struct halves halves_of(const uint8_t *p, size_t size) {
  if (size >= 8) return (struct halves){lam_load64(p), lam_load64(p + size - 8)};
  if (size >= 4) return (struct halves){lam_load32(p), lam_load32(p + size - 4)};
  if (size == 0) return (struct halves){0, 0};
  return (struct halves){(uint64_t)p[0] << 16 | (uint64_t)p[size / 2] << 8 | p[size - 1], 0};
}
static inline uint64_t hash_bytes(const uint8_t *p, size_t size) {
  if (size > SHORT) return lam_hash_fast(p, size, 0);
  struct halves h = halves_of(p, size);
  return mix(h.first ^ MULTIPLIER, h.last ^ UINT64_C(0xd6e8feb86659fd93) ^ (uint64_t)size << 56);
}
static inline bool same_bytes(struct lam_bytes a, struct lam_bytes b) {
  if (a.size != b.size) return false;
  if (a.size > SHORT) return memcmp(a.data, b.data, a.size) == 0;
  struct halves x = halves_of(a.data, a.size), y = halves_of(b.data, b.size);
  return x.first == y.first && x.last == y.last;
}

static inline uint64_t tag_of(uint64_t hash) {
  return hash << 32;
}
static inline size_t slot_of(uint64_t hash, int bits) {
  return (size_t)(hash >> (64 - bits));
}

static uint64_t *slots_of(const struct lam_dictionary *dictionary) {
  return (uint64_t *)(void *)dictionary->slots.data;
}

/* The bytes of a value without its length. */
static inline struct lam_bytes value_at(const struct lam_dictionary *dictionary, uint32_t index) {
  struct lam_bytes plain = lam_dictionary_plain(dictionary, index);
  if (!dictionary->width) plain.data += 4, plain.size -= 4;
  return plain;
}

static uint64_t hash_at(const struct lam_dictionary *dictionary, uint32_t index) {
  struct lam_bytes value = value_at(dictionary, index);
  if (dictionary->width == 4) return hash4(value.data);
  if (dictionary->width == 8) return hash8(value.data);
  return hash_bytes(value.data, value.size);
}

/* ---- growth ---- */

/* Room for `more` bytes, unless that would take what stays for others: then LAM_LIMIT. */
static enum lam_status room(const struct lam_dictionary *dictionary, struct lam_buf *buf, size_t more,
                            struct lam_error *error) {
  if (buf->capacity - buf->size >= more) return LAM_OK;
  uint64_t grown = buf->size + lam_max_u64(more, buf->size / 2);
  if (dictionary->reserve && lam_mem_available(buf->mem) < dictionary->reserve + grown) return LAM_LIMIT;
  return lam_buf_room(buf, more, error);
}

/* How far an integer is behind the first of the near ones; those before it come out beyond all. */
static inline uint64_t place_of(const uint8_t *value, size_t width, uint64_t first) {
  return width == 4 ? lam_load32(value) - (uint32_t)first : lam_load64(value) - first;
}

static bool is_near(const struct lam_dictionary *dictionary, uint32_t index) {
  const uint8_t *value = value_at(dictionary, index).data;
  return dictionary->near_count && place_of(value, dictionary->width, dictionary->near_first) < dictionary->near_count;
}

/* `count` more values are to come: of a wide file each dictionary has a few. */
static enum lam_status grow_slots(struct lam_dictionary *dictionary, size_t count, struct lam_error *error) {
  int bits = dictionary->slot_bits ? dictionary->slot_bits + 2 : FIRST_BITS;
  while ((size_t)1 << bits < 2 * ((size_t)dictionary->hashed + count)) bits++;
  size_t size = sizeof(uint64_t) << bits;
  struct lam_buf fresh;
  lam_buf_init(&fresh, dictionary->slots.mem);
  LAM_TRY(room(dictionary, &fresh, size, error));
  memset(fresh.data, 0, size);
  fresh.size = size;
  uint64_t *slots = (uint64_t *)(void *)fresh.data;
  size_t mask = ((size_t)1 << bits) - 1;
  for (uint32_t i = 0; i < dictionary->count; i++) {
    if (is_near(dictionary, i)) continue;
    uint64_t hash = hash_at(dictionary, i);
    size_t slot = slot_of(hash, bits);
    int probes = 0;
    for (; slots[slot] && probes < MOST_PROBES; probes++) slot = (slot + 1) & mask;
    if (probes == MOST_PROBES) { /* only of values that were adopted */
      lam_buf_release(&fresh);
      return LAM_LIMIT;
    }
    uint64_t tag = dictionary->width == 4 ? (uint64_t)lam_load32(value_at(dictionary, i).data) << 32 : tag_of(hash);
    slots[slot] = tag | (i + 1);
  }
  lam_buf_release(&dictionary->slots);
  dictionary->slots = fresh;
  dictionary->slot_bits = bits;
  return LAM_OK;
}

/* Room for a block of new values, so that the loops below need not look. *fits is false where the budget has none. */
static enum lam_status make_room(struct lam_dictionary *dictionary, size_t count, bool *fits, struct lam_error *error) {
  enum lam_status status = LAM_OK;
  if ((size_t)1 << dictionary->slot_bits < 2 * ((size_t)dictionary->hashed + count) || !dictionary->slot_bits)
    status = grow_slots(dictionary, count, error);
  if (status == LAM_OK && dictionary->width)
    status = room(dictionary, &dictionary->values, count * dictionary->width, error);
  if (status == LAM_OK && !dictionary->width)
    status = room(dictionary, &dictionary->ends, count * sizeof(uint32_t), error);
  *fits = status == LAM_OK;
  return status == LAM_LIMIT ? LAM_OK : status;
}

/* ---- one block of each form ---- */

static size_t put_block4(struct lam_dictionary *dictionary, const uint8_t *values, size_t count, uint32_t *indices) {
  uint64_t *slots = slots_of(dictionary);
  int bits = dictionary->slot_bits;
  size_t mask = ((size_t)1 << bits) - 1, most = dictionary->limit / 4;
  if (bits >= FAR_BITS)
    for (size_t i = 0; i < count; i++) __builtin_prefetch(&slots[slot_of(hash4(values + 4 * i), bits)]);
  for (size_t i = 0; i < count; i++) {
    uint32_t value = lam_load32(values + 4 * i), probes = 0;
    size_t slot = slot_of(hash4(values + 4 * i), bits);
    while (slots[slot] && (uint32_t)(slots[slot] >> 32) != value) {
      slot = (slot + 1) & mask;
      if (++probes == MOST_PROBES) return i;
    }
    if (!slots[slot]) {
      if (dictionary->count >= most) return i;
      lam_store32(dictionary->values.data + dictionary->values.size, value);
      dictionary->values.size += 4;
      slots[slot] = (uint64_t)value << 32 | ++dictionary->count;
      dictionary->hashed++;
    }
    indices[i] = (uint32_t)slots[slot] - 1;
  }
  return count;
}

static size_t put_block8(struct lam_dictionary *dictionary, const uint8_t *values, size_t count, uint32_t *indices) {
  uint64_t *slots = slots_of(dictionary), hashes[BLOCK];
  int bits = dictionary->slot_bits;
  size_t mask = ((size_t)1 << bits) - 1, most = dictionary->limit / 8;
  for (size_t i = 0; i < count; i++) hashes[i] = hash8(values + 8 * i);
  if (bits >= FAR_BITS)
    for (size_t i = 0; i < count; i++) __builtin_prefetch(&slots[slot_of(hashes[i], bits)]);
  uint8_t *known = dictionary->values.data;
  for (size_t i = 0; i < count; i++) {
    uint64_t value = lam_load64(values + 8 * i), tag = tag_of(hashes[i]), entry;
    size_t slot = slot_of(hashes[i], bits);
    uint32_t probes = 0;
    while ((entry = slots[slot]) != 0 &&
           (((entry ^ tag) >> 32) != 0 || lam_load64(known + 8 * (size_t)((uint32_t)entry - 1)) != value)) {
      slot = (slot + 1) & mask;
      if (++probes == MOST_PROBES) return i;
    }
    if (!entry) {
      if (dictionary->count >= most) return i;
      lam_store64(known + dictionary->values.size, value);
      dictionary->values.size += 8;
      slots[slot] = entry = tag | ++dictionary->count;
      dictionary->hashed++;
    }
    indices[i] = (uint32_t)entry - 1;
  }
  return count;
}

/* Appends a new value; false where it does not fit. */
static bool add_bytes(struct lam_dictionary *dictionary, struct lam_bytes value) {
  size_t prefix = dictionary->width ? 0 : 4, size = dictionary->values.size;
  if (value.size > dictionary->limit || size + prefix + value.size > dictionary->limit) return false;
  if (room(dictionary, &dictionary->values, prefix + value.size, NULL) != LAM_OK) return false;
  uint8_t *to = dictionary->values.data + size;
  if (prefix) lam_store32(to, (uint32_t)value.size);
  lam_copy(to + prefix, value.data, value.size);
  dictionary->values.size = size + prefix + value.size;
  if (prefix) {
    lam_store32(dictionary->ends.data + dictionary->ends.size, (uint32_t)dictionary->values.size);
    dictionary->ends.size += 4;
  }
  dictionary->count++;
  return true;
}

static size_t put_block_bytes(struct lam_dictionary *dictionary, const struct lam_bytes *values, size_t count,
                              uint32_t *indices) {
  uint64_t *slots = slots_of(dictionary), hashes[BLOCK];
  int bits = dictionary->slot_bits;
  size_t mask = ((size_t)1 << bits) - 1;
  for (size_t i = 0; i < count; i++) hashes[i] = hash_bytes(values[i].data, values[i].size);
  if (bits >= FAR_BITS)
    for (size_t i = 0; i < count; i++) __builtin_prefetch(&slots[slot_of(hashes[i], bits)]);
  for (size_t i = 0; i < count; i++) {
    uint64_t tag = tag_of(hashes[i]), entry;
    size_t slot = slot_of(hashes[i], bits);
    uint32_t probes = 0;
    while ((entry = slots[slot]) != 0 &&
           (((entry ^ tag) >> 32) != 0 || !same_bytes(value_at(dictionary, (uint32_t)entry - 1), values[i]))) {
      slot = (slot + 1) & mask;
      if (++probes == MOST_PROBES) return i;
    }
    if (!entry) {
      if (!add_bytes(dictionary, values[i])) return i;
      slots[slot] = entry = tag | dictionary->count;
      dictionary->hashed++;
    }
    indices[i] = (uint32_t)entry - 1;
  }
  return count;
}

static size_t put_block_fixed(struct lam_dictionary *dictionary, const uint8_t *values, size_t count,
                              uint32_t *indices) {
  struct lam_bytes slices[BLOCK];
  for (size_t i = 0; i < count; i++) slices[i] = lam_bytes_of(values + i * dictionary->width, dictionary->width);
  return put_block_bytes(dictionary, slices, count, indices);
}

/* ---- integers near one another ---- */

#define LEAST_AND_MOST(name, type, load)                                                    \
  static void name(const uint8_t *values, size_t count, uint64_t *first, uint64_t *range) { \
    type least = (type)load(values), most = least;                                          \
    for (size_t i = 1; i < count; i++) {                                                    \
      type value = (type)load(values + i * sizeof(type));                                   \
      least = value < least ? value : least, most = value > most ? value : most;            \
    }                                                                                       \
    *first = (uint64_t)least;                                                               \
    *range = (uint64_t)most - (uint64_t)least;                                              \
  }
LEAST_AND_MOST(least_and_most4, int32_t, lam_load32)
LEAST_AND_MOST(least_and_most8, int64_t, lam_load64)

/* Makes the table where the first values lie near one another: four times as wide as they do, since others may lie
 * around them. It is of use only; where there is no memory for it there is none. */
static void begin_near(struct lam_dictionary *dictionary, const uint8_t *values, size_t count) {
  uint64_t first, range;
  size_t wide = LEAST_NEAR;
  if (dictionary->width == 4)
    least_and_most4(values, count, &first, &range);
  else
    least_and_most8(values, count, &first, &range);
  if (range >= MOST_NEAR) return;
  while (wide < 4 * range && wide < MOST_NEAR) wide *= 2;
  dictionary->near.size = 0;
  if (room(dictionary, &dictionary->near, wide * sizeof(uint32_t), NULL) != LAM_OK) return;
  memset(dictionary->near.data, 0, wide * sizeof(uint32_t));
  dictionary->near_first = first - (wide - range) / 2;
  dictionary->near_count = wide;
}

/* Most values are not near: all go to the slots from now on, which are made anew, with those that are there. */
static void end_near(struct lam_dictionary *dictionary) {
  dictionary->near_count = 0;
  dictionary->hashed = dictionary->count;
  dictionary->slot_bits = 0;
}

/* *far is how many of them are in the slots. */
static inline size_t put_near(struct lam_dictionary *dictionary, size_t width, const uint8_t *values, size_t count,
                              uint32_t *indices, size_t *far) {
  uint32_t *near = (uint32_t *)(void *)dictionary->near.data;
  uint64_t first = dictionary->near_first, near_count = dictionary->near_count;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *value = values + i * width;
    uint64_t place = place_of(value, width, first);
    if (__builtin_expect(place >= near_count, 0)) {
      size_t got =
          width == 4 ? put_block4(dictionary, value, 1, indices + i) : put_block8(dictionary, value, 1, indices + i);
      if (got == 0) return i;
      ++*far;
      continue;
    }
    if (__builtin_expect(!near[place], 0)) {
      if (dictionary->count >= dictionary->limit / width) return i;
      memcpy(dictionary->values.data + dictionary->values.size, value, width);
      dictionary->values.size += width;
      near[place] = ++dictionary->count;
    }
    indices[i] = near[place] - 1;
  }
  return count;
}

/* ---- all ---- */

static size_t put_block(struct lam_dictionary *dictionary, const uint8_t *values, size_t count, uint32_t *indices,
                        size_t *far) {
  if (dictionary->near_count)
    return dictionary->width == 4 ? put_near(dictionary, 4, values, count, indices, far)
                                  : put_near(dictionary, 8, values, count, indices, far);
  switch (dictionary->width) {
    case 4: return put_block4(dictionary, values, count, indices);
    case 8: return put_block8(dictionary, values, count, indices);
    default: return put_block_fixed(dictionary, values, count, indices);
  }
}

enum lam_status lam_dictionary_put(struct lam_dictionary *dictionary, const uint8_t *values, size_t count,
                                   uint32_t *indices, size_t *done, struct lam_error *error) {
  size_t width = dictionary->width;
  assert(width > 0);
  for (*done = 0; *done < count;) {
    size_t some = count - *done < BLOCK ? count - *done : BLOCK, far = 0;
    const uint8_t *from = values + *done * width;
    bool fits;
    if (dictionary->count == 0 && some == BLOCK && (width == 4 || width == 8)) begin_near(dictionary, from, some);
    LAM_TRY(make_room(dictionary, some, &fits, error));
    if (!fits) return LAM_OK;
    size_t got = put_block(dictionary, from, some, indices + *done, &far);
    *done += got;
    if (got < some) return LAM_OK;
    if (far > BLOCK / 4) end_near(dictionary);
  }
  return LAM_OK;
}

enum lam_status lam_dictionary_adopt(struct lam_dictionary *dictionary, struct lam_bytes plain, uint32_t count,
                                     bool *fits, struct lam_error *error) {
  const uint8_t *at = plain.data;
  size_t left = plain.size, width = dictionary->width;
  assert(dictionary->count == 0);
  LAM_CHECK(count <= left / (width ? width : 4), error, "the dictionary has %zu bytes; expected %" PRIu32 " values",
            left, count);
  *fits = room(dictionary, &dictionary->ends, width ? 0 : count * sizeof(uint32_t), NULL) == LAM_OK;
  for (uint32_t i = 0; *fits && !width && i < count; i++) {
    LAM_CHECK(left >= 4 && lam_load32(at) <= left - 4, error, "the dictionary ends within value %" PRIu32, i);
    size_t size = 4 + (size_t)lam_load32(at);
    at += size;
    left -= size;
    lam_store32(dictionary->ends.data + 4 * (size_t)i, (uint32_t)(at - plain.data));
  }
  size_t used = width ? count * width : plain.size - left;
  *fits = *fits && used <= dictionary->limit && room(dictionary, &dictionary->values, used, NULL) == LAM_OK;
  if (!*fits) return LAM_OK;
  lam_copy(dictionary->values.data, plain.data, used);
  dictionary->values.size = used;
  dictionary->ends.size = width ? 0 : count * sizeof(uint32_t);
  dictionary->count = count;
  end_near(dictionary); /* the slots are made when the first value is looked up, if ever */
  return LAM_OK;
}

enum lam_status lam_dictionary_put_bytes(struct lam_dictionary *dictionary, const struct lam_bytes *values,
                                         size_t count, uint32_t *indices, size_t *done, struct lam_error *error) {
  for (*done = 0; *done < count;) {
    size_t some = count - *done < BLOCK ? count - *done : BLOCK;
    bool fits;
    LAM_TRY(make_room(dictionary, some, &fits, error));
    if (!fits) return LAM_OK;
    size_t got = put_block_bytes(dictionary, values + *done, some, indices + *done);
    *done += got;
    if (got < some) return LAM_OK;
  }
  return LAM_OK;
}
