/* Sidecars inside the library: made from a file's metadata, read where they are mapped, appended to.
 *
 * docs/pm-format.md is the layout. A sidecar belongs to one state of one file; one that is stale (LAM_NOT_FOUND) or
 * damaged (LAM_CORRUPT, LAM_UNSUPPORTED) is built anew by who may write, and passed over in favour of the Parquet
 * footer by who may not. */
#ifndef LAM_SIDECAR_SIDECAR_H
#define LAM_SIDECAR_SIDECAR_H

#include "lamella/sidecar.h"
#include "parquet/writer.h"
#include "sidecar/pm.h"
#include "store/store.h"

/* ---- pm_open.c: the handle, its only allocation ---- */

struct lam_sidecar {
  struct lam_store *store; /* that the bytes are unmapped by; NULL: they are the caller's */
  struct lam_mem *mem;
  bool owns_store, owns_mem;
  size_t allocated;
  struct lam_bytes map;
  uint64_t end; /* of the snapshot: the committed size that its footer belongs to */
  uint64_t footer_at;
  uint64_t limit; /* what is read through pm_bytes lies below: the segments' section, or the CRC */
  struct pm_header header;
  struct pm_footer footer;
  uint64_t matrix;     /* of bloom filters, in the footer; 0: none */
  uint64_t bloom_list; /* its u32 count and columns in the header's sections; 0: not found yet, or none */
  uint32_t bloom_count;
  bool sections_found;                             /* bloom_list and schema are */
  struct lam_bytes schema, file, chunks, segments; /* our sections; data NULL where there is none */
  struct pm_schema schema_head;
  struct pm_file file_head;
  const char *name;  /* for messages */
  uint8_t *verified; /* a bit for each segment whose checksum has been compared */
};

struct lam_sidecar_open_options {
  uint64_t token;   /* the committed size of the Parquet file; 0: the newest footer, whatever it describes */
  bool whole;       /* verify the CRC of all bytes even where segments have checksums */
  const char *name; /* for messages; NULL: the store's root and the key */
};
/* Maps the sidecar at `key`. LAM_NOT_FOUND: there is none, or none for the token. The store outlives it. */
enum lam_status lam_sidecar_open_in(struct lam_store *store, const char *key,
                                    const struct lam_sidecar_open_options *options, struct lam_mem *mem,
                                    struct lam_sidecar **out, struct lam_error *error);
/* The same of bytes that outlive it. */
enum lam_status lam_sidecar_open_bytes(struct lam_bytes bytes, const struct lam_sidecar_open_options *options,
                                       struct lam_mem *mem, struct lam_sidecar **out, struct lam_error *error);

/* The store of a path's directory, and its last part, which is the key. The caller closes the store. */
enum lam_status pm_store_of(struct lam_context *context, const char *path, struct lam_store **store, const char **key,
                            struct lam_error *error);

/* What tells whether a sidecar is of the file as it is now. */
enum lam_sidecar_match {
  LAM_SIDECAR_CURRENT, /* size, inode and time agree */
  LAM_SIDECAR_MAYBE,   /* the size does: compare the checksum of the footer's bytes */
  LAM_SIDECAR_STALE,
};
enum lam_sidecar_match lam_sidecar_match(const struct lam_sidecar *sidecar, const struct lam_object_info *info);

/* `size` bytes at `offset`, compared with the checksums of their segments. */
enum lam_status pm_bytes(struct lam_sidecar *sidecar, uint64_t offset, uint64_t size, const uint8_t **out,
                         struct lam_error *error);

/* ---- pm_read.c: what it says; indices are checked. Slices point into the mapping ---- */

enum lam_status pm_column(struct lam_sidecar *sidecar, int32_t column, struct pm_column *out, struct lam_bytes *name,
                          struct lam_error *error);
enum lam_status pm_rows(struct lam_sidecar *sidecar, int32_t row_group, uint64_t *out, struct lam_error *error);
/* The place of a row group's block. */
enum lam_status pm_block(struct lam_sidecar *sidecar, int32_t row_group, uint64_t *out, struct lam_error *error);
/* A chunk whose range lies before the Parquet footer, and its statistics (what is absent as lam_statistics has it). */
enum lam_status pm_chunk(struct lam_sidecar *sidecar, int32_t row_group, int32_t column, struct pm_chunk *out,
                         struct lam_statistics *statistics, struct lam_error *error);
