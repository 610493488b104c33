/* Batches of a file: each column is decoded in runs, and a batch is what all columns have at hand.
 *
 * A run is sized to the batch, so that usually all begin and end together. Where one ends early (its strings
 * are long, or its dictionary ends) the batch does too, and the other columns' runs go on in the next batch as slices
 * of the same buffers: nothing is decoded twice or copied. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "arrow/array.h"
#include "base/context.h"
#include "base/options.h"
#include "base/threads.h"
#include "parquet/chunk.h"
#include "parquet/reader.h"

enum {
  BATCH_BYTES = 1 << 20, /* of a batch whose size is ours to choose: what the L2 cache holds */
  LEAST_ROWS = 1024,     /* of such a batch, unless its rows are very wide */
  MOST_ROWS = 65536,
  RUN_BYTES = 4 << 20,       /* of one column's run at most, of such a batch */
  LEAST_RUN_BYTES = 1 << 18, /* however small the budget */
  WINDOW = 1 << 20,          /* bytes of a chunk read at once */
  LEAST_WINDOW = 1 << 16,
  PARALLEL_BYTES = 1 << 18, /* a refill of less is faster on one thread */
};

struct column {
  int32_t top, leaf;
  struct lam_leaf type;
  struct lam_chunk chunk;
  int64_t position; /* rows of the run that were given out */
  bool as_dictionary;
  bool all_null; /* of the type null: nothing is decoded */
};

struct lam_reader {
  struct lam_file *file;
  struct lam_mem *mem, *own_mem;
  struct lam_read_options options;
  struct lam_reader_mode mode;
  int32_t *row_groups, row_group_count;
  int32_t next_group; /* index in row_groups of the one after the current */
  int64_t rows_left;  /* of the current row group */
  int64_t batch_rows; /* of the current row group */
  size_t run_bytes;   /* of a column's run at most */
  int32_t column_count;
  struct column *columns;
  struct lam_codec_state *codecs; /* one for each thread that refills */
  atomic_flag *codec_taken;
  uint32_t codec_count;
  int32_t *refill; /* columns whose run is used up */
  bool failed;     /* columns no longer agree on where they are */
};

static const struct lam_row_group_meta *current_group(const struct lam_reader *reader) {
  return &lam_file_meta(reader->file)->row_groups[reader->row_groups[reader->next_group - 1]];
}

static enum lam_status fail_in_column(const struct lam_reader *reader, const struct column *column,
                                      enum lam_status status, struct lam_error *error) {
  if (status == LAM_CANCELLED) return status;
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  struct lam_bytes name = meta->nodes[lam_top_node(meta, column->top)].name;
  return lam_fail_in(error, status, "%s: row group %" PRId32 ", column '%.*s'", lam_file_name(reader->file),
                     reader->row_groups[reader->next_group - 1], (int)name.size, (const char *)name.data);
}

/* ---- row groups ---- */

/* Bytes of a value once decoded, about. */
static double value_bytes(const struct lam_reader *reader, const struct column *column) {
  if (column->as_dictionary) return 4;
  int bits = lam_type_bits(&column->type.type);
  int bytes = (bits + 7) / 8;
  if (bytes > 0) return bytes;
  const struct lam_chunk_meta *chunk = &current_group(reader)->chunks[column->leaf];
  if (chunk->values <= 0) return 16;
  double average = (double)chunk->uncompressed_size / (double)chunk->values;
  return average < 16 ? 16 : average;
}

static void choose_sizes(struct lam_reader *reader) {
  uint64_t available = lam_mem_available(reader->mem);
  uint64_t share = available / (8 * (uint64_t)(reader->column_count ? reader->column_count : 1));
  bool chosen = reader->options.batch_rows > 0;
  reader->run_bytes = (size_t)lam_max_u64(lam_min_u64(share, chosen ? INT32_MAX : RUN_BYTES), LEAST_RUN_BYTES);
  reader->batch_rows = reader->options.batch_rows;
  if (chosen) return;
  double row = 0;
  for (int32_t i = 0; i < reader->column_count; i++) row += value_bytes(reader, &reader->columns[i]);
  double rows = row > 0 ? BATCH_BYTES / row : MOST_ROWS;
  reader->batch_rows = rows < LEAST_ROWS ? LEAST_ROWS : rows > MOST_ROWS ? MOST_ROWS : (int64_t)rows / 64 * 64;
}

