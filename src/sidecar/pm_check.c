/* Checking a sidecar: what it says of itself, and against the footer of its file. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "sidecar/sidecar.h"

struct check {
  struct lam_sidecar *sidecar, *expected; /* expected: NULL without a file */
  bool (*fault)(void *user, const char *message);
  void *user;
  bool stopped;
};

static void report(struct check *c, const char *message) {
  if (!c->stopped && !c->fault(c->user, message)) c->stopped = true;
}

__attribute__((format(printf, 2, 3))) static void differs(struct check *c, const char *format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  report(c, message);
}

/* A failure that says something about the sidecar is a fault; *found is then false. The rest is returned. */
static enum lam_status take(struct check *c, enum lam_status status, const struct lam_error *why, bool *found,
                            struct lam_error *error) {
  *found = status == LAM_OK;
  if (status == LAM_OK) return LAM_OK;
  if (status != LAM_CORRUPT && status != LAM_UNSUPPORTED && status != LAM_INVALID) {
    lam_error_copy(error, why);
    return status;
  }
  report(c, why->message);
  return LAM_OK;
}

static bool same_number(struct check *c, const char *where, const char *what, uint64_t found, uint64_t expected) {
  if (found != expected) differs(c, "%s: %s is %" PRIu64 "; the file has %" PRIu64, where, what, found, expected);
  return found == expected;
}

static void same_bytes(struct check *c, const char *where, const char *what, struct lam_bytes found,
                       struct lam_bytes expected) {
  if ((found.data != NULL) != (expected.data != NULL) || !lam_bytes_equal(found, expected))
    differs(c, "%s: %s has %zu bytes that are not the %zu of the file", where, what, found.size, expected.size);
}