struct pm_bloom {
  struct lam_bytes bits;   /* inlined; else empty */
  uint64_t offset, length; /* in the Parquet file, header included; 0, 0 where inlined or absent */
};
enum lam_status pm_bloom(struct lam_sidecar *sidecar, int32_t row_group, int32_t column, struct pm_bloom *out,
                         struct lam_error *error);
/* *there is false where our sections are missing; so below. */
enum lam_status pm_extra(struct lam_sidecar *sidecar, int32_t row_group, int32_t column, bool *there,
                         struct pm_extra *out, struct lam_error *error);
/* The struct pm_chunk and the struct pm_extra of all columns of a row group, in a sidecar with our sections. */
enum lam_status pm_group(struct lam_sidecar *sidecar, int32_t row_group, const uint8_t **chunks, const uint8_t **extras,
                         struct lam_error *error);
enum lam_status pm_leaf_path(struct lam_sidecar *sidecar, int32_t column, bool *there, struct lam_bytes *out,
                             struct lam_error *error);
/* The leaf of that dotted path, or -1. */
enum lam_status pm_find_path(struct lam_sidecar *sidecar, struct lam_bytes path, int32_t *column,
                             struct lam_error *error);
/* Of a sidecar with our schema: the node that a leaf is; the rank of the first leaf, by path, whose path is not below
 * `path`; the leaf of a rank. */
enum lam_status pm_leaf_node(struct lam_sidecar *sidecar, int32_t leaf, int32_t *node, struct lam_error *error);
enum lam_status pm_path_rank(struct lam_sidecar *sidecar, struct lam_bytes path, uint32_t *rank,
                             struct lam_error *error);
enum lam_status pm_ranked_leaf(struct lam_sidecar *sidecar, uint32_t rank, int32_t *leaf, struct lam_error *error);
/* Descriptor indices that every row group is sorted by; with the flag of its descriptor for descending. */
enum lam_status pm_sorting(struct lam_sidecar *sidecar, int32_t place, int32_t *column, struct lam_error *error);
int32_t pm_sorting_count(const struct lam_sidecar *sidecar);
/* The name of the column that all row groups are sorted by first; data NULL where there is none, or it is within one.
 * LAM_UNSUPPORTED: the sidecar does not tell a column from what is within one. */
enum lam_status lam_sidecar_sorted_by(struct lam_sidecar *sidecar, struct lam_bytes *out, struct lam_error *error);
/* pm_section.c: schema, created_by, orders and key-values as a footer would give them, into `arena`, without row
 * groups. */
enum lam_status pm_file_meta(struct lam_sidecar *sidecar, struct lam_arena *arena, bool *there,
                             struct lam_file_meta *out, struct lam_error *error);
enum lam_status pm_load_node(struct lam_sidecar *sidecar, int32_t node, struct lam_schema_node *out,
                             struct lam_error *error);
/* The rest of it: created_by, orders, key-values, of the leaves `columns` (NULL: all, and every key-value). */
enum lam_status pm_load_file(struct lam_sidecar *sidecar, const int32_t *columns, struct lam_arena *arena,
                             struct lam_file_meta *out, struct lam_error *error);

/* ---- pm_meta.c: metadata as a footer would give them ---- */

/* All of it, row groups included, but what only copying row groups needs (lam_file_read_footer). The sidecar outlives
 * it: statistics and filters are looked up there when they are asked for. *there is false where our sections are
 * missing. */
enum lam_status lam_sidecar_meta(struct lam_sidecar *sidecar, struct lam_arena *arena, bool *there,
                                 struct lam_file_meta *out, struct lam_error *error);
/* The same of a file that had only these top-level columns, in time that does not depend on the others. The sidecar has
 * our sections. */
/* The node of the top-level column that a leaf is of. */
enum lam_status pm_top_of_leaf(struct lam_sidecar *sidecar, int32_t leaf, int32_t *top, struct lam_schema_node *out,
                               struct lam_error *error);
struct pm_top {
  int32_t node;          /* of its schema */
  struct lam_bytes name; /* that the column is to have; data NULL: its own */
};
enum lam_status lam_sidecar_meta_of(struct lam_sidecar *sidecar, const struct pm_top *tops, int32_t count,
                                    struct lam_arena *arena, struct lam_file_meta *out, struct lam_error *error);

/* The same of a sidecar without our sections, from its descriptors' type codes; nodes are columns. LAM_UNSUPPORTED: a
 * type that they do not tell, or a nested column. */
enum lam_status pm_described_meta(struct lam_sidecar *sidecar, const struct pm_top *tops, int32_t count,
                                  struct lam_arena *arena, struct lam_file_meta *out, struct lam_error *error);

