/* Sidecars: what a planner needs of a Parquet file, in a mapped file (`_pm`) that is used in place.
 *
 * See docs/pm-format.md. Slices that are handed out point into the mapping and live until the sidecar is closed. */
#ifndef LAMELLA_SIDECAR_H
#define LAMELLA_SIDECAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lamella/arrow.h"
#include "lamella/context.h"
#include "lamella/parquet.h"
#include "lamella/status.h"
#include "lamella/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading one ---- */

struct lam_sidecar;

/* Maps the `_pm` at `path`. `size` is the committed size of the Parquet file: LAM_NOT_FOUND where the sidecar does not
 * describe that state (it is stale); 0: its newest. LAM_CORRUPT where it is damaged. */
LAM_API enum lam_status lam_sidecar_open(struct lam_context *context, const char *path, uint64_t size,
                                         struct lam_sidecar **out, struct lam_error *error);
/* NULL is allowed. */
LAM_API void lam_sidecar_close(struct lam_sidecar *sidecar);

LAM_API int32_t lam_sidecar_columns(const struct lam_sidecar *sidecar); /* leaves of the schema */
LAM_API int32_t lam_sidecar_row_groups(const struct lam_sidecar *sidecar);
LAM_API uint64_t lam_sidecar_file_size(const struct lam_sidecar *sidecar); /* of the Parquet file it describes */
LAM_API enum lam_status lam_sidecar_rows(struct lam_sidecar *sidecar, int32_t row_group, uint64_t *out,
                                         struct lam_error *error);

struct lam_sidecar_column {
  uint32_t struct_size;
  int32_t field_id;    /* of the top-level column; -1 where there is none */
  int32_t type;        /* QuestDB's type code, or -1 */
  int32_t physical;    /* Parquet's enum Type */
  int32_t type_length; /* of FIXED_LEN_BYTE_ARRAY, bytes */
  int32_t repetition;  /* of the top-level column: 0 required, 1 optional, 2 repeated */
  int32_t max_definition, max_repetition;
  const char *name; /* of the top-level column; UTF-8, not terminated */
  size_t name_size;
  const char *path; /* of the leaf: names joined by dots; NULL in sidecars of others */
  size_t path_size;
};
#define LAM_SIDECAR_COLUMN_INIT \
  { .struct_size = sizeof(struct lam_sidecar_column) }
LAM_API enum lam_status lam_sidecar_column(struct lam_sidecar *sidecar, int32_t column, struct lam_sidecar_column *out,
                                           struct lam_error *error);
/* The column of a dotted path (of a name, in sidecars of others), or -1. */
LAM_API enum lam_status lam_sidecar_find(struct lam_sidecar *sidecar, const char *path, int32_t *column,
                                         struct lam_error *error);

/* One column of one row group. What the sidecar does not know is -1 or NULL. */
struct lam_sidecar_chunk {
  uint32_t struct_size;
  int32_t codec;         /* Parquet's enum CompressionCodec */
  uint64_t values;       /* nulls and entries of lists included */
  uint64_t offset, size; /* bytes to fetch: of all its pages */
  int64_t null_count, distinct_count;
  const void *min, *max; /* as in Parquet's statistics; NULL where absent */
  size_t min_size, max_size;
  bool min_exact, max_exact; /* else they are only bounds */
  bool dictionary_only;      /* every data page is known to be dictionary-coded */
  int64_t uncompressed_size;
  int64_t offset_index_offset, offset_index_length; /* length 0: there is none */
  int64_t column_index_offset, column_index_length;
  const void *bloom; /* bitset of a split-block filter that is inlined */
  size_t bloom_size;
  uint64_t bloom_offset, bloom_length; /* of one in the Parquet file, its header included; 0: none */
};
#define LAM_SIDECAR_CHUNK_INIT \
  { .struct_size = sizeof(struct lam_sidecar_chunk) }
LAM_API enum lam_status lam_sidecar_chunk(struct lam_sidecar *sidecar, int32_t row_group, int32_t column,
                                          struct lam_sidecar_chunk *out, struct lam_error *error);

/* ---- planning ---- */

