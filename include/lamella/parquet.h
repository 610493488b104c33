/* Parquet files: reading them to Arrow batches and writing them from Arrow batches.
 *
 * Types map as docs/types.md lists. A batch is a struct array whose children are the columns. */
#ifndef LAMELLA_PARQUET_H
#define LAMELLA_PARQUET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lamella/arrow.h"
#include "lamella/context.h"
#include "lamella/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading ---- */

struct lam_file;

struct lam_file_options {
  uint32_t struct_size;
  uint64_t size;     /* read the file as if it ended here, in bytes: what was its size when it was
                        shorter than now; 0: as it is */
  bool no_checksums; /* do not verify page checksums */
};
#define LAM_FILE_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_file_options) }

/* Opens a local file and reads its footer. `options` may be NULL. */
LAM_API enum lam_status lam_file_open(struct lam_context *context, const char *path,
                                      const struct lam_file_options *options, struct lam_file **out,
                                      struct lam_error *error);
/* Its readers are closed. NULL is allowed. */
LAM_API void lam_file_close(struct lam_file *file);

LAM_API int64_t lam_file_rows(const struct lam_file *file); /* of all row groups, whatever the footer's own number is */
LAM_API int32_t lam_file_row_groups(const struct lam_file *file);
LAM_API int64_t lam_file_row_group_rows(const struct lam_file *file, int32_t row_group); /* 0: there is no such one */
LAM_API int32_t lam_file_columns(const struct lam_file *file);                           /* top-level ones */
/* The schema of all top-level columns that can be read, with the file's field ids (metadata
 * "PARQUET:field_id") and key-value metadata. The caller releases it. */
LAM_API enum lam_status lam_file_schema(const struct lam_file *file, struct ArrowSchema *out, struct lam_error *error);

struct lam_reader;

struct lam_read_options {
  uint32_t struct_size;
  const int32_t *columns; /* top-level columns in the order wanted; NULL: all */
  int32_t column_count;
  const int32_t *row_groups; /* in the order wanted; NULL: all */
  int32_t row_group_count;
  int64_t batch_rows; /* rows of a batch at most; 0: chosen for the L2 cache. Batches end at row groups, and
                         before a column's strings would pass 2^31 - 1 bytes or what the budget allows */
  bool dictionaries; /* strings and binaries come dictionary-encoded with int32 indices: fast where the file has them so
                      */
  const int32_t *leaves; /* of nested columns only these leaves (counted over the file); NULL: all. A column of which
                            none is listed comes whole; structs come with the members that have leaves listed */
  int32_t leaf_count;
  bool string_views; /* strings and binaries that do not come as dictionaries come as Arrow's views ("vu", "vz") into
                        the pages, whose bytes are not copied: long strings are fastest so. Each batch keeps its pages.
                        Those below groups keep their offsets */
};
#define LAM_READ_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_read_options) }

/* `options` may be NULL. The file stays open as long as its readers. */
LAM_API enum lam_status lam_reader_open(struct lam_file *file, const struct lam_read_options *options,
                                        struct lam_reader **out, struct lam_error *error);
LAM_API void lam_reader_close(struct lam_reader *reader);
/* The schema of the batches. The caller releases it. */
LAM_API enum lam_status lam_reader_schema(const struct lam_reader *reader, struct ArrowSchema *out,
                                          struct lam_error *error);
/* The next batch; at the end `out->release` is NULL. The caller releases each batch, before the reader is closed or
 * after; one that is released before the next call has its buffers reused. Columns are decoded in parallel. */
LAM_API enum lam_status lam_reader_next(struct lam_reader *reader, struct ArrowArray *out, struct lam_error *error);
/* Moves the reader into a stream, which closes it when released. */
LAM_API enum lam_status lam_reader_stream(struct lam_reader *reader, struct ArrowArrayStream *out,
                                          struct lam_error *error);