/* ---- pm_file.c: files opened from their sidecars ---- */

enum lam_sidecar_use {
  LAM_SIDECAR_USED,
  LAM_SIDECAR_MOVED,   /* used, and its identity is not the file's any more: only the footer's checksum was */
  LAM_SIDECAR_MISSING, /* the footer was read, as below */
  LAM_SIDECAR_UNFIT,   /* stale, damaged, or without our sections; `why` says which */
};
struct lam_sidecar_used {
  enum lam_sidecar_use use;
  bool inlined; /* it has bloom filters in it */
  struct lam_error why;
};
/* Opens a file with the metadata that the sidecar at `sidecar_key` of `sidecars` has of its state, else with those of
 * its footer. What is wrong with the sidecar is no failure. `listed`: see lam_file_describer; may be NULL. */
enum lam_status lam_sidecar_file_open(struct lam_store *data, const char *key, const struct lam_file_options *options,
                                      const struct lam_object_info *listed, struct lam_store *sidecars,
                                      const char *sidecar_key, struct lam_mem *mem, struct lam_file **out,
                                      struct lam_sidecar_used *used, struct lam_error *error);

/* ---- pm_build.c, pm_writer.c, pm_append.c ---- */

/* One state of a Parquet file, to be described. */
struct lam_sidecar_source {
  const struct lam_file_meta *meta;
  const struct lam_file *file; /* for bloom filters; NULL: there are none, or they have positions and lengths */
  uint64_t footer_offset;      /* of its thrift bytes */
  uint32_t footer_length;
  uint64_t footer_hash; /* XXH64 of them */
  uint64_t inode;
  int64_t mtime_ns;
  uint64_t dead_bytes; /* 0 where they are not known */
};
static inline uint64_t lam_sidecar_token(const struct lam_sidecar_source *source) {
  return source->footer_offset + source->footer_length + 8;
}
/* As lam_sidecar_sorted_by, by a footer. */
struct lam_bytes lam_sorted_by(const struct lam_file_meta *meta);
/* Of an open file; it outlives the source. */
enum lam_status lam_sidecar_source_of(const struct lam_file *file, struct lam_mem *mem, struct lam_sidecar_source *out,
                                      struct lam_error *error);

/* Of the file that a writer has finished, which is not read; it is the same as of the open file. The source lives as
 * long as `arena` and the writer. */
enum lam_status lam_sidecar_source_of_writer(const struct lam_writer *writer, struct lam_arena *arena,
                                             struct lam_sidecar_source *out, struct lam_error *error);

struct lam_sidecar_format {
  bool inline_blooms; /* copy filters into the sidecar; else it says where they are in the file */
  bool plain;         /* none of our sections */
};
/* Appends a whole `_pm` to an empty buffer. LAM_UNSUPPORTED for encrypted columns and chunks in other files. */
enum lam_status lam_sidecar_build_in(const struct lam_sidecar_source *source, const struct lam_sidecar_format *format,
                                     struct lam_buf *out, struct lam_error *error);
/* Builds it and puts it at `key`, atomically but not durably: one that a power cut has damaged is found by its
 * checksums. *size (may be NULL) gets its bytes. */
enum lam_status lam_sidecar_put(const struct lam_sidecar_source *source, const struct lam_sidecar_format *format,
                                struct lam_store *store, const char *key, struct lam_mem *mem, uint64_t *size,
                                struct lam_error *error);
/* Describes a later state of the same Parquet file behind what is there, in the order of docs/pm-format.md, so that
 * readers of the state `token` keep it. kept[i] is the row group of that state which row group i of the source still
 * is, or -1. Our sections are written where the sidecar has one in its header. One writer at a time. LAM_NOT_FOUND: the
 * sidecar does not know the state; LAM_UNSUPPORTED: the schema or order changed. Both: build it anew. After another
 * failure the sidecar is what it was, or damaged only behind its committed size. */
enum lam_status lam_sidecar_append(struct lam_store *store, const char *key, uint64_t token,
                                   const struct lam_sidecar_source *source, const int32_t *kept,
                                   const struct lam_sidecar_format *format, struct lam_mem *mem,
                                   struct lam_error *error);

/* ---- pm_check.c ---- */

/* Compares all that the sidecar says with itself and with the file (NULL: only with itself). A return of false stops.
 */
enum lam_status lam_sidecar_compare(struct lam_sidecar *sidecar, const struct lam_file *file, struct lam_mem *mem,
                                    bool (*fault)(void *user, const char *message), void *user,
                                    struct lam_error *error);

#endif
