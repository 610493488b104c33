/* What fuzz targets of files share: a file in memory, and digests of rows that do not depend on how they were read. */
#ifndef LAM_FUZZ_SUPPORT_H
#define LAM_FUZZ_SUPPORT_H

#include <stdlib.h>

#include "arrow/array.h"
#include "parquet/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_check(bool condition) {
  if (!condition) abort();
}

/* ---- digests ---- */

static inline uint64_t fuzz_mix(uint64_t digest, uint64_t value) {
  digest = (digest ^ value) * 0x9e3779b97f4a7c15u;
  return digest ^ digest >> 29;
}

/* The ends of bytes, of which a dictionary can make very many. */
static inline uint64_t fuzz_mix_bytes(uint64_t digest, struct lam_bytes bytes) {
  enum { END = 64 };
  digest = fuzz_mix(digest, bytes.size);
  for (size_t i = 0; i < bytes.size; i++) {
    if (i == END && bytes.size > (size_t)2 * END) i = bytes.size - END;
    digest = fuzz_mix(digest, bytes.data[i]);
  }
  return digest;
}

/* The bytes that a view of a string or binary points at: 12 of them in the view itself, more in a buffer. */
static inline struct lam_bytes fuzz_view_bytes(const struct ArrowArray *array, int64_t row) {
  enum { SIZE = 16, INLINE = 12, FIRST_BUFFER = 2 };
  const uint8_t *view = (const uint8_t *)array->buffers[1] + row * SIZE;
  int32_t size = (int32_t)lam_load32(view), buffer = (int32_t)lam_load32(view + 8), at = (int32_t)lam_load32(view + 12);
  fuzz_check(size >= 0);
  if (size <= INLINE) return lam_bytes_of(view + 4, (size_t)size);
  const int64_t *sizes = array->buffers[array->n_buffers - 1];
  fuzz_check(buffer >= 0 && buffer < array->n_buffers - FIRST_BUFFER - 1 && at >= 0 && at <= sizes[buffer] - size);
  const uint8_t *bytes = (const uint8_t *)array->buffers[FIRST_BUFFER + buffer] + at;
  fuzz_check(memcmp(bytes, view + 4, 4) == 0);
  return lam_bytes_of(bytes, (size_t)size);
}

/* The value of a row, of whatever type, plain or by a dictionary; every byte of it is touched, and what an array says
 * of its children is checked. NULL has 0. Of lists no more than `*entries` entries are looked at. */
static inline uint64_t fuzz_digest(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t row,
                                   int64_t *entries) {
  struct lam_view view;
  uint64_t digest = 1;
  if (schema->format[0] == 'v') {
    const uint8_t *validity = array->buffers[0];
    row += array->offset;
    return validity && !lam_bit_get(validity, row) ? 0 : fuzz_mix_bytes(digest, fuzz_view_bytes(array, row));
  }
  fuzz_check(lam_view_init(schema, array, &view, NULL) == LAM_OK && row < view.length);
  if (!lam_view_valid(&view, row)) return 0;
  int bits = lam_type_bits(&view.type);
  if (view.dictionary_array) {
    int64_t index = lam_view_index(&view, row);
    fuzz_check(index >= 0 && index < view.dictionary_array->length);
    return fuzz_digest(view.dictionary_schema, view.dictionary_array, index, entries);
  }
  if (view.type.id == LAM_TYPE_LIST || view.type.id == LAM_TYPE_MAP) {
    struct lam_range own = lam_view_entries(&view, row);
    fuzz_check(own.first >= 0 && own.first <= own.end && own.end <= array->children[0]->length);
    for (int64_t i = own.first; i < own.end && (*entries)-- > 0; i++)
      digest = fuzz_mix(digest, fuzz_digest(schema->children[0], array->children[0], i, entries));
    return fuzz_mix(digest, (uint64_t)(own.end - own.first));
  }
  if (view.type.id == LAM_TYPE_STRUCT) {
    for (int64_t i = 0; i < schema->n_children; i++)
      digest = fuzz_mix(digest, fuzz_digest(schema->children[i], array->children[i], view.offset + row, entries));
    return digest;
  }
  if (bits == 1) return fuzz_mix(digest, lam_bit_get(view.data, view.offset + row));
  if (bits > 1)
    return fuzz_mix_bytes(
        digest, lam_bytes_of((const uint8_t *)view.data + (view.offset + row) * (bits / 8), (size_t)bits / 8));
  return lam_type_is_binary(view.type.id) ? fuzz_mix_bytes(digest, lam_view_bytes(&view, row)) : digest;
}

