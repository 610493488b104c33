/* Making the parts of a `_pm`: what building and appending share. */
#ifndef LAM_SIDECAR_PM_WRITE_H
#define LAM_SIDECAR_PM_WRITE_H

#include "sidecar/sidecar.h"

/* A `_pm` under way. `out` holds the bytes from position `base` on. */
struct pm_writer {
  const struct lam_sidecar_source *source;
  const struct lam_sidecar_format *format;
  struct lam_arena *arena;
  struct lam_buf *out;
  uint64_t base;
  struct pm_header header; /* as it is, or will be, on disk */
  uint64_t header_sections;
  uint32_t *bloom_columns;
  uint32_t bloom_count;
  uint32_t *blocks; /* of each row group: offset >> 3 */
  uint64_t (
      *matrix)[2]; /* row group × bloom column: offset >> 3 in the `_pm` and 0, or offset and length in the file */
};
static inline uint64_t pm_position(const struct pm_writer *w) {
  return w->base + w->out->size;
}

/* ---- pm_build.c ---- */

/* Columns that all row groups are sorted by, for the header; and the designated timestamp. */
struct pm_order {
  const struct lam_sorting_column *columns; /* of the first row group */
  int32_t count;
  int32_t designated; /* leaf, or -1 */
};
void pm_order_of(const struct lam_file_meta *meta, struct pm_order *out);
/* The descriptor of a leaf, but for its name's place; *name is its top-level column's. */
void pm_describe(const struct lam_file_meta *meta, int32_t leaf, const struct pm_order *order, struct pm_column *out,
                 struct lam_bytes *name);
/* What of a chunk's bounds the slots hold: PM_EXTRA_…_MIN and …_MAX. */
struct pm_bounds {
  struct lam_bytes min, max; /* what goes into the slots; data NULL: nothing */
  bool new_min, new_max;     /* they are min_value and max_value */
  uint32_t flags;
};
void pm_bounds_of(const struct lam_file_meta *meta, int32_t leaf, const struct lam_statistics *statistics,
                  struct pm_bounds *out);
/* ---- pm_questdb.c ---- */

/* What QuestDB's key-value says of a top-level column: all zero where that does not fit the column. */
struct pm_hint {
  int32_t type, flags;
};
/* One for each, in `arena`; NULL where there is no key-value, or one of another schema. */
enum lam_status pm_questdb_hints(const struct lam_file_meta *meta, struct lam_arena *arena, struct pm_hint **out,
                                 struct lam_error *error);

/* ---- pm_build.c, on ---- */

/* Allocates blocks and matrix. */
enum lam_status pm_writer_begin(struct pm_writer *w, struct lam_error *error);
/* Zeros up to a multiple of 8, then the block of a row group. */
enum lam_status pm_write_block(struct pm_writer *w, int32_t row_group, struct lam_error *error);
/* The footer up to, and without, the table of segments; `previous` as in pm_footer. */
enum lam_status pm_write_footer(struct pm_writer *w, uint64_t previous, struct lam_error *error);
/* CRC and length behind the footer that begins at `footer_at`. */
enum lam_status pm_write_trailer(struct pm_writer *w, uint64_t footer_at, uint32_t crc, struct lam_error *error);

/* ---- pm_section.c ---- */

enum lam_status pm_write_schema(struct pm_writer *w, struct lam_error *error);
enum lam_status pm_write_file(struct pm_writer *w, struct lam_error *error);
enum lam_status pm_write_chunks(struct pm_writer *w, struct lam_error *error);
/* The checksums of all before it. `old` is what lies before w->base; its first `trusted` segments have the checksums
 * `sums`, which are kept. */
enum lam_status pm_write_segments(struct pm_writer *w, struct lam_bytes old, const uint8_t *sums, uint64_t trusted,
                                  struct lam_error *error);

#endif
