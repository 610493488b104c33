/* Building the dictionary of a chunk: each distinct value once, in the order of its first use. */
#ifndef LAM_PARQUET_DICTIONARY_H
#define LAM_PARQUET_DICTIONARY_H

#include "base/memory.h"

struct lam_dictionary {
  size_t width;          /* bytes of a value; 0 for BYTE_ARRAY */
  size_t limit;          /* bytes that `values` may have */
  uint64_t reserve;      /* of the budget, which stay for others: without a dictionary a chunk is right, too */
  uint32_t count;        /* distinct values */
  struct lam_buf values; /* in PLAIN: the dictionary page as it is written */
  struct lam_buf ends;   /* BYTE_ARRAY: uint32_t per value, where it ends in `values` */
  struct lam_buf slots;  /* uint64_t each, 0 empty: a part of the hash above, index + 1 below */
  int slot_bits;         /* their number as a power of 2 */
  /* Integers of 4 or 8 bytes that lie near one another are looked up in a table of them, and not in the slots. */
  struct lam_buf near; /* uint32_t for each value from `near_first` on: index + 1, 0 where it is none */
  uint64_t near_first;
  size_t near_count; /* 0: there is no such table */
  uint32_t hashed;   /* values in the slots */
};

void lam_dictionary_init(struct lam_dictionary *dictionary, struct lam_mem *mem, size_t width, size_t limit);
void lam_dictionary_release(struct lam_dictionary *dictionary);
/* Forgets the values and keeps the memory. */
void lam_dictionary_clear(struct lam_dictionary *dictionary);

/* Looks up `count` values and adds those that are new. *done < count: the value at *done does not fit the limit or
 * the budget (or collides with too many others, which only crafted data do), and the dictionary is to be given up. */
enum lam_status lam_dictionary_put(struct lam_dictionary *dictionary, const uint8_t *values, size_t count,
                                   uint32_t *indices, size_t *done, struct lam_error *error);
/* The same of BYTE_ARRAY. */
enum lam_status lam_dictionary_put_bytes(struct lam_dictionary *dictionary, const struct lam_bytes *values,
                                         size_t count, uint32_t *indices, size_t *done, struct lam_error *error);

/* Makes an empty dictionary one of the `count` values that `plain` begins with, which may have some of them more than
 * once. They are hashed when a value is first looked up. *fits is false where the limit or the budget has no room. */
enum lam_status lam_dictionary_adopt(struct lam_dictionary *dictionary, struct lam_bytes plain, uint32_t count,
                                     bool *fits, struct lam_error *error);

/* Value `index` as `values` has it: with its length in front where it is a BYTE_ARRAY. */
static inline struct lam_bytes lam_dictionary_plain(const struct lam_dictionary *dictionary, uint32_t index) {
  if (dictionary->width)
    return (struct lam_bytes){dictionary->values.data + index * dictionary->width, dictionary->width};
  const uint32_t *ends = (const uint32_t *)(const void *)dictionary->ends.data;
  size_t start = index ? ends[index - 1] : 0;
  return (struct lam_bytes){dictionary->values.data + start, ends[index] - start};
}

#endif