/* Called with each batch of a parallel scan, by several threads at once. `row_group` is the file's, `first_row` the
 * batch's first row within it. The batch is the callee's for the call only. */
typedef enum lam_status (*lam_batch_fn)(void *user, int32_t row_group, int64_t first_row,
                                        const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                        struct lam_error *error);
/* Reads the row groups on all threads of the context, in no order; batches of one row group come in
 * order, from one thread. */
LAM_API enum lam_status lam_file_scan(struct lam_file *file, const struct lam_read_options *options, lam_batch_fn each,
                                      void *user, struct lam_error *error);

/* ---- decoding one chunk ---- */

/* Rows of a row group, counted from its first; `end` is the first row behind them. Of several, each lies behind the one
 * before. */
struct lam_plan_rows {
  int64_t first, end;
};

/* A chunk of a column that is not repeated, from whatever knows it: a footer, a sidecar, a catalog. Numbers are those
 * of parquet.thrift. */
struct lam_chunk_description {
  uint32_t struct_size;
  int32_t physical;             /* Type */
  int32_t type_length;          /* bytes, of FIXED_LEN_BYTE_ARRAY */
  int32_t codec;                /* CompressionCodec */
  int32_t max_definition_level; /* 0: no value is NULL */
  int64_t values;               /* rows, NULLs included */
  uint64_t offset;              /* in its file, where its first page begins, that of the dictionary if it has one */
  const void *bytes;            /* its pages, fetched from anywhere */
  size_t size;
  bool no_checksums; /* do not verify page checksums */
};
#define LAM_CHUNK_DESCRIPTION_INIT \
  { .struct_size = sizeof(struct lam_chunk_description) }

/* Where its values go, in the form of Arrow; sizes are in bytes. */
struct lam_chunk_buffers {
  uint32_t struct_size;
  uint8_t *validity; /* a bit for each row, 1 where there is a value; not looked at where no value is NULL */
  size_t validity_size;
  void *values; /* as they are stored, whatever the column means by them, a NULL as zeros: of fixed width, BOOLEAN as
                   bits; of BYTE_ARRAY the bytes */
  size_t values_size;
  int32_t *offsets; /* rows + 1, of BYTE_ARRAY only */
  size_t offsets_size;
  /* What was found. */
  int64_t rows, nulls;
  size_t values_needed; /* bytes of `values` in use; where those were too few, how many are needed */
};
#define LAM_CHUNK_BUFFERS_INIT \
  { .struct_size = sizeof(struct lam_chunk_buffers) }

/* Decodes the chunk, or the rows of it that are in `rows` (NULL: all), into buffers of the caller's. Nothing of it is
 * kept. LAM_LIMIT: a buffer is too small; the error says which. */
LAM_API enum lam_status lam_decode_chunk(struct lam_context *context, const struct lam_chunk_description *chunk,
                                         const struct lam_plan_rows *rows, size_t row_count,
                                         struct lam_chunk_buffers *buffers, struct lam_error *error);

/* ---- writing ---- */

struct lam_writer;

enum lam_write_codec {
  LAM_WRITE_DEFAULT = -1, /* zstd */
  LAM_WRITE_NONE = 0,
  LAM_WRITE_SNAPPY = 1,
  LAM_WRITE_GZIP = 2,
  LAM_WRITE_BROTLI = 4,
  LAM_WRITE_ZSTD = 6,
  LAM_WRITE_LZ4_RAW = 7,
};
enum lam_write_encoding {
  LAM_ENCODE_DEFAULT = 0, /* dictionary while it pays, then PLAIN */
  LAM_ENCODE_PLAIN,
  LAM_ENCODE_DICTIONARY,  /* as the default, but tried even where it rarely pays (booleans never) */
  LAM_ENCODE_DELTA,       /* DELTA_BINARY_PACKED of integers, DELTA_LENGTH_BYTE_ARRAY of binaries */
  LAM_ENCODE_DELTA_BYTES, /* DELTA_BYTE_ARRAY */
  LAM_ENCODE_SPLIT,       /* BYTE_STREAM_SPLIT of fixed-width types */
  LAM_ENCODE_RLE,         /* booleans */
};
enum lam_write_bloom {
  LAM_BLOOM_DEFAULT = 0, /* where the dictionary was given up, and the filter takes little of the chunk */
  LAM_BLOOM_ALWAYS,      /* booleans never */
  LAM_BLOOM_NEVER,
};
/* What applies to one column; found by name, or to all where `name` is NULL. Later entries win. A leaf of a nested
 * column is named by its path in the file ("a.list.element", "m.key_value.key"); the name of the column is for all its
 * leaves. */