/* Numbers at these places of a struct are compared. */
struct member {
  const char *name;
  size_t offset;
  int size;
};
static uint64_t number_of(const void *base, const struct member *member) {
  const uint8_t *at = (const uint8_t *)base + member->offset;
  return member->size == 1 ? *at : member->size == 4 ? lam_load32(at) : lam_load64(at);
}
static void same_members(struct check *c, const char *where, const void *found, const void *expected,
                         const struct member *members, size_t count) {
  for (size_t i = 0; i < count; i++)
    same_number(c, where, members[i].name, number_of(found, &members[i]), number_of(expected, &members[i]));
}
#define MEMBER(type, name) \
  { #name, offsetof(struct type, name), sizeof(((struct type *)0)->name) }
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- columns ---- */

static enum lam_status check_column(struct check *c, int32_t column, struct lam_error *error) {
  static const struct member members[] = {MEMBER(pm_column, id), MEMBER(pm_column, type_length),
                                          MEMBER(pm_column, physical), MEMBER(pm_column, max_repetition),
                                          MEMBER(pm_column, max_definition)};
  struct pm_column found, expected;
  struct lam_bytes name, path, expected_name;
  struct lam_error why = LAM_ERROR_INIT;
  char where[32];
  bool there, ok;
  snprintf(where, sizeof where, "column %" PRId32, column);
  LAM_TRY(take(c, pm_column(c->sidecar, column, &found, &name, &why), &why, &ok, error));
  if (!ok) return LAM_OK;
  LAM_TRY(take(c, pm_leaf_path(c->sidecar, column, &there, &path, &why), &why, &ok, error));
  if (!c->expected) return LAM_OK;
  LAM_TRY(pm_column(c->expected, column, &expected, &expected_name, error));
  same_members(c, where, &found, &expected, members, COUNT(members));
  same_bytes(c, where, "the name", name, expected_name);
  if (ok && there) {
    LAM_TRY(pm_leaf_path(c->expected, column, &there, &expected_name, error));
    same_bytes(c, where, "the path", path, expected_name);
  }
  return LAM_OK;
}

/* ---- chunks ---- */

static enum lam_status check_extra(struct check *c, int32_t row_group, int32_t column, const char *where,
                                   struct lam_error *error) {
  static const struct member members[] = {MEMBER(pm_extra, uncompressed_size),
                                          MEMBER(pm_extra, data_page_offset),
                                          MEMBER(pm_extra, offset_index_offset),
                                          MEMBER(pm_extra, column_index_offset),
                                          MEMBER(pm_extra, offset_index_length),
                                          MEMBER(pm_extra, column_index_length),
                                          MEMBER(pm_extra, encodings),
                                          MEMBER(pm_extra, flags),
                                          MEMBER(pm_extra, nan_count)};
  struct pm_extra found, expected;
  struct lam_error why = LAM_ERROR_INIT;
  bool there, ok;
  LAM_TRY(take(c, pm_extra(c->sidecar, row_group, column, &there, &found, &why), &why, &ok, error));
  if (!ok || !there || !c->expected) return LAM_OK;
  LAM_TRY(pm_extra(c->expected, row_group, column, &there, &expected, error));
  same_members(c, where, &found, &expected, members, COUNT(members));
  return LAM_OK;
}

/* A sidecar need not have the filters that the file has: only what it has is compared, and only in like form. */
static enum lam_status check_bloom(struct check *c, int32_t row_group, int32_t column, const char *where,
                                   struct lam_error *error) {
  struct pm_bloom found, expected;
  struct lam_error why = LAM_ERROR_INIT;
  bool ok;
  LAM_TRY(take(c, pm_bloom(c->sidecar, row_group, column, &found, &why), &why, &ok, error));
  if (!ok || !c->expected) return LAM_OK;
  LAM_TRY(pm_bloom(c->expected, row_group, column, &expected, error));
  if (found.bits.data) same_bytes(c, where, "the bloom filter", found.bits, expected.bits);
  if (found.length) {
    same_number(c, where, "the offset of the bloom filter", found.offset, expected.offset);
    same_number(c, where, "the length of the bloom filter", found.length, expected.length);
  }
  return LAM_OK;
}

/* Where a slot holds a deprecated bound, only our section knows whether it is used. */
static void drop_unused(struct pm_chunk *chunk) {
  if (!(chunk->stat_flags & PM_MIN)) chunk->stat_flags &= (uint8_t)~PM_MIN_INLINED;
  if (!(chunk->stat_flags & PM_MAX)) chunk->stat_flags &= (uint8_t)~PM_MAX_INLINED;
}

static enum lam_status check_chunk(struct check *c, int32_t row_group, int32_t column, struct lam_error *error) {
  static const struct member members[] = {MEMBER(pm_chunk, codec),      MEMBER(pm_chunk, encodings),
                                          MEMBER(pm_chunk, stat_flags), MEMBER(pm_chunk, values),
                                          MEMBER(pm_chunk, offset),     MEMBER(pm_chunk, size)};
  struct pm_chunk found, expected;
  struct lam_statistics s, e;
  struct lam_error why = LAM_ERROR_INIT;
  char where[64];
  bool ok;
  snprintf(where, sizeof where, "row group %" PRId32 ", column %" PRId32, row_group, column);
  LAM_TRY(take(c, pm_chunk(c->sidecar, row_group, column, &found, &s, &why), &why, &ok, error));
  if (!ok) return LAM_OK;
  if (c->expected) {
    LAM_TRY(pm_chunk(c->expected, row_group, column, &expected, &e, error));
    drop_unused(&found);
    drop_unused(&expected);
    same_members(c, where, &found, &expected, members, COUNT(members));
    same_bytes(c, where, "the minimum", s.min, e.min);
    same_bytes(c, where, "the maximum", s.max, e.max);
    same_number(c, where, "the count of nulls", (uint64_t)s.null_count, (uint64_t)e.null_count);
    same_number(c, where, "the count of distinct values", (uint64_t)s.distinct_count, (uint64_t)e.distinct_count);
  }
  LAM_TRY(check_extra(c, row_group, column, where, error));
  return check_bloom(c, row_group, column, where, error);
}

static enum lam_status check_group(struct check *c, int32_t row_group, struct lam_error *error) {
  uint64_t rows, expected;
  struct lam_error why = LAM_ERROR_INIT;
  bool ok;
  LAM_TRY(take(c, pm_rows(c->sidecar, row_group, &rows, &why), &why, &ok, error));
  if (!ok) return LAM_OK;
  if (c->expected) {
    char where[32];
    snprintf(where, sizeof where, "row group %" PRId32, row_group);
    LAM_TRY(pm_rows(c->expected, row_group, &expected, error));
    same_number(c, where, "the count of rows", rows, expected);
  }
  for (int32_t i = 0; i < lam_sidecar_columns(c->sidecar) && !c->stopped; i++)
    LAM_TRY(check_chunk(c, row_group, i, error));
  return LAM_OK;
}

/* ---- all ---- */

static enum lam_status check_meta(struct check *c, struct lam_mem *mem, struct lam_error *error) {
  struct lam_arena arena;
  struct lam_file_meta meta;
  struct lam_error why = LAM_ERROR_INIT;
  bool there, ok;
  lam_arena_init(&arena, mem);
  enum lam_status status = take(c, pm_file_meta(c->sidecar, &arena, &there, &meta, &why), &why, &ok, error);
  lam_arena_release(&arena);
  return status;
}

static enum lam_status check_all(struct check *c, struct lam_mem *mem, struct lam_error *error) {
  if (c->expected) {
    bool same = same_number(c, "the sidecar", "the count of columns", (uint64_t)lam_sidecar_columns(c->sidecar),
                            (uint64_t)lam_sidecar_columns(c->expected));
    same &= same_number(c, "the sidecar", "the count of row groups", (uint64_t)lam_sidecar_row_groups(c->sidecar),
                        (uint64_t)lam_sidecar_row_groups(c->expected));
    same &= same_number(c, "the sidecar", "the size of the file", lam_sidecar_file_size(c->sidecar),
                        lam_sidecar_file_size(c->expected));
    if (!same) return LAM_OK;
    if (c->sidecar->file.data)
      same_number(c, "the sidecar", "the checksum of the footer", c->sidecar->file_head.footer_hash,
                  c->expected->file_head.footer_hash);
    if (c->sidecar->chunks.data)
      same_number(c, "the sidecar", "the count of dead bytes", c->sidecar->footer.dead_bytes,
                  c->expected->footer.dead_bytes);
  }
  LAM_TRY(check_meta(c, mem, error));
  for (int32_t i = 0; i < lam_sidecar_columns(c->sidecar) && !c->stopped; i++) LAM_TRY(check_column(c, i, error));
  for (int32_t i = 0; i < lam_sidecar_row_groups(c->sidecar) && !c->stopped; i++) LAM_TRY(check_group(c, i, error));
  return LAM_OK;
}

enum lam_status lam_sidecar_compare(struct lam_sidecar *sidecar, const struct lam_file *file, struct lam_mem *mem,
                                    bool (*fault)(void *user, const char *message), void *user,
                                    struct lam_error *error) {
  struct check c = {.sidecar = sidecar, .fault = fault, .user = user};
  struct lam_buf bytes;
  if (!file) return check_all(&c, mem, error);
  /* What a sidecar of the file would say now, with filters in the form that this one has. */
  struct lam_sidecar_source source;
  const struct lam_sidecar_format format = {.inline_blooms = !(sidecar->header.features & PM_BLOOM_EXTERNAL)};
  const struct lam_sidecar_open_options options = {.name = "the file"};
  LAM_TRY(lam_sidecar_source_of(file, mem, &source, error));
  lam_buf_init(&bytes, mem);
  enum lam_status status = lam_sidecar_build_in(&source, &format, &bytes, error);
  if (status == LAM_OK)
    status = lam_sidecar_open_bytes(lam_bytes_of(bytes.data, bytes.size), &options, mem, &c.expected, error);
  if (status == LAM_OK) status = check_all(&c, mem, error);
  lam_sidecar_close(c.expected);
  lam_buf_release(&bytes);
  return status;
}