static enum lam_status check_chunk(const struct lam_row_group_meta *group, const struct lam_chunk_meta *chunk,
                                   const struct column *column, struct lam_error *error) {
  if (chunk->encrypted) return lam_fail(error, LAM_UNSUPPORTED, "it is encrypted, which this version cannot read");
  if (chunk->elsewhere) {
    struct lam_chunk_details details;
    lam_chunk_details(chunk, &details);
    return lam_fail(error, LAM_UNSUPPORTED, "its bytes are in another file, '%.*s', which is not read",
                    (int)details.file_path.size, (const char *)details.file_path.data);
  }
  LAM_CHECK(chunk->has_metadata, error, "it has no metadata");
  LAM_CHECK(chunk->values == group->rows, error, "it has %" PRId64 " values in a row group of %" PRId64 " rows",
            chunk->values, group->rows);
  LAM_CHECK(chunk->physical == (int8_t)column->type.physical, error, "its chunk is of type %s, its schema says %s",
            lam_physical_name((enum lam_physical)chunk->physical), lam_physical_name(column->type.physical));
  return LAM_OK;
}

static enum lam_status begin_column(struct lam_reader *reader, struct column *column, size_t window,
                                    struct lam_error *error) {
  const struct lam_row_group_meta *group = current_group(reader);
  const struct lam_chunk_meta *chunk = &group->chunks[column->leaf];
  struct lam_chunk_source source = {
      .bytes = lam_file_source(reader->file),
      .window = window,
      .codec = (enum lam_codec)chunk->codec,
      .leaf = &column->type,
      .values = chunk->values,
      .checksums = lam_file_checksums(reader->file),
  };
  LAM_TRY(check_chunk(group, chunk, column, error));
  LAM_TRY(lam_chunk_range(reader->file, reader->row_groups[reader->next_group - 1], column->leaf, &source.offset,
                          &source.size, error));
  source.slack = lam_chunk_slack(reader->file, source.offset + source.size);
  column->position = 0;
  return lam_chunk_begin(&column->chunk, &source, column->as_dictionary, error);
}

static enum lam_status begin_group(struct lam_reader *reader, struct lam_error *error) {
  reader->next_group++;
  reader->rows_left = current_group(reader)->rows;
  LAM_CHECK(reader->rows_left >= 0, error, "%s: row group %" PRId32 " has %" PRId64 " rows",
            lam_file_name(reader->file), reader->row_groups[reader->next_group - 1], reader->rows_left);
  choose_sizes(reader);
  uint64_t share = lam_mem_available(reader->mem) / (8 * (uint64_t)(reader->column_count + 1));
  size_t window = (size_t)lam_max_u64(lam_min_u64(share, WINDOW), LEAST_WINDOW);
  for (int32_t i = 0; i < reader->column_count && reader->rows_left > 0; i++) {
    struct column *column = &reader->columns[i];
    enum lam_status status = begin_column(reader, column, window, error);
    if (status != LAM_OK) return fail_in_column(reader, column, status, error);
  }
  return LAM_OK;
}

/* ---- refilling ---- */

static enum lam_status refill_column(void *user, size_t index, struct lam_error *error) {
  struct lam_reader *reader = user;
  struct column *column = &reader->columns[reader->refill[index]];
  column->position = 0;
  if (column->all_null) {
    column->chunk.run.rows = lam_min_i64(reader->batch_rows, reader->rows_left);
    return LAM_OK;
  }
  uint32_t slot = 0; /* there are as many as threads that can be here at once */
  while (atomic_flag_test_and_set_explicit(&reader->codec_taken[slot], memory_order_acquire))
    slot = (slot + 1) % reader->codec_count;
  enum lam_status status =
      lam_chunk_read(&column->chunk, &reader->codecs[slot], reader->batch_rows, reader->run_bytes, error);
  atomic_flag_clear_explicit(&reader->codec_taken[slot], memory_order_release);
  return status == LAM_OK ? LAM_OK : fail_in_column(reader, column, status, error);
}