struct lam_column_options {
  const char *name;
  int codec; /* enum lam_write_codec */
  /* Of the codec; 0: its default, which is 6 of gzip and 4 of brotli. Of zstd it is 1, and 3 for strings and binaries
   * without a dictionary, of which a column's fifth page is then tried with less: the pages from there on get the
   * cheapest level whose bytes are no more than 2 % above the least. */
  int level;
  int encoding; /* enum lam_write_encoding */
  bool no_statistics;
  int bloom;              /* enum lam_write_bloom */
  double false_positives; /* of its bloom filter, above 0 and below 1; 0: 0.01 where it is always written, else 0.05 */
};
struct lam_sort_key {
  const char *column;
  bool descending, nulls_first;
};
struct lam_write_key_value {
  const char *key, *value;
};

struct lam_write_options {
  uint32_t struct_size;
  int64_t row_group_rows;   /* 0: 1,048,576 */
  int64_t row_group_bytes;  /* encoded; 0: 128 MiB, or less where the budget says so */
  int64_t page_bytes;       /* encoded, before compression; 0: 1 MiB */
  int64_t page_rows;        /* of a page, however few bytes they take; 0: 65,536 */
  int64_t dictionary_bytes; /* above this the dictionary is given up; 0: 1 MiB */
  bool data_page_v2;        /* pages V2 and version 2 of the format, for readers known to take them */
  bool no_page_checksums;
  const struct lam_column_options *columns;
  int32_t column_count;
  const struct lam_sort_key *sorting; /* recorded, not made: the rows must come so */
  int32_t sorting_count;
  const struct lam_write_key_value *key_values;
  int32_t key_value_count;
  bool no_sync; /* do not make the file durable before it becomes visible */
  bool no_page_index;
};
#define LAM_WRITE_OPTIONS_INIT \
  { .struct_size = sizeof(struct lam_write_options) }

struct lam_write_result {
  uint32_t struct_size;
  int64_t rows, bytes, row_groups;
};
#define LAM_WRITE_RESULT_INIT \
  { .struct_size = sizeof(struct lam_write_result) }

/* Begins a local file, which becomes visible under `path`, atomically and durably, when the writer is
 * finished; a file of that name is replaced. `schema` is a struct of the columns (copied). */
LAM_API enum lam_status lam_writer_open(struct lam_context *context, const char *path, const struct ArrowSchema *schema,
                                        const struct lam_write_options *options, struct lam_writer **out,
                                        struct lam_error *error);
/* Writes the rows of a struct array of that schema; dictionary-encoded columns may come instead of plain ones. The
 * batch stays the caller's. After a failure only lam_writer_close is of use. */
LAM_API enum lam_status lam_writer_write(struct lam_writer *writer, const struct ArrowArray *batch,
                                         struct lam_error *error);
/* Writes the footer and makes the file visible. `result` may be NULL. The writer is still to be closed. */
LAM_API enum lam_status lam_writer_finish(struct lam_writer *writer, struct lam_write_result *result,
                                          struct lam_error *error);
/* Closes; an unfinished file leaves nothing behind. NULL is allowed. */
LAM_API void lam_writer_close(struct lam_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