/* What a condition leaves of a row group. */
enum lam_sidecar_verdict {
  LAM_SIDECAR_SKIPPED = 0, /* no row matches */
  LAM_SIDECAR_KEPT = 1,    /* some may */
  LAM_SIDECAR_WHOLE = 2,   /* every row does */
};
/* A column of the condition that is known by its field id: it is found in the file whatever its name is there. */
struct lam_sidecar_name {
  const char *name;
  int32_t field_id; /* -1: by its name */
};
struct lam_sidecar_prune_options {
  uint32_t struct_size;
  const struct lam_sidecar_name *names; /* others are found by their names */
  size_t name_count;
  /* Fills bytes of the Parquet file, for bloom filters that the sidecar only refers to; NULL: those are not used. */
  enum lam_status (*fetch)(void *user, uint64_t offset, void *to, size_t size, struct lam_error *error);
  void *user;
};
#define LAM_SIDECAR_PRUNE_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_sidecar_prune_options) }
/* Decides a condition (docs/expressions.md) for every row group from its statistics and bloom filters: verdicts[i] gets
 * an enum lam_sidecar_verdict. It takes time by the columns that the condition names, not by those of the file.
 * `options` may be NULL. LAM_NOT_FOUND: the file has no such column; LAM_UNSUPPORTED: in a sidecar of another program,
 * a column whose type is not known. */
LAM_API enum lam_status lam_sidecar_prune(struct lam_sidecar *sidecar, const char *where,
                                          const struct lam_sidecar_prune_options *options, uint8_t *verdicts,
                                          struct lam_error *error);

/* ---- decoding ---- */

enum lam_decode_type {
  LAM_DECODE_AS_STORED = 0, /* dictionaries as their values */
  LAM_DECODE_STRINGS,       /* binaries as strings: LAM_CORRUPT where one is no UTF-8 */
  LAM_DECODE_BINARIES,      /* strings as binaries */
};
struct lam_sidecar_decode_options {
  uint32_t struct_size;
  int type;                         /* enum lam_decode_type */
  const struct lam_plan_rows *rows; /* of the row group, counted from 0, ascending; NULL: all */
  size_t row_count;
  bool no_checksums; /* do not verify page checksums */
};
#define LAM_SIDECAR_DECODE_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_sidecar_decode_options) }
/* Decodes a chunk. That of a leaf of a repeated column comes as the column, with the lists and structs above that leaf
 * and no other member; that of another leaf as an array of just its values. `bytes` are the `size` bytes of the file at
 * `offset` that lam_sidecar_chunk says, fetched from anywhere; they are not needed afterwards. The caller releases
 * `schema` and `array`, which may outlive the sidecar. */
LAM_API enum lam_status lam_sidecar_decode(struct lam_sidecar *sidecar, int32_t row_group, int32_t column,
                                           const void *bytes, size_t size,
                                           const struct lam_sidecar_decode_options *options, struct ArrowSchema *schema,
                                           struct ArrowArray *array, struct lam_error *error);

/* ---- one of a new file ---- */

/* Puts the sidecar of the file that `writer` has finished at `path`, atomically, from what the writer has in memory: no
 * byte of the file is read. It is the same as one that is built from the file, its bloom filters referred to. Before
 * the writer is closed. LAM_INVALID: it has not been finished. */
LAM_API enum lam_status lam_sidecar_write(const struct lam_writer *writer, const char *path, struct lam_error *error);

/* ---- those of a table ---- */

struct lam_sidecar_build_options {
  uint32_t struct_size;
  struct lam_table_options table;
  bool inline_blooms; /* copy bloom filters into the sidecars */
  bool force;         /* build those anew that are up to date */
};
#define LAM_SIDECAR_BUILD_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_sidecar_build_options), .table = LAM_TABLE_OPTIONS_INIT }

struct lam_sidecar_build_result {
  uint32_t struct_size;
  uint64_t files;
  uint64_t built;
  uint64_t current;           /* were up to date */
  uint64_t missing;           /* of a check: files without a sidecar */
  uint64_t failed;            /* files of which no sidecar could be made or checked */
  uint64_t faults;            /* reported */
  uint64_t bytes, file_bytes; /* of the sidecars built, and of their files */
};
#define LAM_SIDECAR_BUILD_RESULT_INIT \
  { .struct_size = sizeof(struct lam_sidecar_build_result) }

/* Makes the sidecars of all files of a table that have none that is up to date, on all threads. `path` is a directory
 * (they go to "<path>.lamella/pm/<file>._pm") or a file called data.parquet (it goes to _pm beside it). The files are
 * not touched; those that are empty or corrupt are handed to `each` (NULL: only counted) and the others done. */
LAM_API enum lam_status lam_sidecar_build(struct lam_context *context, const char *path,
                                          const struct lam_sidecar_build_options *options, lam_fault_fn each,
                                          void *user, struct lam_sidecar_build_result *result, struct lam_error *error);
/* Compares each sidecar, checksums included, with its file; one that is stale is a fault, one that is missing is not.
 */
LAM_API enum lam_status lam_sidecar_check(struct lam_context *context, const char *path,
                                          const struct lam_table_options *table, lam_fault_fn each, void *user,
                                          struct lam_sidecar_build_result *result, struct lam_error *error);

#ifdef __cplusplus
}
#endif
#endif