static enum lam_status refill_columns(struct lam_reader *reader, struct lam_error *error) {
  size_t count = 0;
  double bytes = 0;
  for (int32_t i = 0; i < reader->column_count; i++) {
    struct column *column = &reader->columns[i];
    if (column->position < column->chunk.run.rows) continue;
    reader->refill[count++] = i;
    bytes += value_bytes(reader, column) * (double)lam_min_i64(reader->batch_rows, reader->rows_left);
  }
  uint32_t width = bytes < PARALLEL_BYTES ? 1 : reader->codec_count;
  return lam_pool_run(lam_context_pool(lam_mem_context(reader->mem)), count, width, refill_column, reader, error);
}

/* ---- batches ---- */

static int64_t nulls_of_slice(const struct lam_run *run, int64_t first, int64_t rows) {
  if (run->nulls == 0 || rows == run->rows) return run->nulls;
  return rows - lam_bits_count(run->validity->data, first, rows);
}

static enum lam_status values_array(const struct lam_values *values, int64_t count, bool binary, struct ArrowArray *out,
                                    struct lam_error *error) {
  struct lam_shared *const buffers[] = {NULL, binary ? values->offsets : values->data, values->data};
  return lam_array_init(count, 0, binary ? 3 : 2, buffers, NULL, out, error);
}

static enum lam_status column_array(const struct column *column, int64_t rows, struct ArrowArray *out,
                                    struct lam_error *error) {
  const struct lam_chunk *chunk = &column->chunk;
  const struct lam_run *run = &chunk->run;
  bool binary = chunk->class == LAM_VALUES_BINARY;
  if (column->all_null) return lam_array_init(rows, rows, 0, NULL, NULL, out, error);
  int64_t nulls = nulls_of_slice(run, column->position, rows);
  struct lam_shared *validity = nulls > 0 ? run->validity : NULL;
  if (chunk->as_dictionary) {
    const struct lam_values *values = run->dictionary ? &chunk->dictionary : &run->values;
    struct lam_shared *const buffers[] = {validity, run->indices};
    struct ArrowArray dictionary;
    LAM_TRY(values_array(values, values->count, binary, &dictionary, error));
    enum lam_status status = lam_array_init(rows, nulls, 2, buffers, &dictionary, out, error);
    lam_array_release(&dictionary);
    LAM_TRY(status);
  } else {
    struct lam_shared *const buffers[] = {validity, binary ? run->values.offsets : run->values.data, run->values.data};
    LAM_TRY(lam_array_init(rows, nulls, binary ? 3 : 2, buffers, NULL, out, error));
  }
  out->offset = column->position;
  return LAM_OK;
}

static enum lam_status make_batch(struct lam_reader *reader, struct ArrowArray *out, struct lam_error *error) {
  int64_t rows = lam_min_i64(reader->rows_left, reader->column_count ? INT64_MAX : reader->batch_rows);
  for (int32_t i = 0; i < reader->column_count; i++)
    rows = lam_min_i64(rows, reader->columns[i].chunk.run.rows - reader->columns[i].position);
  assert(rows > 0);
  LAM_TRY(lam_array_init_struct(rows, reader->column_count, out, error));
  for (int32_t i = 0; i < reader->column_count; i++) {
    enum lam_status status = column_array(&reader->columns[i], rows, out->children[i], error);
    if (status != LAM_OK) {
      lam_array_release(out);
      return status;
    }
    reader->columns[i].position += rows;
  }
  reader->rows_left -= rows;
  return LAM_OK;
}

static enum lam_status next_batch(struct lam_reader *reader, struct ArrowArray *out, struct lam_error *error) {
  while (reader->rows_left == 0) {
    if (reader->next_group == reader->row_group_count) return LAM_OK;
    LAM_TRY(begin_group(reader, error));
  }
  LAM_TRY(lam_check_cancel(lam_mem_context(reader->mem), error));
  LAM_TRY(refill_columns(reader, error));
  return make_batch(reader, out, error);
}

enum lam_status lam_reader_next(struct lam_reader *reader, struct ArrowArray *out, struct lam_error *error) {
  out->release = NULL;
  if (reader->failed)
    return lam_fail(error, LAM_INVALID, "%s: its reader has failed and gives no more batches",
                    lam_file_name(reader->file));
  enum lam_status status = next_batch(reader, out, error);
  reader->failed = status != LAM_OK;
  return status;
}

/* ---- opening ---- */