enum { FUZZ_ROWS = 2000, FUZZ_ENTRIES = 10000 };
struct fuzz_rows {
  uint64_t digests[FUZZ_ROWS];
  int64_t count, entries; /* rows; entries of lists that may still be looked at */
  enum lam_status status; /* how reading them ended */
};

static inline void fuzz_begin_rows(struct fuzz_rows *rows) {
  rows->count = 0;
  rows->entries = FUZZ_ENTRIES;
}

static inline void fuzz_add_rows(struct fuzz_rows *rows, const struct ArrowSchema *schema,
                                 const struct ArrowArray *array) {
  for (int64_t i = 0; i < array->length && rows->count < FUZZ_ROWS; i++)
    rows->digests[rows->count++] = fuzz_digest(schema, array, i, &rows->entries);
}

/* Rows that were read in two ways are the same as far as both go; what could be read to its end in one way can be in
 * the other, the budget aside. */
static inline void fuzz_check_same(const struct fuzz_rows *a, const struct fuzz_rows *b) {
  int64_t count = a->count < b->count ? a->count : b->count;
  fuzz_check(memcmp(a->digests, b->digests, (size_t)count * sizeof *a->digests) == 0);
  if (a->status == LAM_LIMIT || b->status == LAM_LIMIT || a->count == FUZZ_ROWS || b->count == FUZZ_ROWS) return;
  fuzz_check((a->status == LAM_OK) == (b->status == LAM_OK)); /* of several faults another one may be found first */
  fuzz_check(a->status != LAM_OK || a->count == b->count);
}

/* ---- a file ---- */

struct fuzz_store {
  struct lam_context *context;
  struct lam_store *store;
  struct lam_mem *mem;
};

static inline bool fuzz_put(struct lam_store *store, const uint8_t *data, size_t size) {
  struct lam_output *output;
  if (store->ops->create(store, "f", &output, NULL) != LAM_OK) return false;
  bool ok = store->ops->write(output, data, size, NULL) == LAM_OK;
  return store->ops->close_output(output, NULL) == LAM_OK && ok;
}

/* Runs `with_file` on the bytes as a file, in a memory store with a budget of 32 MiB; afterwards nothing is left of it
 * in memory. Checksums, which a fuzzer cannot guess, are not verified. */
static inline void fuzz_with_file(const uint8_t *data, size_t size,
                                  void (*with_file)(void *user, struct lam_file *file, struct lam_mem *mem),
                                  void *user) {
  static struct lam_context *context;
  struct lam_context_options small = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_file_options options = LAM_FILE_OPTIONS_INIT;
  struct lam_store *store;
  struct lam_mem *mem;
  struct lam_file *file;
  small.threads = 1;
  small.memory_limit = 32 << 20;
  options.no_checksums = true;
  if (!context) fuzz_check(lam_context_create(&small, &context, NULL) == LAM_OK);
  fuzz_check(lam_store_memory(context, &store, NULL) == LAM_OK);
  fuzz_check(lam_mem_open(context, 0, &mem, NULL) == LAM_OK);
  (void)store->ops->make_directory(store, "", NULL);
  if (fuzz_put(store, data, size) && lam_file_open_in(store, "f", &options, mem, &file, NULL) == LAM_OK) {
    with_file(user, file, mem);
    lam_file_close(file);
  }
  fuzz_check(lam_mem_used(mem) == 0);
  lam_mem_close(mem);
  lam_store_close(store);
}

#endif