static enum lam_status read_options(const struct lam_read_options *given, struct lam_read_options *out,
                                    struct lam_error *error) {
  *out = (struct lam_read_options)LAM_READ_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_READ_OPTIONS_INIT", out, sizeof *out, error));
  if (out->batch_rows < 0)
    return lam_fail(error, LAM_INVALID, "batches of %" PRId64 " rows; expected at least 1, or 0 for the default",
                    out->batch_rows);
  return LAM_OK;
}

static enum lam_status init_column(struct lam_reader *reader, int32_t index, struct column *column,
                                   struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  int32_t top = reader->options.columns ? reader->options.columns[index] : index;
  const char *file = lam_file_name(reader->file);
  if (top < 0 || top >= lam_top_columns(meta))
    return lam_fail(error, LAM_INVALID, "%s: column %" PRId32 " is asked for; it has %" PRId32 " columns", file, top,
                    lam_top_columns(meta));
  int32_t node = lam_top_node(meta, top);
  struct lam_bytes name = meta->nodes[node].name;
  lam_chunk_init(&column->chunk, reader->mem);
  column->top = top;
  column->leaf = meta->nodes[node].leaf;
  enum lam_status status = LAM_OK;
  if (meta->nodes[node].children > 0 || meta->nodes[node].physical < 0 || meta->nodes[node].max_repetition > 0)
    status = lam_fail(error, LAM_UNSUPPORTED, "nested columns cannot be read by this version; leave it out");
  else
    status = lam_leaf_of_node(meta, node, &column->type, error);
  if (status != LAM_OK)
    return lam_fail_in(error, status, "%s: column '%.*s'", file, (int)name.size, (const char *)name.data);
  enum lam_type_id type = column->type.type.id;
  column->as_dictionary = reader->options.dictionaries && lam_type_is_binary(type);
  if (reader->mode.all_dictionaries) column->as_dictionary = type != LAM_TYPE_BOOL && type != LAM_TYPE_NULL;
  column->all_null = type == LAM_TYPE_NULL;
  return LAM_OK;
}

static enum lam_status init_groups(struct lam_reader *reader, struct lam_error *error) {
  int32_t all = lam_file_row_groups(reader->file);
  const int32_t *wanted = reader->options.row_groups;
  if (wanted && reader->options.row_group_count < 0)
    return lam_fail(error, LAM_INVALID, "%" PRId32 " row groups are asked for", reader->options.row_group_count);
  reader->row_group_count = wanted ? reader->options.row_group_count : all;
  void *memory;
  LAM_TRY(lam_alloc(reader->mem, (size_t)reader->row_group_count * sizeof(int32_t), &memory, error));
  reader->row_groups = memory;
  for (int32_t i = 0; i < reader->row_group_count; i++) {
    reader->row_groups[i] = wanted ? wanted[i] : i;
    if (reader->row_groups[i] < 0 || reader->row_groups[i] >= all)
      return lam_fail(error, LAM_INVALID, "%s: row group %" PRId32 " is asked for; it has %" PRId32,
                      lam_file_name(reader->file), reader->row_groups[i], all);
  }
  return LAM_OK;
}

static enum lam_status init_columns(struct lam_reader *reader, struct lam_error *error) {
  void *memory;
  int32_t count = reader->options.columns ? reader->options.column_count : lam_top_columns(lam_file_meta(reader->file));
  if (count < 0) return lam_fail(error, LAM_INVALID, "%" PRId32 " columns are asked for", count);
  LAM_TRY(lam_alloc_zero(reader->mem, (size_t)count * sizeof *reader->columns, &memory, error));
  reader->columns = memory;
  reader->column_count = count;
  LAM_TRY(lam_alloc(reader->mem, (size_t)count * sizeof *reader->refill, &memory, error));
  reader->refill = memory;
  for (int32_t i = 0; i < count; i++) LAM_TRY(init_column(reader, i, &reader->columns[i], error));
  return LAM_OK;
}

static enum lam_status init_codecs(struct lam_reader *reader, struct lam_error *error) {
  void *memory;
  uint32_t threads = reader->mode.one_thread ? 1 : lam_context_threads(lam_mem_context(reader->mem));
  if (reader->column_count > 0 && threads > (uint32_t)reader->column_count) threads = (uint32_t)reader->column_count;
  LAM_TRY(lam_alloc_zero(reader->mem, threads * sizeof *reader->codecs, &memory, error));
  reader->codecs = memory;
  reader->codec_count = threads;
  for (uint32_t i = 0; i < threads; i++) lam_codec_init(&reader->codecs[i], reader->mem);
  LAM_TRY(lam_alloc(reader->mem, threads * sizeof *reader->codec_taken, &memory, error));
  reader->codec_taken = memory;
  for (uint32_t i = 0; i < threads; i++) atomic_flag_clear(&reader->codec_taken[i]);
  return LAM_OK;
}

void lam_reader_close(struct lam_reader *reader) {
  if (!reader) return;
  struct lam_mem *mem = reader->mem, *own = reader->own_mem;
  for (int32_t i = 0; reader->columns && i < reader->column_count; i++)
    if (reader->columns[i].chunk.mem) lam_chunk_release(&reader->columns[i].chunk);
  for (uint32_t i = 0; i < reader->codec_count; i++) lam_codec_release(&reader->codecs[i]);
  lam_free(mem, reader->codecs, reader->codec_count * sizeof *reader->codecs);
  lam_free(mem, reader->codec_taken, reader->codec_count * sizeof *reader->codec_taken);
  lam_free(mem, reader->columns, (size_t)reader->column_count * sizeof *reader->columns);
  lam_free(mem, reader->refill, (size_t)reader->column_count * sizeof *reader->refill);
  lam_free(mem, reader->row_groups, (size_t)reader->row_group_count * sizeof *reader->row_groups);
  lam_free(mem, reader, sizeof *reader);
  if (own) lam_mem_close(own);
}

enum lam_status lam_reader_open_as(struct lam_file *file, const struct lam_read_options *given,
                                   const struct lam_reader_mode *mode, struct lam_mem *mem, struct lam_reader **out,
                                   struct lam_error *error) {
  struct lam_read_options options;
  void *memory;
  *out = NULL;
  LAM_TRY(read_options(given, &options, error));
  LAM_TRY(lam_alloc_zero(mem, sizeof(struct lam_reader), &memory, error));
  struct lam_reader *reader = memory;
  reader->file = file;
  reader->mem = mem;
  reader->options = options;
  reader->mode = *mode;
  enum lam_status status = init_groups(reader, error);
  if (status == LAM_OK) status = init_columns(reader, error);
  if (status == LAM_OK) status = init_codecs(reader, error);
  reader->options.columns = reader->options.row_groups = NULL; /* the caller's; not used from here on */
  if (status == LAM_OK)
    *out = reader;
  else
    lam_reader_close(reader);
  return status;
}

enum lam_status lam_reader_open_in(struct lam_file *file, const struct lam_read_options *options, struct lam_mem *mem,
                                   struct lam_reader **out, struct lam_error *error) {
  return lam_reader_open_as(file, options, &(struct lam_reader_mode){0}, mem, out, error);
}

enum lam_status lam_reader_open(struct lam_file *file, const struct lam_read_options *options, struct lam_reader **out,
                                struct lam_error *error) {
  struct lam_mem *mem;
  *out = NULL;
  LAM_TRY(lam_mem_open(lam_mem_context(lam_file_mem(file)), 0, &mem, error));
  enum lam_status status = lam_reader_open_in(file, options, mem, out, error);
  if (status == LAM_OK)
    (*out)->own_mem = mem;
  else
    lam_mem_close(mem);
  return status;
}

enum lam_status lam_reader_schema(const struct lam_reader *reader, struct ArrowSchema *out, struct lam_error *error) {
  void *memory;
  size_t count = (size_t)reader->column_count, size = count * (sizeof(int32_t) + sizeof(bool));
  out->release = NULL;
  LAM_TRY(lam_alloc(reader->mem, size, &memory, error));
  int32_t *columns = memory;
  bool *as_dictionary = (bool *)(columns + count);
  for (size_t i = 0; i < count; i++) {
    columns[i] = reader->columns[i].top;
    as_dictionary[i] = reader->columns[i].as_dictionary;
  }
  enum lam_status status =
      lam_schema_of_columns(reader->file, columns, reader->column_count, as_dictionary, out, error);
  lam_free(reader->mem, memory, size);
  return status;
}

void lam_reader_select(struct lam_reader *reader, int32_t row_group) {
  assert(reader->row_group_count == 1);
  reader->row_groups[0] = row_group;
  reader->next_group = 0;
  reader->rows_left = 0;
}
